"""How far boxes are from an earlier one: in pixels, and in doublings of its area. Boxes under a pixel count as one.

>>> before = np.array([10, 10, 20, 20], np.float32)
>>> boxes = np.array([[10, 10, 20, 20], [30, 50, 40, 20]], np.float32)
>>> displacement(boxes, before).tolist(), doublings(boxes, before).tolist(), side(before)
([0.0, 50.0], [0.0, 1.0], 20.0)
"""

from __future__ import annotations

import numpy as np

from chatdesc.evidence import Floats


def displacement(boxes: Floats, before: Floats) -> Floats:
    """[P] distance between the middles of ``boxes`` [P, 4] and of ``before`` [4], pixels."""
    moved = boxes[:, :2] + boxes[:, 2:] / 2 - (before[:2] + before[2:] / 2)
    return np.asarray(np.linalg.norm(moved, axis=1), np.float32)


def doublings(boxes: Floats, before: Floats) -> Floats:
    """[P] log2 of the areas of ``boxes`` [P, 4] by that of ``before`` [4]."""
    areas = np.maximum(np.prod(boxes[:, 2:], 1), 1.0)
    return np.asarray(np.log2(areas / side(before) ** 2), np.float32)


def side(box: Floats) -> float:
    """The size of a box [4]: the side of a square of its area, pixels."""
    return float(np.sqrt(max(float(np.prod(box[2:])), 1.0)))
