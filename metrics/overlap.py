"""How far two boxes agree: overlap and centre errors, vectorised over rows.

Boxes are xywh in pixels, any float dtype; answers are float64.

>>> import numpy as np
>>> from chatdesc.metrics.overlap import iou
>>> iou(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 10, 10]]))
array([0.33333333])

Overlap is always a number: a box that is no box (NaN, infinite, or a width or height that is not positive) overlaps
nothing, so its IoU is 0. Errors are distances and have no such floor: they are NaN where they are not defined.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Point = tuple[Floats, Floats]


def _boxes(values: ArrayLike) -> Floats:
    boxes = np.asarray(values, np.float64)
    if boxes.ndim == 1 and boxes.size == 0:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim == 0 or boxes.shape[-1] != 4:
        raise ValueError(f"boxes are xywh, so the last axis is 4 long; got an array of shape {boxes.shape}")
    return boxes


def is_box(boxes: ArrayLike) -> NDArray[np.bool_]:
    """bool [...]: which rows of [..., 4] are finite with a positive width and height."""
    rows = _boxes(boxes)
    # Number by number: a reduction over an axis of four takes several times as long.
    x, y, w, h = np.moveaxis(rows, -1, 0)
    sized = np.asarray((w > 0) & (h > 0))
    with np.errstate(invalid="ignore", over="ignore"):
        total = x + y + w + h
    if np.isfinite(total).all():  # as nearly always, and then so are the parts
        return sized
    return np.asarray(np.isfinite(x) & np.isfinite(y) & np.isfinite(w) & np.isfinite(h) & sized)


def iou(a: ArrayLike, b: ArrayLike) -> Floats:
    """Intersection over union of row i of ``a`` with row i of ``b``.

    Args:
        a, b: [N, 4], or any shapes [..., 4] that broadcast.

    Returns:
        [N] in [0, 1]; 0 wherever either row is not a box.

    Source: the Jaccard index of the two rectangles, with continuous corners (x to x + w). The ``x + w - 1`` corners of
    the MATLAB toolkits give the same value, because they add the 1 back to each side.
    """
    first, second = _boxes(a), _boxes(b)
    good = is_box(first) & is_box(second)
    ax, ay, aw, ah = np.moveaxis(first, -1, 0)
    bx, by, bw, bh = np.moveaxis(second, -1, 0)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        shared = _common(ax, aw, bx, bw)
        shared *= _common(ay, ah, by, bh)
        union = aw * ah + bw * bh
        union -= shared
        shared /= union
    # Far from the origin a corner's rounding can push the quotient past 1.
    np.minimum(shared, 1, out=shared)
    if not good.all():
        shared[~good] = 0
    return shared


def _common(a: Floats, a_size: Floats, b: Floats, b_size: Floats) -> Floats:
    """The length that two stretches share. In place where it can be: fresh arrays cost as much as the sums."""
    length = np.asarray(np.minimum(a + a_size, b + b_size))
    length -= np.maximum(a, b)
    return np.maximum(length, 0, out=length)


def iou_matrix(a: ArrayLike, b: ArrayLike) -> Floats:
    """IoU of every row of ``a`` [N, 4] with every row of ``b`` [M, 4]: [N, M]. See ``iou``."""
    return iou(_boxes(a)[:, None, :], _boxes(b)[None, :, :])


def centres(boxes: ArrayLike) -> Floats:
    """[..., 2]: the middle (x, y) of each box as a pixel index: a box of width 1 at x = 3 has its centre at 3.

    Any other convention gives the same errors up to rounding; this one gives the official toolkits' ties as well.
    """
    return np.stack(middle(_boxes(boxes)), -1)


def middle(rows: Floats) -> Point:
    """x and y of ``centres``: [..., 4] -> [...] and [...]."""
    x, y, w, h = np.moveaxis(rows, -1, 0)
    return _half(w - 1) + x, _half(h - 1) + y


def _half(values: Floats) -> Floats:
    values *= 0.5
    return values


def distance(a: Point, b: Point) -> Floats:
    """Distance in pixels between points as ``middle`` gives them: [...]; NaN where a coordinate is NaN.

    The root of summed squares, as the toolkits compute it, and faster than ``hypot``.

    Source: Wu, Lim and Yang, "Online Object Tracking: A Benchmark", CVPR 2013 (centre location error).
    """
    across, down = np.asarray(a[0] - b[0]), a[1] - b[1]
    across *= across
    down *= down
    across += down
    return np.sqrt(across, out=across)


def scaled_distance(a: Point, b: Point, truth: Floats) -> Floats:
    """Distance between points in units of the true box's width and height, no dimension.

    Args:
        a, b: points as ``middle`` gives them, pixels, [...] each.
        truth: the true boxes [..., 4] xywh.

    Returns:
        [...]; NaN where the true width or height is not positive.

    Both centres are divided before they are subtracted, as the official LaSOT and TNL2K code does. The other order
    differs in the last bit, which decides ties at a threshold.

    Source: Mueller et al., "TrackingNet", ECCV 2018 (normalised precision).
    """
    wide, high = _positive(truth[..., 2]), _positive(truth[..., 3])
    return distance((a[0] / wide, a[1] / high), (b[0] / wide, b[1] / high))


def _positive(sizes: Floats) -> Floats:
    """The sizes, NaN for those that are not positive."""
    good = sizes > 0
    return sizes if good.all() else np.where(good, sizes, np.nan)
