"""Regions joined to larger ones, the most similar neighbours first, as OpenCV's selective search does.

Where two pairs of neighbours are equally similar, OpenCV joins the one that its sort puts last. That order depends on
all sorts before, so that then all is done again with OpenCV's list and the steps of its sort.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from chatdesc.backends.std_sort import Pair, sort

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]

MOST_PAIRS = 2000  # that are worth a sort in Python at each step
_SIGNS = np.array([1, 1, -1, -1])


class UnlikeError(Exception):
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


def joined(regions: Regions, coloured: bool, ordered: Callable[[], bool]) -> Ints:
    """[n + joined, 4] corners of the regions, and of all that arise where the most similar neighbours are joined.

    The similarity is the mean of those of texture, size and fit of the joint box, and of colour where ``coloured``.

    Args:
        ordered: whether OpenCV orders equal values as ``std_sort`` does; it is asked where that matters.

    Raises:
        UnlikeError: pairs are equally similar, and OpenCV's order is not known, or there are very many.
    """
    found = _by_heap(_Joining(regions, coloured), regions.pairs)
    if found is not None:
        return found
    if len(regions.pairs) > MOST_PAIRS or not ordered():
        raise UnlikeError("pairs of neighbours are equally similar")
    return _by_sorting(_Joining(regions, coloured), regions.pairs)


def _by_heap(joining: _Joining, pairs: Ints) -> Ints | None:
    """Join until no two regions touch; the corners of all, or None where two pairs are equally similar."""
    beside: list[set[int]] = [set() for _ in range(2 * joining.count)]
    for a, b in pairs.tolist():
        beside[a].add(b)
        beside[b].add(a)
    queue = [(-value, a, b) for value, a, b in joining.pairs(pairs)]
    heapify(queue)
    while best := _next(queue, beside):
        following = _next(queue, beside)
        if following:
            if following[0] == best[0]:
                return None
            heappush(queue, following)
        for value, new, c in joining.join(best[1], best[2], _moved(beside, best[1], best[2], joining.count)):
            heappush(queue, (-value, new, c))
    return joining.found()


def _next(queue: list[Pair], beside: list[set[int]]) -> Pair | None:
    """The first pair that still touches."""
    while queue:
        found = heappop(queue)
        if found[2] in beside[found[1]]:
            return found
    return None


def _moved(beside: list[set[int]], a: int, b: int, new: int) -> list[int]:
    """The neighbours of two regions; they become those of ``new``."""
    beside[new] = (beside[a] | beside[b]) - {a, b}
    for c in beside[new]:
        beside[c] -= {a, b}
        beside[c].add(new)
    beside[a], beside[b] = set(), set()
    return list(beside[new])


def _by_sorting(joining: _Joining, first: Ints) -> Ints:
    """The same with OpenCV's list: what is last in it after a sort is joined, what is new is put at its end."""
    pairs = joining.pairs(first)
    while pairs:
        sort(pairs)
        _, a, b = pairs.pop()
        around: dict[int, None] = {}  # in the order of the list
        rest = []
        for pair in pairs:
            if pair[1] in (a, b) or pair[2] in (a, b):
                around[pair[2] if pair[1] in (a, b) else pair[1]] = None
            else:
                rest.append(pair)
        pairs = rest + joining.join(a, b, list(around))
    return joining.found()


class _Joining:
    """Regions and what they were joined to: arrays with a row for each that there can be."""

    def __init__(self, regions: Regions, coloured: bool) -> None:
        n = len(regions.sizes)
        self.count, self.pixels = n, np.float32(regions.pixels)
        self.weight = np.float32(0.25 if coloured else 0.3333)
        self.weights = np.add.accumulate(np.full(4 if coloured else 3, self.weight))[-1]
        self.sizes = np.concatenate([regions.sizes, np.zeros(n, np.int64)])
        # right and bottom negative, so that the joint box is the least of each
        self.edges = np.zeros((2 * n, 4), np.int64)
        self.edges[:n] = regions.corners * _SIGNS
        self.colours = regions.colours.shape[1] if coloured else 0
        kinds = (regions.colours, regions.textures) if coloured else (regions.textures,)
        self.histograms = np.zeros((2 * n, sum(kind.shape[1] for kind in kinds)), np.float32)
        self.histograms[:n] = np.concatenate(kinds, 1)

    def found(self) -> Ints:
        """The corners of all regions so far."""
        return self.edges[: self.count] * _SIGNS

    def join(self, a: int, b: int, around: list[int]) -> list[Pair]:
        """Join two regions; the new one with each of those around it."""
        new, self.count = self.count, self.count + 1
        size = self.sizes[new] = self.sizes[a] + self.sizes[b]
        self.edges[new] = np.minimum(self.edges[a], self.edges[b])
        shares = self.histograms
        total = shares[a] * np.float32(self.sizes[a]) + shares[b] * np.float32(self.sizes[b])
        np.divide(total, np.float32(size), out=shares[new])
        return list(zip(self.alike([new], around), repeat(new), around)) if around else []

    def pairs(self, touching: Ints) -> list[Pair]:
        """Regions that touch, [m, 2], and how similar they are."""
        a, b = touching.T
        return list(zip(self.alike(a, b), a.tolist(), b.tolist(), strict=True))

    def alike(self, a: Ints | list[int], b: Ints | list[int]) -> list[float]:
        """How similar regions ``a`` [m] or [1] are to ``b`` [m]."""
        edges, size = np.minimum(self.edges[a], self.edges[b]), self.sizes[a] + self.sizes[b]
        empty = (edges[:, 2] + edges[:, 0]) * (edges[:, 3] + edges[:, 1]) - size
        least = np.minimum(self.histograms[a], self.histograms[b])
        terms = [self._within(empty), _sums(least[:, self.colours :]), self._within(size)]
        if self.colours:
            terms.insert(0, _sums(least[:, : self.colours]))
        total = self.weight * terms[0]
        for term in terms[1:]:
            total = total + self.weight * term
        return (total / self.weights).tolist()

    def _within(self, pixels: Ints) -> Floats:
        """How little of the image it is."""
        return np.asarray(np.float32(1) - pixels.astype(np.float32) / self.pixels, np.float32)


def _sums(rows: Floats) -> Floats:
    """Added up from left to right, each sum in single precision."""
    return np.asarray(np.add.accumulate(rows, 1)[:, -1], np.float32)
