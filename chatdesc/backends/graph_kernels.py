"""The loop of Felzenszwalb's segmentation, compiled. See ``graph_segments``, which alone imports this module.

Pixels are joined to trees: ``above[p]`` is the pixel over p, or of a root the size of its tree, negative.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chatdesc.compiled import compiled

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]

TIED = 32  # pairs of equal weight that are looked at; with more, the answer is that their order may matter


@compiled
def _root(above: Ints, pixel: int) -> int:
    while above[pixel] >= 0:
        if above[above[pixel]] >= 0:
            above[pixel] = above[above[pixel]]  # a shorter way for the next one
        pixel = above[pixel]
    return pixel


@compiled
def _join(above: Ints, one: int, other: int) -> int:
    """Join two trees by their roots; the root of both."""
    if above[one] > above[other]:
        one, other = other, one
    above[one] += above[other]
    above[other] = one
    return one


@compiled
def _hangs(root: int, pairs: Ints, count: int, above: Ints, least: int) -> bool:
    """Whether a tree is too small and in one pair only, so that this pair is joined in any order."""
    met = 0
    for k in range(count):
        met += pairs[k, 0] == root or pairs[k, 1] == root
    return met == 1 and -above[root] < least


@compiled
def _add(pairs: Ints, count: int, one: int, other: int) -> int:
    """Write down a pair of roots, if it is new; how many there are."""
    for k in range(count):
        if (pairs[k, 0] == one and pairs[k, 1] == other) or (pairs[k, 0] == other and pairs[k, 1] == one):
            return count
    if count < TIED:
        pairs[count, 0], pairs[count, 1] = one, other
    return count + 1


@compiled
def _by_weight(above: Ints, ends: Ints, weights: Floats, scale: float, left: Ints) -> int:
    """Join along edges [m, 2] from light to heavy; write those that joined nothing to ``left``, and return how many."""
    limits = np.full(len(above), scale, np.float32)
    count = 0
    for k in range(len(ends)):
        one, other = _root(above, ends[k, 0]), _root(above, ends[k, 1])
        if one == other:
            continue
        if weights[k] <= limits[one] and weights[k] <= limits[other]:
            one = _join(above, one, other)
            limits[one] = weights[k] + np.float32(scale) / np.float32(-above[one])
        else:
            left[count] = k
            count += 1
    return count


@compiled
def _small(above: Ints, ends: Ints, weights: Floats, left: Ints, least: int) -> bool:
    """Join trees of fewer than ``least`` pixels along the edges ``left``; False where an order of equal edges matters."""
    pairs = np.empty((TIED, 2), np.int32)
    start = 0
    while start < len(left):
        stop, count = start, 0
        while stop < len(left) and weights[left[stop]] == weights[left[start]]:
            one, other = _root(above, ends[left[stop], 0]), _root(above, ends[left[stop], 1])
            if one != other and (-above[one] < least or -above[other] < least):
                count = _add(pairs, count, one, other)
            stop += 1
        if count > TIED:
            return False
        for k in range(count):
            one, other = pairs[k]
            if count > 1 and not (_hangs(one, pairs, count, above, least) or _hangs(other, pairs, count, above, least)):
                return False
        for k in range(count):
            _join(above, _root(above, pairs[k, 0]), _root(above, pairs[k, 1]))
        start = stop
    return True


@compiled
def segmented(ends: Ints, weights: Floats, pixels: int, scale: float, least: int) -> tuple[Ints, bool]:
    """The region [pixels] of each pixel, numbered as they come, and whether no order of equal edges matters to them."""
    above = np.full(pixels, -1, np.int32)
    left = np.empty(len(ends), np.int32)
    count = _by_weight(above, ends, weights, scale, left)
    sure = _small(above, ends, weights, left[:count], least)
    labels, numbers, regions = np.empty(pixels, np.int32), np.full(pixels, -1, np.int32), 0
    for pixel in range(pixels):
        root = _root(above, pixel)
        if numbers[root] < 0:
            numbers[root] = regions
            regions += 1
        labels[pixel] = numbers[root]
    return labels, sure
