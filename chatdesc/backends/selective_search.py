"""Selective search (Uijlings et al., IJCV 2013), fast mode: the boxes of OpenCV's search at less cost.

OpenCV segments the image in two colour spaces at three scales, then joins the most similar neighbours of each
segmentation until one region is left, twice, by other similarities. It measures every region in a pass of its own over
the whole image. Here all regions of a colour space are measured in one pass: what a pixel counts for is added up per
part, which is what lies in one region of every segmentation. Single precision is added up in OpenCV's order, so that
the boxes are equal.

>>> image = np.full((60, 80, 3), 128, np.uint8)
>>> image[20:40, 30:50] = (200, 40, 40)
>>> [30, 20, 20, 20] in search(image).tolist()
True
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chatdesc.backends.graph_segments import Labels, segments
from chatdesc.backends.joined_regions import Floats, Ints, Regions, UnlikeError, joined

if TYPE_CHECKING:
    from chatdesc.types import Image

Bins = NDArray[np.uint8]

SCALES = (150.0, 300.0, 450.0)  # of the segmentations, as in the fast mode
COLOUR_BINS = 25  # per channel
TEXTURE_BINS = 10  # per channel and direction
MOST_CELLS = 1 << 22
BOARD = 6  # fields along a side of the picture that shows how OpenCV sorts


def search(image: Image) -> Ints:
    """[R, 4] the different boxes xywh, in whole pixels, of an RGB image [H, W, 3]; in ascending order."""
    try:
        return _searched(image, sorts_alike)
    except UnlikeError:
        return opencv_search(image)


def _searched(image: Image, ordered: Callable[[], bool]) -> Ints:
    import cv2

    _turned(image)  # before any work is done in vain
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    found = [
        joined(regions, coloured, ordered)
        for seen in (cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV), cv2.cvtColor(bgr, cv2.COLOR_BGR2Lab))
        for regions in regions_of(seen, segments(seen, SCALES))
        for coloured in (True, False)
    ]
    corners = np.concatenate(found)
    return np.unique(np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1), axis=0)


@cache
def sorts_alike() -> bool:
    """Whether OpenCV's sort puts equal values in the order that is known here, as with GCC's standard library."""
    fields = np.indices((BOARD, BOARD)).sum(0).astype(np.uint8) % 2 * 90 + 80
    board = np.repeat(np.repeat(fields, 12, 0), 12, 1)
    image = np.stack([board, board, board], 2)
    return np.array_equal(_searched(image, lambda: True), opencv_search(image))


def opencv_search(image: Image) -> Ints:
    """What ``search`` answers, by OpenCV alone."""
    import cv2

    searching = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    searching.setBaseImage(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    searching.switchToSelectiveSearchFast()
    found = np.asarray(searching.process(), np.int64).reshape(-1, 4)
    return np.unique(found, axis=0)  # its own order is random


def regions_of(image: Image, labels: list[Labels]) -> list[Regions]:
    """The regions of an image [H, W, 3] of any colour space in several segmentations, measured."""
    parts, whole = _parts(labels)
    count = len(whole[0])
    colours = [_counts(parts, count, bins, COLOUR_BINS) for bins in _colour_bins(image)]
    textures = [_two_counts(parts, count, *bins) for bins in _texture_bins(image)]
    one = Parts(
        np.bincount(parts, minlength=count),
        _corners(parts.reshape(image.shape[:2]), count),
        _touching(parts.reshape(image.shape[:2]), count),
        np.concatenate(colours, 1),
        np.concatenate(textures, 1),
    )
    return [one.of(region, int(label.max()) + 1) for label, region in zip(labels, whole, strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """P parts of an image: ``sizes`` [P], ``corners`` [P, 4], ``pairs`` [m, 2] that touch, pixels per bin [P, n]."""

    sizes: Ints
    corners: Ints
    pairs: Ints
    colours: Ints
    textures: Ints

    def of(self, region: Ints, count: int) -> Regions:
        """The regions of a segmentation; ``region`` [P] is that of each part."""
        corners = np.full((count, 4), np.iinfo(np.int64).max)
        corners[:, 2:] = 0
        np.minimum.at(corners[:, :2], region, self.corners[:, :2])
        np.maximum.at(corners[:, 2:], region, self.corners[:, 2:])
        sizes = np.zeros(count, np.int64)
        np.add.at(sizes, region, self.sizes)
        one, other = region[self.pairs].T
        pairs = _pairs(one, other, count)
        colours, textures = (_histograms(bins, region, count) for bins in (self.colours, self.textures))
        return Regions(corners, sizes, pairs, colours, textures, int(self.sizes.sum()))


def _parts(labels: list[Labels]) -> tuple[Ints, list[Ints]]:
    """Parts [H * W] that lie in one region of every segmentation, and for each segmentation the region of each part."""
    shape = tuple(int(label.max()) + 1 for label in labels)
    if np.prod(shape, dtype=np.float64) > MOST_CELLS:
        raise UnlikeError("so many regions that one pass saves nothing")
    cells = np.ravel_multi_index([label.ravel() for label in labels], shape)
    used = np.flatnonzero(np.bincount(cells, minlength=int(np.prod(shape))))
    number = np.zeros(int(np.prod(shape)), np.int64)
    number[used] = np.arange(len(used))
    return number[cells], list(np.unravel_index(used, shape))


def _counts(parts: Ints, count: int, bins: Bins, of: int) -> Ints:
    """[count, of] pixels per part and bin."""
    return np.bincount(parts * of + bins.ravel(), minlength=count * of).reshape(count, of)


def _two_counts(parts: Ints, count: int, up: Bins, down: Bins) -> Ints:
    """The counts of two opposite directions side by side, from one count of the bins of both."""
    both = _counts(parts, count, up * np.uint8(TEXTURE_BINS) + down, TEXTURE_BINS**2)
    both = both.reshape(count, TEXTURE_BINS, TEXTURE_BINS)
    return np.concatenate([both.sum(2), both.sum(1)], 1)


def _colour_bins(image: Image) -> list[Bins]:
    """[H, W] per channel."""
    import cv2

    return list(cv2.split(cv2.LUT(image, (np.arange(256) * COLOUR_BINS // 256).astype(np.uint8))))


def _texture_bins(image: Image) -> list[tuple[Bins, Bins]]:
    """[H, W] per channel, for four directions and their opposites: the slope, from its least to its greatest."""
    import cv2

    along = [cv2.split(slope) for slope in _slopes(image)]
    slopes = [slope for channel in zip(*along, strict=True) for slope in channel]
    return [(_sloping(np.maximum(slope, 0)), _sloping(np.minimum(slope, 0))) for slope in slopes]


def _slopes(image: Image) -> list[Floats]:
    """The slopes along x, along y, and along both of the image turned by 45 degrees and turned back."""
    import cv2

    height, width = image.shape[:2]
    straight = [cv2.Scharr(image, cv2.CV_32F, 1, 0), cv2.Scharr(image, cv2.CV_32F, 0, 1)]
    left, top, wide, high = _turned(image)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 45.0, 1.0)
    turn[:, 2] += wide / 2 - width / 2, high / 2 - height / 2
    turned = cv2.warpAffine(image, turn, (wide, high))
    back = cv2.getRotationMatrix2D((wide // 2, high // 2), -45.0, 1.0)
    for dx, dy in ((1, 0), (0, 1)):
        slope = cv2.warpAffine(cv2.Scharr(turned, cv2.CV_32F, dx, dy), back, (wide, high))
        straight.append(slope[top : top + height, left : left + width])
    return straight


def _turned(image: Image) -> tuple[int, int, int, int]:
    """Where the image lies in the box of what is turned by 45 degrees, and the width and height of the box.

    Raises:
        UnlikeError: it reaches out of the box, and OpenCV reads what is there.
    """
    import cv2

    height, width = image.shape[:2]
    _, _, wide, high = cv2.RotatedRect((width / 2, height / 2), (width, height), 45.0).boundingRect()
    left, top = (wide - width) // 2, (high - height) // 2
    if left < 0 or top < 0:
        raise UnlikeError("far wider than high, or higher than wide")
    return left, top, wide, high


def _sloping(half: Floats) -> Bins:
    import cv2

    low, high = float(half.min()), float(half.max())
    if low == high:
        return np.zeros(half.shape, np.uint8)
    level = cv2.convertScaleAbs(half, alpha=255 / (high - low), beta=-255 * low / (high - low))
    return cv2.LUT(level, (np.arange(256, dtype=np.float32) / np.float32(25.6)).astype(np.uint8))


def _histograms(parts: Ints, of_part: Ints, count: int) -> Floats:
    """[count, bins] the share of each bin, summed over the parts of a region."""
    total = np.zeros((count, parts.shape[1]), np.int64)
    np.add.at(total, of_part, parts)
    return total.astype(np.float32) / total.sum(1, keepdims=True).astype(np.float32)


def _corners(label: Ints, count: int) -> Ints:
    """[count, 4] left, top, right, bottom of each region."""
    corners = np.zeros((count, 4), np.int64)
    for axis in (0, 1):
        flat = (label if axis else label.T).ravel()  # rows, then columns: the last one written stays
        along = np.repeat(np.arange(label.shape[1 - axis]), label.shape[axis])
        corners[flat, 2 + axis] = along + 1
        corners[flat[::-1], axis] = along[::-1]
    return corners


def _touching(label: Ints, count: int) -> Ints:
    """[m, 2] regions of pixels beside, above or diagonally above each other, as OpenCV sees them at the borders."""
    here = label[1:, 1:]
    beside = [(here != other, other) for other in (label[1:, :-1], label[:-1, 1:], label[:-1, :-1])]
    return _pairs(
        np.concatenate([here[apart] for apart, _ in beside]), np.concatenate([o[apart] for apart, o in beside]), count
    )


def _pairs(one: Ints, other: Ints, count: int) -> Ints:
    """[m, 2] the different pairs of different numbers below ``count``, the smaller first, in order."""
    cells = np.minimum(one, other) * count + np.maximum(one, other)
    return np.stack(np.divmod(np.unique(cells[one != other]), count), 1)
