"""Equal values come in the order of GCC's ``std::sort``; the expected orders are what a C++ program printed."""

from __future__ import annotations

import numpy as np
import pytest

from chatdesc.backends import std_sort
from chatdesc.backends.std_sort import sort

MIXED = "10 20 25 15 30 35 5 0 33 8 28 13 3 38 23 18 31 1 36 26 21 6 16 11 39 19 4 34 9 29 14 24 12 27 32 7 17 37 2 22"
UNEVEN = (
    "1 2 3 0 4 5 6 7 60 11 9 8 10 13 15 14 12 16 19 18 17 20 23 22 21 24 27 26 25 28 31 30 29 32 35 34 33 36 39 38 37 "
    "40 43 42 41 44 47 46 45 50 51 48 49 52 53 54 55 58 59 56 57"
)


def order(values: list[float]) -> list[int]:
    pairs = [(value, k, 0) for k, value in enumerate(values)]
    sort(pairs)
    assert [value for value, _, _ in pairs] == sorted(values)
    return [k for _, k, _ in pairs]


def test_equal_values_come_as_from_gcc():
    assert order([k * 7 % 5 for k in range(40)]) == [int(k) for k in MIXED.split()]


def test_uneven_parts_are_sorted_by_a_heap_as_in_gcc(monkeypatch):
    heaps, real = [], std_sort._heap_sorted
    monkeypatch.setattr(std_sort, "_heap_sorted", lambda heap: heaps.append(len(heap)) or real(heap))
    assert order([k // 4 for k in range(60)] + [2]) == [int(k) for k in UNEVEN.split()]
    assert heaps == [18]


def test_a_few_values_keep_their_order():
    assert order([2, 1, 2, 1]) == [1, 3, 0, 2]


@pytest.mark.parametrize("count", [0, 1, 2, 17, 100, 400])
def test_values_are_sorted(count):
    order(np.random.default_rng(count).integers(0, 9, count).tolist())
