"""The verifier ``raw-similarity``: a weighted sum of raw cosines and scores, kept to be compared with.

Its weights fit encoders whose cosines spread from 0 to 1. With CLIP's, a lost target seldom comes back.

>>> column = lambda *values: np.array(values, np.float32)
>>> boxes = np.array([[10, 10, 20, 20], [12, 10, 20, 20]], np.float32)
>>> evidence = Evidence(
...     boxes, scores=column(0.9, 0.9), template=column(0.6, 0.8), recent=column(0.7, 0.7), text=column(0.3, 0.3),
...     background=boxes[:0], background_scores=column(), previous=boxes[0],
... )
>>> fitness(evidence).round(3)
array([0.92 , 0.995], dtype=float32)
"""

from __future__ import annotations

import numpy as np

from chatdesc.evidence import Choice, Evidence, Floats
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import Boxes
from chatdesc.verification.answer import last_best
from chatdesc.verification.motion import displacement, doublings, side

# Three cosines of one encoder say how alike a proposal is to the target, and count alike.
AGREEMENT = 0.5
# The grounder's score counts less: it is high on everything that the words fit.
GROUNDING = 0.3
# A proposal that is all background, as its texts found it, loses as much as a cosine can give.
BACKGROUND = 0.5
# At their limit of 2, displacement and change of size lose as much as a cosine can give.
MOTION = 0.25
RESIZE = 0.25


def fitness(e: Evidence) -> Floats:
    """[P] how well each proposal fits the target; comparable within one frame only.

    A weighted sum: agreement with the template, the last verified crop and the text, and the grounder's score; less
    overlap with the background, displacement, and change of size. The text's cosines count relative to the best among
    the proposals.
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


def raw_similarity(e: Evidence) -> Choice:
    """The proposal with the best fitness, among equals the tracker's own; never none."""
    values = fitness(e)
    return Choice(last_best(values), doubt=-float(values.max()))


def _jump(boxes: Boxes, previous: Boxes) -> Floats:
    """[P] centre displacement in target sizes, at most 2."""
    return np.minimum(displacement(boxes, previous) / side(previous), 2.0).astype(np.float32)


def _resize(boxes: Boxes, previous: Boxes) -> Floats:
    """[P] |log2| of the area ratio, at most 2."""
    return np.minimum(np.abs(doublings(boxes, previous)), 2.0).astype(np.float32)
