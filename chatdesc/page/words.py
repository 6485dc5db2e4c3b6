"""Where the words of a row's texts lead: a grounder asked once more, on the frame that each text was written for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.protocols import Grounder
from chatdesc.rows.schema import Row
from chatdesc.stages.ground import best_words
from chatdesc.types import FrameRef, Frames, Ground, Grounding

MOST = 8  # proposals of a text
THETA = 0.5  # IoU from which a proposal counts as on the target


def grounded(row: Row, frames: Frames, grounder: Grounder) -> list[dict[str, Any]]:
    """The proposals and words of each text that the row tried.

    Returns:
        Per text ``start``, ``text``; ``boxes``: proposals as [x, y, w, h], best first; ``best``: per proposal its best
        word, score, and IoU with the target; ``words``: [start, stop, score on the target, score elsewhere, proposal]
        with the proposal on which the word scores most.
    """
    texts = _texts(row, len(frames))
    answers = grounder.ground([Ground(FrameRef(frames, start), text) for start, text in texts])
    return [
        {"start": start, "text": text} | _proposals(answer, row["boxes"][start], grounder.threshold)
        for (start, text), answer in zip(texts, answers, strict=True)
        if isinstance(answer, Grounding)
    ]


def _texts(row: Row, frames: int) -> list[tuple[int, str]]:
    """Each text with the frame that it is about, once."""
    tried = [(done["start"], done["text"]) for done in row["rounds"]]
    whole = [(0, text) for text in (row["manual_text"], row["text"]) if text]
    known = min(frames, len(row["boxes"]))
    return [(start, text) for start, text in dict.fromkeys([*whole, *tried]) if text and 0 <= start < known]


def _proposals(answer: Grounding, target: list[float], threshold: float) -> dict[str, Any]:
    if not len(answer.boxes) or not answer.words:
        return {"boxes": [], "best": [], "words": []}
    score = answer.scores.max(1)
    best_first = np.argsort(-score, kind="stable")
    order = best_first[: max(min(int((score >= threshold).sum()), MOST), 1)]  # the best one is shown whatever its score
    scores, boxes = answer.scores[order], answer.boxes[order]
    overlap = iou_matrix(boxes, np.array([target], np.float64))[:, 0]
    best = np.array(best_words(answer))[order]
    return {
        "boxes": [[round(float(v), 1) for v in box] for box in boxes],
        "best": [[str(w), float(s), float(o)] for w, s, o in zip(best, scores.max(1), overlap, strict=True)],
        "words": [_word(answer, scores, overlap >= THETA, place) for place in range(len(answer.words))],
    }


def _word(answer: Grounding, scores: NDArray[Any], on: NDArray[np.bool_], place: int) -> list[Any]:
    word, column = answer.words[place], scores[:, place]
    there, elsewhere = column[on].max(initial=0.0), column[~on].max(initial=0.0)
    return [word.start, word.end, float(there), float(elsewhere), int(column.argmax())]
