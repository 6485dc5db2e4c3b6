"""The bounds of every verifier: a random choice, and the oracle's.

>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes] * 5, boxes[:0], boxes[:0, 0], boxes[1], truth=boxes[0])
>>> oracle(e).index
0
"""

from __future__ import annotations

import numpy as np

from chatdesc.evidence import Choice, Evidence
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.verification.answer import last_best


def random_choice(e: Evidence) -> Choice:
    """A random proposal, the same for the same seed: the floor for every verifier."""
    return Choice(int(np.random.default_rng(e.seed).integers(len(e.boxes))))


def oracle(e: Evidence) -> Choice:
    """The proposal that overlaps the truth most, the last among equals: the ceiling for every verifier.

    One that overlaps nothing is not verified. Without a truth the target is not in view, and none is chosen.
    """
    if e.truth is None:
        return Choice(None, doubt=1.0)
    ious = iou_matrix(e.boxes, e.truth[None])[:, 0]
    return Choice(last_best(ious), verified=bool(ious.max() > 0), doubt=-float(ious.max()))
