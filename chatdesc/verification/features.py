"""What a learned verifier sees of a key frame: numbers without a scale of their own, so that one checkpoint serves all.

Cosines count by how a proposal stands among the others of its frame, scores by their lead, boxes in sizes of the
verified target. An encoder with other cosines, a frame of another size or a grounder with other scores gives the same.

>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes, *[boxes[:, 0] / 100] * 4], boxes[:0], boxes[:0, 0], boxes[1])
>>> found = features(e)
>>> found.shape == (2, len(NAMES)), found[1, NAMES.index("own")]
(True, np.float32(1.0))
"""

from __future__ import annotations

import numpy as np

from chatdesc.evidence import Evidence, Floats
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.verification.motion import displacement, doublings, side
from chatdesc.verification.similarity import APART, Terms, last_verified, terms, trust, word_scores

LONG = 5.0  # log(1 + frames) that counts as 1
MOST = 10.0  # proposals that count as 1
FAR = 3.0  # log(1 + displacement in sizes) that counts as 1
DOUBLINGS = 2.0  # doublings of the area that count as 1

NAMES = (
    *Terms._fields, "own", "own_trust", "trust", "on_tracker", "on_verified", "on_previous", "rival", "found",
    "distance", "verified_growth", "since", "count", "others", "template_rank", "word_rank", "first_growth",
    "first_size", "first_shape", "age",
)  # fmt: skip


def features(e: Evidence) -> Floats:
    """[P, F] the numbers ``NAMES`` of every proposal; they lie in [-1, 1], or near it."""
    own = np.zeros(len(e.boxes), np.float32)
    own[-1] = 1
    words = word_scores(e)
    rivals = iou_matrix(e.boxes, np.concatenate([e.boxes, e.background])) < APART
    on_tracker = iou_matrix(e.boxes, e.boxes[-1:])[:, 0]
    verified, sure = last_verified(e), trust(e)
    first = verified if e.first is None else e.first
    grown = _growth(e, first)
    columns = (
        *terms(e),
        own,
        own * sure,
        _same(e, sure),
        on_tracker,
        iou_matrix(e.boxes, verified[None])[:, 0],
        iou_matrix(e.boxes, e.previous[None])[:, 0],
        rivals.any(1),
        _same(e, float((on_tracker[:-1] >= APART).any())),
        _distance(e, verified),
        _growth(e, verified),
        _same(e, np.log1p(e.since) / LONG),
        _same(e, len(e.boxes) / MOST),
        _same(e, len(e.background) / MOST),
        _rank(e.template),
        _rank(words),
        grown,
        np.abs(grown),
        _shape(e, first),
        _same(e, np.log1p(e.age) / LONG),
    )
    return np.stack([np.asarray(c, np.float32) for c in columns], 1)


def _same(e: Evidence, value: float) -> Floats:
    return np.full(len(e.boxes), value, np.float32)


def _distance(e: Evidence, verified: Floats) -> Floats:
    """[P] how far the centre is from the verified one, in its sizes, as a logarithm."""
    return np.asarray(np.log1p(displacement(e.boxes, verified) / side(verified)) / FAR, np.float32)


def _growth(e: Evidence, before: Floats) -> Floats:
    """[P] doublings of the area of the box ``before``, in [-1, 1]."""
    return np.clip(doublings(e.boxes, before) / DOUBLINGS, -1, 1).astype(np.float32)


def _shape(e: Evidence, before: Floats) -> Floats:
    """[P] how far width by height is from that of the box ``before``, in doublings, at most 1."""
    now = np.maximum(e.boxes[:, 2], 1.0) / np.maximum(e.boxes[:, 3], 1.0)
    ratio = now * max(float(before[3]), 1.0) / max(float(before[2]), 1.0)
    return np.minimum(np.abs(np.log2(ratio)), 1).astype(np.float32)


def _rank(values: Floats) -> Floats:
    """[P] 1 for the greatest value, 0 for the least; equal values have equal ranks."""
    if len(values) < 2:
        return np.ones(len(values), np.float32)
    return ((values[:, None] > values[None]).sum(1) / (len(values) - 1)).astype(np.float32)
