"""Foreground verification: which of the proposals is the target.

All verifiers are pure functions of the same evidence, so that they can be compared on the same proposals:

>>> evidence = Evidence(...)                                     # doctest: +SKIP
>>> best = similarity(evidence)                                  # index of a proposal
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import Boxes


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What is known of P foreground proposals of one frame.

    Attributes:
        boxes: [P, 4] xywh, pixels; the visual tracker's own box is the last one.
        scores: [P] the grounder's best word score; the tracker's confidence for its own box.
        template: [P] cosine with the template crop.
        recent: [P] cosine with the last verified crop.
        text: [P] cosine with the text.
        background: [B, 4] xywh boxes that the background texts led to.
        background_scores: [B].
        previous: [4] xywh, the target in the last frame, as the tracker has it.
        verified: [4] xywh, the target when it was last verified: its size is to be trusted where a tracker's own box
            has shrunk or grown on it. None takes ``previous``.
        truth: [4] xywh, the ground truth, which only ``oracle`` may look at; None where it is unknown.
    """

    boxes: Boxes
    scores: NDArray[np.float32]
    template: NDArray[np.float32]
    recent: NDArray[np.float32]
    text: NDArray[np.float32]
    background: Boxes
    background_scores: NDArray[np.float32]
    previous: Boxes
    truth: Boxes | None = None
    seed: int = 0
    verified: Boxes | None = None


Verifier = Callable[[Evidence], int]


def fitness(e: Evidence) -> NDArray[np.float32]:
    """[P] how well each proposal fits: template and text agreement, motion and size kept, background avoided.

    The text's cosines are compared among the proposals (a cosine has no absolute meaning across encoders); a
    target seldom jumps by more than its own size between frames or changes its size much between key frames.
    """
    text = e.text - e.text.max(initial=0.0)
    overlap = iou_matrix(e.boxes, e.background) * e.background_scores[None] if len(e.background) else np.zeros((1, 1))
    return (
        0.5 * e.template
        + 0.5 * e.recent
        + 0.5 * text
        + 0.3 * e.scores
        - 0.5 * overlap.max(1, initial=0.0)
        - 0.25 * _jump(e.boxes, e.previous)
        - 0.25 * _resize(e.boxes, e.previous if e.verified is None else e.verified)
    ).astype(np.float32)


def similarity(e: Evidence) -> int:
    """Training-free choice: the proposal with the best fitness, the tracker's own (the last) among equals."""
    return _last_best(fitness(e))


def random_choice(e: Evidence) -> int:
    """Floor: any proposal, reproducibly."""
    return int(np.random.default_rng(e.seed).integers(len(e.boxes)))


def oracle(e: Evidence) -> int:
    """Ceiling: the proposal that overlaps the truth most (the last among equals); without truth, ``similarity``."""
    if e.truth is None:
        return similarity(e)
    return _last_best(iou_matrix(e.boxes, e.truth[None])[:, 0])


VERIFIERS: dict[str, Verifier] = {"similarity": similarity, "random": random_choice, "oracle": oracle}


def _last_best(values: NDArray[np.floating]) -> int:
    return len(values) - 1 - int(values[::-1].argmax())


def _jump(boxes: Boxes, previous: Boxes) -> NDArray[np.float32]:
    """[P] centre displacement in target sizes, at most 2."""
    centre = boxes[:, :2] + boxes[:, 2:] / 2 - (previous[:2] + previous[2:] / 2)
    size = np.sqrt(max(float(np.prod(previous[2:])), 1.0))
    return np.minimum(np.hypot(centre[:, 0], centre[:, 1]) / size, 2.0).astype(np.float32)


def _resize(boxes: Boxes, previous: Boxes) -> NDArray[np.float32]:
    """[P] |log2| of the area ratio, at most 2."""
    area = np.maximum(np.prod(boxes[:, 2:], 1), 1.0)
    before = max(float(np.prod(previous[2:])), 1.0)
    return np.minimum(np.abs(np.log2(area / before)), 2.0).astype(np.float32)
