"""Feedback from grounding: pure functions on the region x word matrix of a Grounding.

The rule is that of ChatTracker (NeurIPS 2024), section "Reflection-based Prompt Optimization": a word that leads to a
region on the target is positive, a word that leads elsewhere is negative. Its example grounds a target by the phrase
"human on a swing seat":

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
    """Feedback on one text.

    Attributes:
        positive, negative: words that led to the target, and words that led elsewhere, best score first.
        iou: IoU with the target's box of the best-scoring proposal from the threshold on; 0 without one.
        margin: best score on the target minus best score elsewhere, in [-1, 1].
        proposals: how many proposals are from the threshold on.
        top_iou: IoU with the target's box of the best-scoring proposal whatever its score; 0 without one.
        truncated: whether the grounder cut the text.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...]
    iou: float
    margin: float
    proposals: int
    top_iou: float = 0.0
    truncated: bool = False


def is_content(word: str) -> bool:
    """Whether a word says something alone, unlike "the", "of" or "with"."""
    return word.lower() not in STOP_WORDS


def best_words(grounding: Grounding) -> list[str]:
    """[P] the content word with the highest score on each proposal, in lower case.

    All words count in a text that has no content word.
    """
    content = np.array([is_content(w.text) for w in grounding.words], bool)
    scores = grounding.scores if not content.any() else np.where(content, grounding.scores, -np.inf)
    return [grounding.words[int(i)].text.lower() for i in scores.argmax(1)]


def positive_negative(
    words: list[str], ious: NDArray[np.floating], theta: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that led to the target, and words that led elsewhere.

    Args:
        words: [P] the best word of each proposal, best proposal first.
        ious: [P] IoU of each proposal with the target's box.
        theta: a proposal with at least this IoU is on the target.

    Returns:
        Positive and negative words, each once and in the order of ``words``. A positive word is never negative.
    """
    positive = tuple(dict.fromkeys(w for w, o in zip(words, ious, strict=True) if o >= theta))
    negative = tuple(dict.fromkeys(w for w, o in zip(words, ious, strict=True) if o < theta and w not in positive))
    return positive, negative


def feedback(grounding: Grounding, box: Boxes, theta: float, threshold: float, lead: float = 0.0) -> Feedback:
    """Compare one grounding with the target's box.

    Args:
        grounding: P proposals with the scores of W words.
        box: [4] xywh, pixels.
        theta: a proposal with at least this IoU is on the target.
        threshold: a proposal whose best word scores less counts for the margin only.
        lead: with a lead above 0, a word is negative only if its best score elsewhere exceeds its best score on the
            target by at least that much. A word that fits the target and a look-alike alike is true of the target.

    Returns:
        The feedback. A side of the margin without a proposal counts 0. A grounder that scores a phrase as a whole
        gives no positive or negative words.
    """
    if not len(grounding.boxes) or not grounding.words:
        return Feedback((), (), 0.0, 0.0, 0, truncated=grounding.truncated)
    ious = iou_matrix(grounding.boxes, np.asarray(box, np.float32)[None])[:, 0]
    best = grounding.scores.max(1)
    on_target = best[ious >= theta].max(initial=0.0)
    margin = float(on_target - best[ious < theta].max(initial=0.0))
    order = np.argsort(-best, kind="stable")
    kept = order[best[order] >= threshold]
    top = float(ious[order[0]])
    if not len(kept):
        return Feedback((), (), 0.0, margin, 0, top, grounding.truncated)
    words = best_words(grounding)
    positive, negative = positive_negative([words[i] for i in kept], ious[kept], theta)
    if lead > 0:
        shared = _shared(grounding, ious >= theta, lead)
        negative = tuple(w for w in negative if w not in shared)
    if any(" " in w.text for w in grounding.words):
        positive, negative = (), ()  # a score for a phrase as a whole says nothing of its words
    return Feedback(positive, negative, float(ious[kept[0]]), margin, len(kept), top, grounding.truncated)


def _shared(grounding: Grounding, on_target: NDArray[np.bool_], lead: float) -> set[str]:
    """Words whose best score elsewhere exceeds their best score on the target by less than ``lead``."""
    on = grounding.scores[on_target].max(0, initial=0.0)
    off = grounding.scores[~on_target].max(0, initial=0.0)
    return {w.text.lower() for w, a, b in zip(grounding.words, on, off, strict=True) if b - a < lead}


def merge(parts: list[Feedback]) -> Feedback:
    """Feedback of several frames as one: mean IoUs and margin, all words; a word positive in any frame is positive."""
    positive = tuple(dict.fromkeys(w for p in parts for w in p.positive))
    negative = tuple(dict.fromkeys(w for p in parts for w in p.negative if w not in positive))
    iou = float(np.mean([p.iou for p in parts]))
    margin = float(np.mean([p.margin for p in parts]))
    top = float(np.mean([p.top_iou for p in parts]))
    truncated = any(p.truncated for p in parts)
    return Feedback(positive, negative, iou, margin, sum(p.proposals for p in parts), top, truncated)
