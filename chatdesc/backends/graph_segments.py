"""Felzenszwalb's segmentation (IJCV 2004) at several scales: OpenCV's regions at less cost, where numba is installed.

OpenCV smooths the image, lists and sorts the edges between neighbouring pixels, and joins pixels along them, anew for
each scale. Here only the joining is done anew. In which order edges of equal weight are taken does not matter to it: a
region that may grow at a weight still may when it has grown, and one that may not never may. Only where regions that
are too small are joined the order can matter; where it might, OpenCV segments.

>>> image = np.zeros((60, 80, 3), np.uint8)
>>> image[20:40, 30:50] = 200
>>> [int(labels.max()) + 1 for labels in segments(image, [150.0, 300.0])]
[2, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chatdesc import compiled

if TYPE_CHECKING:
    from chatdesc.types import Image

Labels = NDArray[np.int32]
Floats = NDArray[np.float32]

SMOOTH = float(np.float32(0.8))  # pixels; in single precision, as the selective search has it
LEAST = 100  # pixels of a region
PAIRS = 50  # of colours, by which the rounding of OpenCV is known
MOST_TIED = 32  # pairs of small regions at one weight that are looked at


def segments(image: Image, scales: Sequence[float]) -> list[Labels]:
    """[H, W] regions of an image [H, W, C] at each scale, numbered by their first pixels."""
    if not (compiled.can_compile() and _works()):
        return [opencv_segments(image, scale) for scale in scales]
    edges = _edges(image)
    found = (_segmented(image.shape[:2], edges, scale) for scale in scales)
    return [opencv_segments(image, scale) if own is None else own for own, scale in zip(found, scales, strict=True)]


@cache
def _works() -> bool:
    """Whether the loops can be compiled, or loaded, and give OpenCV's regions: a full disk is as good as no numba."""
    try:
        return _weighs_alike() and _segmented((2, 2), _edges(np.zeros((2, 2, 3), np.uint8)), 1.0) is not None
    except Exception:  # numba has many kinds
        return False


def _segmented(shape: tuple[int, ...], edges: tuple[Labels, Floats], scale: float) -> Labels | None:
    """[H, W] regions; None where the order of equal edges might matter."""
    from chatdesc.backends.graph_kernels import join_by_weight, join_small, number

    (ends, weights), pixels = edges, shape[0] * shape[1]
    above, limits = np.full(pixels, -1, np.int32), np.full(pixels, scale, np.float32)
    left, pairs = np.empty(len(ends), np.int32), np.empty((MOST_TIED, 2), np.int32)
    count = join_by_weight(above, limits, ends, weights, limits[0], left)
    if not join_small(above, ends, weights, left, count, LEAST, pairs):
        return None
    labels = np.empty(shape, np.int32)
    number(above, np.full(pixels, -1, np.int32), labels.reshape(-1))
    return labels


def opencv_segments(image: Image, scale: float) -> Labels:
    """The same at one scale, by OpenCV alone."""
    import cv2

    segmenting = cv2.ximgproc.segmentation.createGraphSegmentation(SMOOTH, scale, LEAST)
    return np.asarray(segmenting.processImage(image))


def _edges(image: Image) -> tuple[Labels, Floats]:
    """[m, 2] neighbouring pixels and [m] how far apart their colours are, in ascending order."""
    import cv2

    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), SMOOTH, sigmaY=SMOOTH)
    pixels = np.arange(image.shape[0] * image.shape[1], dtype=np.int32).reshape(image.shape[:2])
    ends = [(pixels[:, :-1], pixels[:, 1:]), (pixels[:-1], pixels[1:])]
    apart = [_apart(smooth[:, :-1], smooth[:, 1:]), _apart(smooth[:-1], smooth[1:])]
    weights = np.concatenate([one.ravel() for one in apart])
    order = np.argsort(weights)
    both = [np.concatenate([pair[k].ravel() for pair in ends])[order] for k in (0, 1)]
    return np.stack(both, 1), weights[order]


def _apart(one: Floats, other: Floats) -> Floats:
    """[H, W] the distance of two colours, added up as OpenCV does: each square and sum rounded to single precision."""
    total = np.zeros(one.shape[:2], np.float32)
    for square in np.moveaxis((one - other) ** 2, -1, 0):
        total += square
    return np.sqrt(total)


def _weighs_alike() -> bool:
    """Whether OpenCV rounds as ``_apart`` does: for some processors it is compiled to multiply and add in one step.

    It joins two pixels up to a scale that equals their distance.
    """
    pairs = np.sqrt(np.arange(1, 6 * PAIRS + 1, dtype=np.float32) * 99).reshape(PAIRS, 1, 2, 3)
    for pair in pairs:
        weight = _apart(pair[:, :1], pair[:, 1:])[0, 0]
        below = np.nextafter(weight, np.float32(0))
        if [_regions_of_two(pair, float(scale)) for scale in (weight, below)] != [1, 2]:
            return False
    return True


def _regions_of_two(pair: Floats, scale: float) -> int:
    import cv2

    segmenting = cv2.ximgproc.segmentation.createGraphSegmentation(1e-4, scale, 0)  # without smoothing
    return int(np.max(segmenting.processImage(pair))) + 1
