"""Rank correlation of a measure with a result, and an interval of it over sequences.

>>> spearman([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 15.0, 40.0])
0.8
>>> spearman([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]) is None           # without order there is no correlation
True
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.metrics.paired import FEW

Floats = NDArray[np.float64]


def spearman(one: ArrayLike, other: ArrayLike) -> float | None:
    """Spearman's rank correlation of two lists [N]; ties have their mean rank, pairs with a NaN are left out.

    Returns:
        In [-1, 1]; None under three pairs, and where one side is constant.

    Raises:
        ValueError: lengths differ.

    Source: Spearman, "The proof and measurement of association between two things", American Journal of Psychology,
    1904; the numbers are scipy's.
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"a correlation needs two lists of the same length; got shapes {a.shape} and {b.shape}")
    known = ~np.isnan(a + b)
    a, b = a[known], b[known]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    from scipy.stats import spearmanr

    return round(float(spearmanr(a, b).statistic), 12)


def over_sequences(
    statistic: Callable[[NDArray[np.intp]], float | None],
    count: int,
    *,
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """A percentile interval of a statistic when whole sequences are drawn anew, as values of one sequence are alike.

    Args:
        statistic: of some sequences by their numbers, each as often as it was drawn; None where it is not defined.
        count: of sequences.

    Returns:
        Both ends; None under ``paired.FEW`` sequences, or where half the samples or more do not define it.

    Source: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8.
    """
    if count < FEW:
        return None
    rng = np.random.default_rng(seed)
    found = [statistic(rng.integers(0, count, count)) for _ in range(samples)]
    known = np.array([value for value in found if value is not None], np.float64)
    if 2 * len(known) <= samples:
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
