"""Several comparisons at once: the sign test of pairs, and Holm's correction.

>>> round(sign_test(9, 1), 4), sign_test(5, 5), sign_test(0, 0)
(0.0215, 1.0, None)
>>> [round(p, 2) for p in holm([0.01, 0.04, 0.03])]
[0.03, 0.06, 0.06]
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def sign_test(better: int, worse: int) -> float | None:
    """How likely a split at least as uneven is where better and worse are equally likely; equal pairs do not count.

    Two-sided and exact; None without a pair that differs.

    Source: Dixon and Mood, "The statistical sign test", Journal of the American Statistical Association 1946.
    """
    count = better + worse
    if not count:
        return None
    tail = sum(comb(count, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**count)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """The p-values of several comparisons, corrected so that one false alarm among all of them is as rare as said.

    The k-th smallest of m is multiplied by m - k + 1, and none is smaller than one before it. None stays None and does
    not count.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    order = sorted((value, place) for place, value in enumerate(values) if value is not None)
    corrected: list[float | None] = [None] * len(values)
    least = 0.0
    for rank, (value, place) in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * value))
        corrected[place] = least
    return corrected
