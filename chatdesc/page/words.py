"""Where the words of a row's texts lead: a grounder asked once more, on the frame that each text was written for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc import backends
from chatdesc.config import Settings
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.page.records import made_by
from chatdesc.protocols import Grounder
from chatdesc.rows.schema import Row
from chatdesc.stages.ground import best_words, feedback
from chatdesc.types import ChatdescError, FrameRef, Frames, Ground, Grounding

MOST = 8  # proposals of a text


def grounder_of(name: str | None, root: object, device: str) -> Grounder | None:
    """The grounder of that name; None where none is named.

    Raises:
        ChatdescError: it has no frames to look at, or cannot be made.
    """
    if name and not root:
        raise ChatdescError("the grounder needs the frames: say where the dataset is with --root")
    return backends.create("grounder", name, device=device) if name else None


def grounded(
    row: Row, frames: Frames, grounder: Grounder, more: Iterable[tuple[int, str]] = ()
) -> list[dict[str, Any]]:
    """The proposals and words of each text that the row tried.

    A proposal is on the target from the IoU on that the run has counted from (``theta``).

    Args:
        more: other texts, each with the frame that it is grounded on.

    Returns:
        Per text ``start``, ``text``; ``iou`` of its best proposal and ``margin``, as in rows; ``boxes``: proposals as
        [x, y, w, h], best first; ``best``: per proposal its best word, score, and whether it is on the target;
        ``words``: [start, stop, score on the target, score elsewhere, proposal] with the proposal on which the word
        scores most.
    """
    texts, theta = _texts(row, len(frames), more), theta_of(row)
    answers = _answers(grounder, [Ground(FrameRef(frames, start), text) for start, text in texts])
    return [
        {"start": start, "text": text}
        | _figures(answer, row["boxes"][start], grounder.threshold, theta)
        | _proposals(answer, row["boxes"][start], grounder.threshold, theta)
        for (start, text), answer in zip(texts, answers, strict=True)
        if isinstance(answer, Grounding)
    ]


def theta_of(row: Row) -> float:
    """The IoU from which the run counted a proposal as on the target; the default where the row does not say it."""
    settings = made_by(row).get("settings")
    theta = settings.get("theta") if isinstance(settings, dict) else None
    return theta if isinstance(theta, float) else Settings().theta


def _answers(grounder: Grounder, requests: list[Ground]) -> Iterator[Grounding | Exception]:
    for start in range(0, len(requests), grounder.max_batch):
        yield from grounder.ground(requests[start : start + grounder.max_batch])


def _texts(row: Row, frames: int, more: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Each text with the frame that it is about, once."""
    tried = [(done["start"], done["text"]) for done in row["rounds"]]
    whole = [(0, text) for text in (row["manual_text"], row["text"]) if text]
    known = min(frames, len(row["boxes"]))
    return [(start, text) for start, text in dict.fromkeys([*whole, *tried, *more]) if text and 0 <= start < known]


def _figures(answer: Grounding, target: list[float], threshold: float, theta: float) -> dict[str, float]:
    said = feedback(answer, np.array(target, np.float32), theta, threshold)
    return {"iou": said.iou, "margin": said.margin}


def _proposals(answer: Grounding, target: list[float], threshold: float, theta: float) -> dict[str, Any]:
    if not len(answer.boxes) or not answer.words:
        return {"boxes": [], "best": [], "words": []}
    score = answer.scores.max(1)
    best_first = np.argsort(-score, kind="stable")
    order = best_first[: max(min(int((score >= threshold).sum()), MOST), 1)]  # the best one is shown whatever its score
    scores, boxes = answer.scores[order], answer.boxes[order]
    on = iou_matrix(boxes, np.array([target], np.float64))[:, 0] >= theta
    best = np.array(best_words(answer))[order]
    return {
        "boxes": [[round(float(v), 1) for v in box] for box in boxes],
        "best": [[str(w), float(s), bool(o)] for w, s, o in zip(best, scores.max(1), on, strict=True)],
        "words": [_word(answer, scores, on, place) for place in range(len(answer.words))],
    }


def _word(answer: Grounding, scores: NDArray[Any], on: NDArray[np.bool_], place: int) -> list[Any]:
    word, column = answer.words[place], scores[:, place]
    there, elsewhere = column[on].max(initial=0.0), column[~on].max(initial=0.0)
    return [word.start, word.end, float(there), float(elsewhere), int(column.argmax())]
