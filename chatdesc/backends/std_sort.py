"""A sort that leaves equal values in the order in which GCC's ``std::sort`` leaves them, for OpenCV's choices.

It is an introsort: parted by the median of three until spans are short, a heap sort where the parts are too uneven,
and insertion at the end.

>>> pairs = [(0.5, k, 0) for k in range(20)]
>>> sort(pairs)
>>> [first for _, first, _ in pairs]
[10, 19, 18, 17, 16, 15, 14, 13, 12, 11, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1]
"""

from __future__ import annotations

from operator import itemgetter

Pair = tuple[float, int, int]  # a value, and two regions that have it

SHORT = 16  # values that are left to insertion


def sort(pairs: list[Pair]) -> None:
    """Sort by value, in place."""
    spans = [(0, len(pairs), 2 * (len(pairs).bit_length() - 1))]
    while spans:
        start, stop, depth = spans.pop()
        if stop - start <= SHORT:
            continue
        if not depth:
            pairs[start:stop] = _heap_sorted(pairs[start:stop])
            continue
        cut = _part(pairs, start, stop)
        spans += [(start, cut, depth - 1), (cut, stop, depth - 1)]
    pairs.sort(key=itemgetter(0))  # like insertion, it keeps the order of equal ones


def _part(pairs: list[Pair], start: int, stop: int) -> int:
    """Part a span by the median of three, which goes to its start; where the second part begins."""
    three = (start + 1, start + (stop - start) // 2, stop - 1)
    middle = _median(*((pairs[k][0], k) for k in three))
    pairs[start], pairs[middle] = pairs[middle], pairs[start]
    pivot, low, high = pairs[start][0], start + 1, stop
    while True:
        while pairs[low][0] < pivot:
            low += 1
        high -= 1
        while pivot < pairs[high][0]:
            high -= 1
        if low >= high:
            return low
        pairs[low], pairs[high] = pairs[high], pairs[low]
        low += 1


def _median(a: tuple[float, int], b: tuple[float, int], c: tuple[float, int]) -> int:
    """Where the median of three values is; of equal ones, the one that these comparisons lead to."""
    if a[0] < b[0]:
        return b[1] if b[0] < c[0] else c[1] if a[0] < c[0] else a[1]
    return a[1] if a[0] < c[0] else c[1] if b[0] < c[0] else b[1]


def _heap_sorted(heap: list[Pair]) -> list[Pair]:
    for top in range(len(heap) // 2 - 1, -1, -1):
        _sift(heap, top, len(heap), heap[top])
    for last in range(len(heap) - 1, 0, -1):
        moved, heap[last] = heap[last], heap[0]
        _sift(heap, 0, last, moved)
    return heap


def _sift(heap: list[Pair], top: int, size: int, moved: Pair) -> None:
    """Put an item where it belongs below ``top``: down to the end by the larger child, then up again."""
    hole, child = top, 2 * top + 2
    while child <= size:
        if child == size or heap[child][0] < heap[child - 1][0]:
            child -= 1
        heap[hole], hole = heap[child], child
        child = 2 * hole + 2
    while hole > top and heap[(hole - 1) // 2][0] < moved[0]:
        heap[hole], hole = heap[(hole - 1) // 2], (hole - 1) // 2
    heap[hole] = moved
