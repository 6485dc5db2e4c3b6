"""Foreground verification: the choice of the target among the proposals of one frame.

All verifiers are pure functions of the same evidence, so they can be compared on the same proposals. Here the second of
two proposals looks more like the target's template:

>>> column = lambda *values: np.array(values, np.float32)
>>> boxes = np.array([[10, 10, 20, 20], [12, 10, 20, 20]], np.float32)
>>> evidence = Evidence(
...     boxes, scores=column(0.9, 0.9), template=column(0.6, 0.8), recent=column(0.7, 0.7), text=column(0.3, 0.3),
...     background=boxes[:0], background_scores=column(), previous=boxes[0],
... )
>>> similarity(evidence)
1
>>> fitness(evidence).round(3)
array([0.92 , 0.995], dtype=float32)
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
    """Measurements of P foreground proposals of one frame. Boxes are xywh in pixels, float32; cosines are in [-1, 1].

    Attributes:
        boxes: [P, 4]; the visual tracker's own box is the last one.
        scores: [P] in [0, 1]: the grounder's best word score; the tracker's confidence for its own box.
        template: [P] cosine with the crop of the first frame.
        recent: [P] cosine with the last verified crop.
        text: [P] cosine with the text.
        background: [B, 4] the boxes that the background texts led to.
        background_scores: [B] the grounder's scores of these boxes.
        previous: [4] the target in the frame before, as the tracker has it.
        truth: [4] the ground truth, which only ``oracle`` may use; None where it is unknown.
        seed: of ``random_choice``.
        verified: [4] the target when it was last verified. Its size is reliable where the tracker's own box has shrunk
            or grown since. None takes ``previous``.
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


# Weights of ``fitness``. Three cosines of one encoder say how alike a proposal is to the target, and count alike.
AGREEMENT = 0.5
# The grounder's score counts less: it is high on everything that the words fit.
GROUNDING = 0.3
# A proposal that is all background, as its texts found it, loses as much as a cosine can give.
BACKGROUND = 0.5
# At their limit of 2, displacement and change of size lose as much as a cosine can give.
MOTION = 0.25
RESIZE = 0.25


def fitness(e: Evidence) -> NDArray[np.float32]:
    """[P] how well each proposal fits the target; comparable within one frame only.

    A weighted sum: agreement with the template, the last verified crop and the text, and the grounder's score; less
    overlap with the background, displacement, and change of size. The text's cosines count relative to the best among
    the proposals, because a cosine has no absolute meaning across encoders. A target seldom moves by more than its own
    size between frames, or changes its size much between key frames.
    """
    text = e.text - e.text.max(initial=0.0)
    overlap = iou_matrix(e.boxes, e.background) * e.background_scores[None] if len(e.background) else np.zeros((1, 1))
    return (
        AGREEMENT * e.template
        + AGREEMENT * e.recent
        + AGREEMENT * text
        + GROUNDING * e.scores
        - BACKGROUND * overlap.max(1, initial=0.0)
        - MOTION * _jump(e.boxes, e.previous)
        - RESIZE * _resize(e.boxes, e.previous if e.verified is None else e.verified)
    ).astype(np.float32)


def similarity(e: Evidence) -> int:
    """Index of the proposal with the best fitness, without training; among equals the last, the tracker's own."""
    return _last_best(fitness(e))


def random_choice(e: Evidence) -> int:
    """Index of a random proposal, the same for the same seed: the floor for every verifier."""
    return int(np.random.default_rng(e.seed).integers(len(e.boxes)))


def oracle(e: Evidence) -> int:
    """Index of the proposal that overlaps the truth most, the last among equals: the ceiling for every verifier.

    Without a truth it chooses as ``similarity`` does.
    """
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
