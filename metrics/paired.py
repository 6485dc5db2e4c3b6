"""Whether one set of values beats another, pair by pair: means, an interval, and what so few pairs could have shown.

>>> before = [20.0, 24.0, 22.0, 21.0, 25.0, 20.0, 23.0, 22.0, 24.0, 21.0]
>>> after = [23.0, 23.0, 26.0, 22.0, 25.0, 24.0, 25.0, 21.0, 27.0, 22.0]
>>> found = compare_pairs(before, after)
>>> found.before, found.after, found.mean, found.better, found.worse
(22.2, 23.8, 1.6, 7, 2)
>>> round(found.low, 2), round(found.high, 2), round(found.detectable, 2)
(0.24, 2.96, 1.89)
>>> few = compare_pairs([20.0, 24.0, 22.0], [23.0, 23.0, 26.0])
>>> few.mean, few.count, few.low, few.detectable
(2.0, 3, None, None)

Under FEW pairs there is no interval: a bootstrap over six or seven values holds the true mean in 86 of 100 cases, not
in 95, and over one value it has no width at all. Under MANY pairs the interval is Student's, from then on the
bootstrap's, which needs no normal differences.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FEW = 10  # pairs under which a spread says too little
MANY = 30  # pairs from which on means are resampled
POWER = 0.8  # share of samples that would show a difference as large as ``detectable``


@dataclass(frozen=True, slots=True)
class Interval:
    """Two means over the same pairs, and their difference with its confidence interval.

    Attributes:
        before, after: the means of both sides over the pairs; None without a pair.
        mean: ``after`` minus ``before``.
        low, high: the confidence interval of ``mean``; None under FEW pairs, and where all pairs differ by the same,
            because pairs without a spread do not say how far another sample would be.
        detectable: the smallest true difference that a sample of this size and spread shows with power POWER, so a
            smaller one may be there unseen; None where there is no interval.
        count: pairs.
        better, worse: pairs whose second value is greater and smaller.
    """

    before: float | None
    after: float | None
    mean: float | None
    low: float | None
    high: float | None
    detectable: float | None
    count: int
    better: int
    worse: int


def compare_pairs(
    before: ArrayLike, after: ArrayLike, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Mean of ``after - before`` over pairs, with an interval: none under FEW, Student's under MANY, else bootstrap.

    Args:
        before, after: [N], one value per sequence, in the same order; pairs with a NaN are left out.
        level: share of samples whose interval holds the true mean.
        samples: how often the pairs are drawn anew, with replacement.
        seed: the same seed gives the same interval on every machine.

    Raises:
        ValueError: lengths differ, or ``level`` is not between 0 and 1.

    Source: Student, "The probable error of a mean", Biometrika 1908; Efron and Tibshirani, "An Introduction to the
    Bootstrap", 1993, chapter 13; for ``detectable`` Bloom, "Minimum detectable effects", Evaluation Review 1995.
    """
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"pairs need two lists of the same length; got shapes {a.shape} and {b.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, not {level}")
    known = ~np.isnan(b - a)
    a, b = a[known], b[known]
    gain = b - a
    if not len(gain):
        return Interval(None, None, None, None, None, None, 0, 0, 0)
    low, high = _bounds(gain, level, samples, seed)
    before_mean, after_mean, mean = (float(values.mean()) for values in (a, b, gain))
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    return Interval(before_mean, after_mean, mean, low, high, _detectable(gain, level), len(gain), better, worse)


def _bounds(gain: Floats, level: float, samples: int, seed: int) -> tuple[float | None, float | None]:
    if says_nothing(gain):
        return None, None
    if len(gain) < MANY:
        half = student_quantile((1 + level) / 2, len(gain) - 1) * _standard_error(gain)
        return float(gain.mean() - half), float(gain.mean() + half)
    means = _resampled_means(gain, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _detectable(gain: Floats, level: float) -> float | None:
    if says_nothing(gain):
        return None
    freedom = len(gain) - 1
    return (student_quantile((1 + level) / 2, freedom) + student_quantile(POWER, freedom)) * _standard_error(gain)


def says_nothing(gain: Floats) -> bool:
    """Whether there are too few pairs, or none that differs from the others but by rounding."""
    return len(gain) < FEW or float(np.ptp(gain)) <= 1e-9 * float(np.abs(gain).max())


def _standard_error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def student_quantile(share: float, freedom: int) -> float:
    """The value under which ``share`` of Student's distribution with ``freedom`` degrees of freedom lies.

    Within 0.0001 for 9 degrees or more and shares from 0.01 to 0.99.

    >>> round(student_quantile(0.975, 9), 3), round(student_quantile(0.975, 279), 3)
    (2.262, 1.969)

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964, formula 26.7.5.
    """
    z, n = NormalDist().inv_cdf(share), float(freedom)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / n ** (k + 1) for k, term in enumerate(terms))


def _resampled_means(values: Floats, samples: int, rng: np.random.Generator) -> Floats:
    """[samples] means of draws with replacement, in blocks, so that memory stays at a few megabytes."""
    block = max(1, 1_000_000 // len(values))
    parts = []
    for start in range(0, samples, block):
        draws = rng.integers(0, len(values), (min(block, samples - start), len(values)))
        parts.append(values[draws].mean(1))
    return np.concatenate(parts)


def known_mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are known (neither None nor NaN); None where none is."""
    known = [v for v in values if v is not None and not np.isnan(v)]
    return float(np.mean(known)) if known else None
