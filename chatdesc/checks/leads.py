"""What the checks with frames have in common: leads over frames in the middle, and evidence as JSON values."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from chatdesc.checks.language import english
from chatdesc.metrics.overlap import iou
from chatdesc.places import places_in
from chatdesc.stages.ground import is_content
from chatdesc.stages.look import Sight, View, Without
from chatdesc.tables import Record
from chatdesc.types import split_words

LEAST_VIEWS = 2  # frames on which a text must lead somewhere, for a finding
CLEAR = 0.35  # a lead from which one region is meant, and not the other
FALSE = 5.0  # cosine x 100 by which the target agrees better with a text without a word that is not true of it
UNLIKE = 18.0  # from which on another region agrees better, so that it is what the text means
MOSTLY = 0.5  # share of a text's content words that a grounder must know, for a finding
REGIONS = 3  # regions per frame that evidence names


def middle(values: Iterable[float | None]) -> float | None:
    """The median of the known values; None where fewer than LEAST_VIEWS are known.

    >>> middle([0.5, None, 0.1]), middle([0.5, None])
    (0.3, None)
    """
    known = [value for value in values if value is not None]
    return float(median(known)) if len(known) >= LEAST_VIEWS else None


def is_read(sight: Sight) -> bool:
    """Whether the grounder knows most words of a text; where it does not, a lead says nothing of the whole text."""
    return max(view.understood for view in sight.views) >= MOSTLY


def misspelt(text: str) -> bool:
    """Whether a text has words that are none, which a grounder does not know either."""
    words = (word.text.lower() for word in split_words(text))
    return any(is_content(word) and word.isalpha() and not english().knows(word) for word in words)


def gain(sight: Sight, without: Without) -> float | None:
    """By how much better the target agrees with the text without a word, cosine x 100; the median of the frames."""
    pairs = zip(sight.views, without.alignments, strict=False)
    return middle(None if view.alignment is None else rest - view.alignment for view, rest in pairs)


def is_false(sight: Sight, without: Without) -> bool:
    """Whether the encoder says that a word is not true of the target."""
    gained = gain(sight, without)
    return gained is not None and gained >= FALSE


def begins_on(sight: Sight) -> bool:
    """Whether the text clearly leads to the target on the first frame."""
    first = sight.views[0].lead
    return first is not None and first >= CLEAR


def span_of(words: str, text: str) -> tuple[int, int] | None:
    """Where some words stand in a text; None where they stand there twice, or not in this form.

    >>> span_of("red", "a red kite"), span_of("red", "a hundred red kites")
    ((2, 5), None)
    """
    start = text.find(words)
    return (start, start + len(words)) if text.count(words) == 1 else None


def frames_of(views: Iterable[View]) -> str:
    """Numbers of frames in words."""
    return ", ".join(str(view.frame) for view in views)


def evidence(sight: Sight) -> Record:
    """What a person needs to look: models, and per frame the target, the best regions and their scores."""
    return {
        "grounder": sight.grounder,
        "encoder": sight.encoder,
        "frames": [_frame(view) for view in sight.views],
    }


def _frame(view: View) -> Record:
    return {
        "frame": view.frame,
        "target": _rounded(view.target),
        "lead": digits(view.lead),
        "alignment": digits(view.alignment),
        "alignment_lead": digits(view.alignment_lead),
        "rank": rank(view),
        "regions": [
            {
                "box": _rounded(view.boxes[k]),
                "score": digits(float(view.fits[k])),
                "iou": digits(float(iou(view.boxes[k], view.target))),
                "alignment": digits(float(view.alignments[k])),
            }
            for k in range(min(REGIONS, len(view.boxes)))
        ],
    }


def rank(view: View) -> int | None:
    """The target's place among the regions, 1 for the best; None where no region is on it."""
    places = view.on_target.nonzero()[0]
    return int(places[0]) + 1 if len(places) else None


def _rounded(box: Iterable[float]) -> list[float]:
    return [round(float(value), 1) for value in box]


def digits(value: float | None) -> float | None:
    """A number as evidence has it."""
    return None if value is None or value != value else round(value, 3)


def out_of_place(text: str, view: View, region: int) -> bool:
    """Whether a region is not at a place of the frame that a text names, so that the text cannot mean it."""
    return any(place.fits(view.boxes[region], view.size) is False for place in places_in(text))


def unfit_places(sight: Sight) -> list[str]:
    """Per view, the first words of place that do not fit the target there; empty where all do."""
    places = places_in(sight.text)
    return [
        next((place.words for place in places if place.fits(view.target, view.size) is False), "")
        for view in sight.views
    ]
