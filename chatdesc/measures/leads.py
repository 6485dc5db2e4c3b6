"""What measures and checks of an audit have in common: leads over frames in the middle, and what encoders say of words.

The limits were chosen on synthetic scenes of the seeds 1 to 3, 11, 12 and 17 (benchmarks/audit_frames.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from chatdesc.places import places_in
from chatdesc.stages.look import Sight, View, Without

LEAST_VIEWS = 2  # frames on which a text must lead somewhere, for a finding
CLEAR = 0.35  # a lead from which one region is meant, and not the other
FALSE = 5.0  # cosine x 100 by which the target agrees better with a text without a word that is not true of it
UNLIKE = 18.0  # from which on another region agrees better, so that it is what the text means


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the known values; None where fewer than LEAST_VIEWS are known.

    >>> middle([0.5, None, 0.1]), middle([0.5, None])
    (0.3, None)
    """
    known = [value for value in values if value is not None]
    return float(median(known)) if len(known) >= LEAST_VIEWS else None


def gain(sight: Sight, without: Without) -> float | None:
    """By how much better the target agrees with the text without a word, cosine x 100; the median of the frames."""
    pairs = zip(sight.views, without.alignments, strict=False)
    return middle(None if view.alignment is None else rest - view.alignment for view, rest in pairs)


def is_false(sight: Sight, without: Without) -> bool:
    """Whether the encoder says that a word is not true of the target."""
    gained = gain(sight, without)
    return gained is not None and gained >= FALSE


def out_of_place(text: str, view: View, region: int) -> bool:
    """Whether a region is not at a place of the frame that a text names, so that the text cannot mean it."""
    return any(place.fits(view.boxes[region], view.size) is False for place in places_in(text))


def unfit_place(text: str, view: View) -> str:
    """The first words of place in a text that do not fit the target on a frame; empty where all do."""
    return next((place.words for place in places_in(text) if place.fits(view.target, view.size) is False), "")
