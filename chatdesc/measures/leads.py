"""What measures and checks of an audit have in common: leads over frames in the middle, and what encoders say of words.

The limits were chosen on synthetic scenes of the seeds 1 to 3, 11, 12 and 17 (benchmarks/audit_frames.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import numpy as np

from chatdesc.places import places_in
from chatdesc.stages.look import Sight, View, Without

LEAST_VIEWS = 2  # frames on which a text must lead somewhere, for a finding
CLEAR = 0.35  # a lead from which one region is meant, and not the other
FALSE = 5.0  # cosine x 100 by which the target agrees better with a text without a word that is not true of it
SLIGHT = 0.5  # share of the grounder's threshold up to which a score on the target does not support a word
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


def support(view: View, threshold: float | None) -> float:
    """How far the target supports what a text says: the mean over its content words, in [0, 1].

    A word counts as its best score on the target divided by the grounder's threshold, at most 1, so that a grounder
    need not be sure of what it would propose. Words that the grounder does not know are left out; 1 where none is left.
    """
    known = ~np.isnan(on := view.scores_on)
    return float(np.minimum(1.0, on[known] / max(threshold or 0.0, 1e-6)).mean()) if known.any() else 1.0


def is_elsewhere(sight: Sight, k: int, words: int, threshold: float | None) -> bool:
    """Whether the grounder finds the k-th of a text's content words elsewhere, and not on the target.

    Its score reaches the threshold elsewhere, and is below SLIGHT of it on the target, in the middle of the frames.
    """
    seen = [view for view in sight.views if view.scores.shape[1] == words]
    on, off = middle(view.scores_on[k] for view in seen), middle(view.scores_off[k] for view in seen)
    if not threshold or on is None or off is None:
        return False
    return on < SLIGHT * threshold and off >= threshold


def out_of_place(text: str, view: View, region: int) -> bool:
    """Whether a region is not at a place of the frame that a text names, so that the text cannot mean it."""
    return any(place.fits(view.boxes[region], view.size) is False for place in places_in(text))


def unfit_place(text: str, view: View) -> str:
    """The first words of place in a text that do not fit the target on a frame; empty where all do."""
    return next((place.words for place in places_in(text) if place.fits(view.target, view.size) is False), "")
