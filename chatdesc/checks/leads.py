"""What the checks with frames have in common: whether a text is read, and evidence as JSON values."""

from __future__ import annotations

from collections.abc import Iterable

from chatdesc.checks.language import english
from chatdesc.measures.leads import CLEAR
from chatdesc.measures.rank import rank
from chatdesc.metrics.overlap import iou
from chatdesc.stages.ground import is_content
from chatdesc.stages.look import Sight, View
from chatdesc.tables import Record
from chatdesc.types import split_words

MOSTLY = 0.5  # share of a text's content words that a grounder must know, for a finding
REGIONS = 3  # regions per frame that evidence names


def is_read(sight: Sight) -> bool:
    """Whether the grounder knows most words of a text; where it does not, a lead says nothing of the whole text."""
    return max(view.understood for view in sight.views) >= MOSTLY


def misspelt(text: str) -> bool:
    """Whether a text has words that are none, which a grounder does not know either."""
    words = (word.text.lower() for word in split_words(text))
    return any(is_content(word) and word.isalpha() and not english().knows(word) for word in words)


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


def _rounded(box: Iterable[float]) -> list[float]:
    return [round(float(value), 1) for value in box]


def digits(value: float | None) -> float | None:
    """A number as evidence has it."""
    return None if value is None or value != value else round(value, 3)
