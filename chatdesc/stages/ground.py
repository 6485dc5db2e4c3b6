"""What a grounder's answer says of a text: pure functions on the region x word matrix.

The method's own example, a target grounded by the phrase "human on a swing seat":

>>> import numpy as np
>>> positive_negative(["seat", "human", "swing", "seat"], np.array([0.41, 0.11, 0.23, 0.36]), theta=0.3)
(('seat',), ('human', 'swing'))
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import STOP_WORDS, Boxes, Grounding


@dataclass(frozen=True, slots=True)
class Feedback:
    """What grounding says of one text: words in order of their score, IoU and margin as in DESIGN's method."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    iou: float
    margin: float
    proposals: int


def is_content(word: str) -> bool:
    return word.lower() not in STOP_WORDS


def best_words(grounding: Grounding) -> list[str]:
    """Per proposal the content word with the highest score, lower-cased; all words count if none has content."""
    content = np.array([is_content(w.text) for w in grounding.words], bool)
    scores = grounding.scores if not content.any() else np.where(content, grounding.scores, -np.inf)
    return [grounding.words[int(i)].text.lower() for i in scores.argmax(1)]


def positive_negative(
    words: list[str], ious: NDArray[np.floating], theta: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that found the target and words that led elsewhere.

    Args:
        words: the best word of each proposal, best proposal first.
        ious: [P] IoU of each proposal with the target's box.
        theta: from this IoU on a proposal is on the target.

    A word that is positive anywhere is not negative.
    """
    positive = tuple(dict.fromkeys(w for w, o in zip(words, ious, strict=True) if o >= theta))
    negative = tuple(dict.fromkeys(w for w, o in zip(words, ious, strict=True) if o < theta and w not in positive))
    return positive, negative


def feedback(grounding: Grounding, box: Boxes, theta: float, threshold: float, lead: float = 0.0) -> Feedback:
    """Judge one grounding against the target's box (xywh, pixels).

    With a ``lead`` a word is negative only if it scores higher by that much elsewhere than on the target: what fits a
    look-alike and the target alike does not set it apart, but it is true of it and no reason to leave the word out.

    ``iou`` is that of the best-scoring kept proposal (0 if none is kept); ``margin`` is the best score on the target
    minus the best score elsewhere, a missing side counting 0.
    """
    if not len(grounding.boxes) or not grounding.words:
        return Feedback((), (), 0.0, 0.0, 0)
    ious = iou_matrix(grounding.boxes, np.asarray(box, np.float32)[None])[:, 0]
    best = grounding.scores.max(1)
    on_target = best[ious >= theta].max(initial=0.0)
    margin = float(on_target - best[ious < theta].max(initial=0.0))
    order = np.argsort(-best, kind="stable")
    kept = order[best[order] >= threshold]
    if not len(kept):
        return Feedback((), (), 0.0, margin, 0)
    words = best_words(grounding)
    positive, negative = positive_negative([words[i] for i in kept], ious[kept], theta)
    if lead > 0:
        shared = _shared(grounding, ious >= theta, lead)
        negative = tuple(w for w in negative if w not in shared)
    if len(grounding.words) == 1 and grounding.words[0].text.count(" "):
        positive, negative = (), ()  # a score for the text as a whole says nothing of its words
    return Feedback(positive, negative, float(ious[kept[0]]), margin, len(kept))


def _shared(grounding: Grounding, on_target: NDArray[np.bool_], lead: float) -> set[str]:
    """The words that lead elsewhere by less than ``lead``."""
    on = grounding.scores[on_target].max(0, initial=0.0)
    off = grounding.scores[~on_target].max(0, initial=0.0)
    return {w.text.lower() for w, a, b in zip(grounding.words, on, off, strict=True) if b - a < lead}


def merge(parts: list[Feedback]) -> Feedback:
    """Feedback of several frames as one: IoU and margin averaged, words united."""
    positive = tuple(dict.fromkeys(w for p in parts for w in p.positive))
    negative = tuple(dict.fromkeys(w for p in parts for w in p.negative if w not in positive))
    iou = float(np.mean([p.iou for p in parts]))
    margin = float(np.mean([p.margin for p in parts]))
    return Feedback(positive, negative, iou, margin, sum(p.proposals for p in parts))
