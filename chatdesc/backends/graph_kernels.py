"""The loops of Felzenszwalb's segmentation, compiled. See ``graph_segments``, which alone imports this module.

Pixels are joined to trees: ``above[p]`` is the pixel over p, or of a root the size of its tree, negative. All arrays
are the caller's, and loops call only small steps: both halve the time that the first call compiles.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chatdesc.compiled import compiled

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


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
def join_by_weight(above: Ints, limits: Floats, ends: Ints, weights: Floats, scale: float, left: Ints) -> int:
    """Join along edges [m, 2] from light to heavy; the edges that joined nothing go to ``left``. How many they are.

    Args:
        limits: [pixels] how heavy an edge of a root's tree may be; ``scale`` at first.
    """
    count = 0
    for k in range(len(ends)):
        one, other = _root(above, ends[k, 0]), _root(above, ends[k, 1])
        if one == other:
            continue
        if weights[k] <= limits[one] and weights[k] <= limits[other]:
            one = _join(above, one, other)
            limits[one] = weights[k] + scale / np.float32(-above[one])
        else:
            left[count] = k
            count += 1
    return count


@compiled
def _known(pairs: Ints, found: int, one: int, other: int) -> bool:
    for k in range(found):
        if (pairs[k, 0] == one and pairs[k, 1] == other) or (pairs[k, 0] == other and pairs[k, 1] == one):
            return True
    return False


@compiled
def _certain(pairs: Ints, found: int, above: Ints, least: int) -> bool:
    """Whether each pair has a small tree that is in no other: it is joined then, whatever comes first."""
    for k in range(found):
        certain = found == 1
        for end in range(2):
            met = 0
            for other in range(found):
                met += pairs[other, 0] == pairs[k, end] or pairs[other, 1] == pairs[k, end]
            certain |= met == 1 and -above[pairs[k, end]] < least
        if not certain:
            return False
    return True


@compiled
def join_small(above: Ints, ends: Ints, weights: Floats, left: Ints, count: int, least: int, pairs: Ints) -> bool:
    """Join trees of fewer than ``least`` pixels along the first ``count`` edges of ``left``, by weight.

    Args:
        pairs: [n, 2] room for the pairs of trees that edges of one weight join.

    Returns:
        False, and not all is joined, where the order of edges of one weight may matter, or there is no room for them.
    """
    start = 0
    while start < count:
        found, stop = 0, start
        while stop < count and weights[left[stop]] == weights[left[start]]:
            one, other = _root(above, ends[left[stop], 0]), _root(above, ends[left[stop], 1])
            stop += 1
            small = -above[one] < least or -above[other] < least
            if one == other or not small or _known(pairs, found, one, other):
                continue
            if found == len(pairs):
                return False
            pairs[found, 0], pairs[found, 1] = one, other
            found += 1
        if not _certain(pairs, found, above, least):
            return False
        for k in range(found):
            _join(above, _root(above, pairs[k, 0]), _root(above, pairs[k, 1]))
        start = stop
    return True


@compiled
def number(above: Ints, numbers: Ints, labels: Ints) -> None:
    """Number the trees by their first pixels, from 0 on, in ``labels`` [pixels]; ``numbers`` is full of -1."""
    trees = 0
    for pixel in range(len(above)):
        root = _root(above, np.int32(pixel))  # type: ignore[arg-type]  # the type that it is compiled for
        if numbers[root] < 0:
            numbers[root] = trees
            trees += 1
        labels[pixel] = numbers[root]
