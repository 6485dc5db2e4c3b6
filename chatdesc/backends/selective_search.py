"""Selective search (Uijlings et al., IJCV 2013), fast mode: the boxes of OpenCV's search at less cost.

OpenCV segments the image in two colour spaces at three scales, then joins the most similar neighbours of each
segmentation until one region is left, twice, by other similarities. It measures every region in a pass of its own over
the whole image. Here the segmentations are OpenCV's too, but all regions of a colour space are measured in one pass.
Single precision is added up in OpenCV's order, so that the boxes are equal. Where two pairs of neighbours are equally
similar, OpenCV's choice depends on its sort, and OpenCV searches.

>>> image = np.full((60, 80, 3), 128, np.uint8)
>>> image[20:40, 30:50] = (200, 40, 40)
>>> [30, 20, 20, 20] in search(image).tolist()
True
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from chatdesc.types import Image

Ints = NDArray[np.int64]
Labels = NDArray[np.int32]
Floats = NDArray[np.float32]
Bins = NDArray[np.uint8]

SCALES = (150.0, 300.0, 450.0)  # of the segmentations, as in the fast mode
SMOOTH = float(np.float32(0.8))  # pixels, before a segmentation; in single precision, as OpenCV has it
COLOUR_BINS = 25  # per channel
TEXTURE_BINS = 10  # per channel and direction
MOST_CELLS = 1 << 22


class _UnlikeError(Exception):
    """What OpenCV finds depends on more than the algorithm."""


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """The n regions of a segmentation.

    Attributes:
        corners: [n, 4] left, top, right, bottom in whole pixels; right and bottom are outside.
        sizes: [n] pixels.
        pairs: [m, 2] regions that touch, the smaller number first, in order.
        colours, textures: [n, 75] and [n, 240] histograms, each row with the sum 1.
        pixels: of the whole image.
    """

    corners: Ints
    sizes: Ints
    pairs: Ints
    colours: Floats
    textures: Floats
    pixels: int


def search(image: Image) -> Ints:
    """[R, 4] the different boxes xywh, in whole pixels, of an RGB image [H, W, 3]; in ascending order."""
    import cv2

    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    try:
        found = [
            grouped(regions, coloured)
            for space in (cv2.COLOR_BGR2HSV, cv2.COLOR_BGR2Lab)
            for regions in segmentations(cv2.cvtColor(bgr, space))
            for coloured in (True, False)
        ]
    except _UnlikeError:
        return opencv_search(image)
    corners = np.concatenate(found)
    return np.unique(np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1), axis=0)


def opencv_search(image: Image) -> Ints:
    """What ``search`` answers, by OpenCV alone."""
    import cv2

    searching = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    searching.setBaseImage(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    searching.switchToSelectiveSearchFast()
    found = np.asarray(searching.process(), np.int64).reshape(-1, 4)
    return np.unique(found, axis=0)  # its own order is random


def segmentations(image: Image) -> list[Regions]:
    """The regions of an image [H, W, 3] of any colour space at each of SCALES (Felzenszwalb, IJCV 2004), measured."""
    import cv2

    make = cv2.ximgproc.segmentation.createGraphSegmentation
    labels = [np.asarray(make(SMOOTH, scale, 100).processImage(image)) for scale in SCALES]
    parts, whole = _parts(labels)
    count = len(whole[0])
    colours = [_counts(parts, count, _colour_bins(plane), COLOUR_BINS) for plane in cv2.split(image)]
    textures = [_counts(parts, count, bins, TEXTURE_BINS) for bins in _texture_bins(image)]
    return [
        _regions(label, of_part, np.concatenate(colours, 1), np.concatenate(textures, 1))
        for label, of_part in zip(labels, whole, strict=True)
    ]


def _parts(labels: list[Labels]) -> tuple[Ints, list[Ints]]:
    """Parts [H * W] that lie in one region of every segmentation, and for each segmentation the region of each part."""
    shape = tuple(int(label.max()) + 1 for label in labels)
    if np.prod(shape, dtype=np.float64) > MOST_CELLS:
        raise _UnlikeError("so many regions that one pass saves nothing")
    cells = np.ravel_multi_index([label.ravel() for label in labels], shape)
    used = np.flatnonzero(np.bincount(cells, minlength=int(np.prod(shape))))
    number = np.zeros(int(np.prod(shape)), np.int64)
    number[used] = np.arange(len(used))
    return number[cells], list(np.unravel_index(used, shape))


def _counts(parts: Ints, count: int, bins: Bins, of: int) -> Ints:
    """[count, of] pixels per part and bin."""
    return np.bincount(parts * of + bins.ravel(), minlength=count * of).reshape(count, of)


def _colour_bins(plane: Bins) -> Bins:
    return (np.arange(256) * COLOUR_BINS // 256).astype(np.uint8)[plane]


def _texture_bins(image: Image) -> list[Bins]:
    """[H, W] per channel and direction: the slope towards eight directions, each from its least to its greatest."""
    import cv2

    return [_sloping(half) for plane in cv2.split(image) for slope in _slopes(plane) for half in _halves(slope)]


def _slopes(plane: Bins) -> list[Floats]:
    """The slope along x, along y, and along both of the image turned by 45 degrees and turned back."""
    import cv2

    height, width = plane.shape
    straight = [cv2.Scharr(plane, cv2.CV_32F, 1, 0), cv2.Scharr(plane, cv2.CV_32F, 0, 1)]
    middle = (width / 2, height / 2)
    _, _, wide, high = cv2.RotatedRect(middle, (width, height), 45.0).boundingRect()
    left, top = (wide - width) // 2, (high - height) // 2
    if left < 0 or top < 0:
        raise _UnlikeError("far wider than high, or higher than wide: OpenCV reads beyond the turned image")
    turn = cv2.getRotationMatrix2D(middle, 45.0, 1.0)
    turn[:, 2] += wide / 2 - width / 2, high / 2 - height / 2
    turned = cv2.warpAffine(plane, turn, (wide, high))
    back = cv2.getRotationMatrix2D((wide // 2, high // 2), -45.0, 1.0)
    for dx, dy in ((1, 0), (0, 1)):
        slope = cv2.warpAffine(cv2.Scharr(turned, cv2.CV_32F, dx, dy), back, (wide, high))
        straight.append(slope[top : top + height, left : left + width])
    return straight


def _halves(slope: Floats) -> tuple[Floats, Floats]:
    return np.maximum(slope, 0), np.minimum(slope, 0)


def _sloping(half: Floats) -> Bins:
    import cv2

    low, high = float(half.min()), float(half.max())
    if low == high:
        return np.zeros(half.shape, np.uint8)
    level = cv2.convertScaleAbs(half, alpha=255 / (high - low), beta=-255 * low / (high - low))
    return cv2.LUT(level, (np.arange(256, dtype=np.float32) / np.float32(25.6)).astype(np.uint8))


def _regions(label: Labels, of_part: Ints, colours: Ints, textures: Ints) -> Regions:
    count = int(label.max()) + 1
    sizes = np.bincount(label.ravel(), minlength=count)
    return Regions(
        _corners(label, count),
        sizes,
        _touching(label, count),
        _histograms(colours, of_part, count),
        _histograms(textures, of_part, count),
        label.size,
    )


def _histograms(parts: Ints, of_part: Ints, count: int) -> Floats:
    """[count, bins] the share of each bin, summed over the parts of a region."""
    total = np.zeros((count, parts.shape[1]), np.int64)
    np.add.at(total, of_part, parts)
    return total.astype(np.float32) / total.sum(1, keepdims=True).astype(np.float32)


def _corners(label: Labels, count: int) -> Ints:
    """[count, 4] left, top, right, bottom of each region."""
    corners = np.zeros((count, 4), np.int64)
    for axis in (0, 1):
        flat = (label if axis else label.T).ravel()  # rows, then columns: the last one written stays
        along = np.repeat(np.arange(label.shape[1 - axis]), label.shape[axis])
        corners[flat, 2 + axis] = along + 1
        corners[flat[::-1], axis] = along[::-1]
    return corners


def _touching(label: Labels, count: int) -> Ints:
    """[m, 2] regions of pixels beside, above or diagonally above each other, as OpenCV sees them at the borders."""
    here = label[1:, 1:]
    pairs = [(here, label[1:, :-1]), (here, label[:-1, 1:]), (here, label[:-1, :-1])]
    cells = []
    for one, other in pairs:
        apart = one != other
        a, b = one[apart].astype(np.int64), other[apart]
        cells.append(np.minimum(a, b) * count + np.maximum(a, b))
    return np.stack(np.divmod(np.unique(np.concatenate(cells)), count), 1)


def grouped(regions: Regions, coloured: bool) -> Ints:
    """[n + joined, 4] corners of the regions, and of all that arise where the most similar neighbours are joined.

    The similarity is the mean of those of texture, size and fit of the joint box, and of colour where ``coloured``.
    """
    return _Joining(regions, coloured).done()


class _Joining:
    """Regions and what they were joined to: arrays with a row for each that there can be."""

    def __init__(self, regions: Regions, coloured: bool) -> None:
        n = len(regions.sizes)
        self.count, self.pixels, self.coloured = n, np.float32(regions.pixels), coloured
        self.sizes = np.concatenate([regions.sizes, np.zeros(n, np.int64)])
        self.corners = np.concatenate([regions.corners, np.zeros((n, 4), np.int64)])
        kinds = (regions.colours, regions.textures) if coloured else (regions.textures,)
        self.histograms = [np.concatenate([kind, np.zeros_like(kind)]) for kind in kinds]
        self.beside: list[set[int]] = [set() for _ in range(2 * n)]
        for a, b in regions.pairs.tolist():
            self.beside[a].add(b)
            self.beside[b].add(a)
        alike = self._alike(regions.pairs[:, 0], regions.pairs[:, 1])
        self.queue = list(zip((-alike).tolist(), *regions.pairs.T.tolist(), strict=True))
        heapify(self.queue)
        self.gone = bytearray(2 * n)

    def done(self) -> Ints:
        """Join until no two regions touch; the corners of all."""
        while best := self._next():
            following = self._next()
            if following:
                if following[0] == best[0]:
                    raise _UnlikeError("two pairs of neighbours are equally similar")
                heappush(self.queue, following)
            self._join(best[1], best[2])
        return self.corners[: self.count]

    def _next(self) -> tuple[float, int, int] | None:
        while self.queue:
            found = heappop(self.queue)
            if not (self.gone[found[1]] or self.gone[found[2]]):
                return found
        return None

    def _join(self, a: int, b: int) -> None:
        new, self.count = self.count, self.count + 1
        one, other = np.float32(self.sizes[a]), np.float32(self.sizes[b])
        for kind in self.histograms:
            kind[new] = (kind[a] * one + kind[b] * other) / np.float32(self.sizes[a] + self.sizes[b])
        self.sizes[new] = self.sizes[a] + self.sizes[b]
        self.corners[new, :2] = np.minimum(self.corners[a, :2], self.corners[b, :2])
        self.corners[new, 2:] = np.maximum(self.corners[a, 2:], self.corners[b, 2:])
        self.gone[a] = self.gone[b] = 1
        around = sorted((self.beside[a] | self.beside[b]) - {a, b})
        self.beside[new] = set(around)
        for c in around:
            self.beside[c] -= {a, b}
            self.beside[c].add(new)
        if around:
            alike = self._alike(np.array([new]), np.array(around))
            for c, value in zip(around, (-alike).tolist(), strict=True):
                heappush(self.queue, (value, new, c))

    def _alike(self, a: Ints, b: Ints) -> Floats:
        """[m] similarity of regions ``a`` [m] or [1] to ``b`` [m]."""
        size = (self.sizes[a] + self.sizes[b]).astype(np.float32)
        low = np.minimum(self.corners[a, :2], self.corners[b, :2])
        high = np.maximum(self.corners[a, 2:], self.corners[b, 2:])
        left = ((high - low).prod(1) - self.sizes[a] - self.sizes[b]).astype(np.float32)
        fill, smaller = _within(left, self.pixels), _within(size, self.pixels)
        shared = [np.add.accumulate(np.minimum(kind[a], kind[b]), 1)[:, -1] for kind in self.histograms]
        terms = [*shared[:-1], fill, shared[-1], smaller]
        weight = np.float32(0.25 if self.coloured else 0.3333)
        parts = np.add.accumulate([weight * term for term in terms], 0)
        weights = np.add.accumulate(np.full(len(terms), weight))
        return np.asarray(parts[-1] / weights[-1], np.float32)


def _within(pixels: Floats, of: np.float32) -> Floats:
    return np.clip(np.float32(1) - pixels / of, 0, 1).astype(np.float32)
