"""Where a text leads on several frames, as means: IoU, margin, and the target's rank among the proposals.

>>> from chatdesc.types import Word
>>> boxes = np.float32([[40, 0, 10, 10], [0, 0, 10, 10], [80, 0, 10, 10]])
>>> answer = Grounding(boxes, (Word("kite", 0, 4),), np.float32([[0.9], [0.6], [0.2]]))
>>> seen = found("manual", [answer], [boxes[1]], theta=0.5, threshold=0.3)
>>> seen.iou, round(seen.margin, 2), seen.reciprocal_rank
(0.0, -0.3, 0.5)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.ground import feedback, merge
from chatdesc.types import Boxes, Grounding


@dataclass(frozen=True, slots=True)
class Found:
    """One text in a grounder's eyes; means over ``frames`` frames.

    Attributes:
        text: the text's name, such as ``manual``.
        iou: IoU with the target of the best-scoring proposal from the threshold on; 0 without one.
        top_iou: the same of the best-scoring proposal whatever its score.
        margin: best score on the target minus best score elsewhere, in [-1, 1].
        reciprocal_rank: 1 / the target's rank among the proposals, in [0, 1]; see ``reciprocal_rank``.
        truncated: whether the grounder cut the text on one of the frames.
    """

    text: str
    iou: float
    top_iou: float
    margin: float
    reciprocal_rank: float
    frames: int
    truncated: bool


def found(name: str, groundings: Sequence[Grounding], boxes: Sequence[Boxes], theta: float, threshold: float) -> Found:
    """What groundings of one text say together.

    Args:
        name: the text's name.
        groundings: one per frame, at least one.
        boxes: the target's box on each frame, [4] xywh in pixels.
        theta: a proposal with at least this IoU is on the target.
        threshold: a proposal whose best word scores less is none for ``iou``.
    """
    pairs = list(zip(groundings, boxes, strict=True))
    said = merge([feedback(grounding, box, theta, threshold) for grounding, box in pairs])
    ranks = float(np.mean([reciprocal_rank(grounding, box, theta) for grounding, box in pairs]))
    return Found(name, said.iou, said.top_iou, said.margin, ranks, len(pairs), said.truncated)


def reciprocal_rank(grounding: Grounding, box: Boxes, theta: float) -> float:
    """1 / rank of the best-scoring proposal on the target among all proposals by score; 0 where none is on it.

    A proposal elsewhere with the same score ranks before it, so a grounder that cannot tell things apart is not
    rewarded.

    Source: Voorhees, "The TREC-8 question answering track report", 1999.
    """
    if not len(grounding.boxes) or not grounding.words:
        return 0.0
    on = iou_matrix(grounding.boxes, np.asarray(box, np.float32)[None])[:, 0] >= theta
    if not on.any():
        return 0.0
    best = grounding.scores.max(1)
    return 1 / (1 + int((best[~on] >= best[on].max()).sum()))
