"""How likely a comparison on N sequences is to show a difference, and how many sequences it takes.

>>> round(power(0.5, 1.0, 34), 3), needed(0.5, 1.0)
(0.808, 34)
>>> [round(power(0.2, 1.0, n), 2) for n in (99, 150, 280, 700)]
[0.5, 0.68, 0.92, 1.0]
"""

from __future__ import annotations

from math import sqrt

MOST = 1_000_000  # sequences


def power(difference: float, spread: float, count: int, level: float = 0.95) -> float:
    """The share of samples of ``count`` pairs whose two-sided t test shows a true mean difference.

    With t the quantile (1 + level) / 2 of Student's distribution with count - 1 degrees of freedom, and T that of the
    noncentral one with noncentrality difference * sqrt(count) / spread: P(T < -t) + P(T > t).

    Args:
        difference: the true mean of the pairs' differences, in the unit of ``spread``.
        spread: their standard deviation, positive.
        count: pairs, at least 2.

    Raises:
        ValueError: ``spread`` is not positive, ``count`` under 2, or ``level`` not between 0 and 1.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2; Faul et al., "G*Power 3",
    Behavior Research Methods 2007, have the same for matched pairs.
    """
    if not spread > 0 or count < 2 or not 0 < level < 1:
        raise ValueError(f"a power needs a spread, two pairs and a level in (0, 1); got {spread}, {count}, {level}")
    from scipy.stats import nct, t

    shift = abs(difference) * sqrt(count) / spread
    bound = float(t.ppf((1 + level) / 2, count - 1))
    if shift > 30 + bound:  # where the noncentral distribution is not computed to the last digit any more
        return 1.0
    if not shift:
        return 1 - level
    return float(nct.sf(bound, count - 1, shift) + nct.sf(bound, count - 1, -shift))


def needed(difference: float, spread: float, share: float = 0.8, level: float = 0.95) -> int | None:
    """The fewest pairs with which ``power`` is at least ``share``; None for no difference, or more than MOST.

    Raises:
        ValueError: as ``power``, or ``share`` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a power is a share between 0 and 1, not {share}")
    if not difference or power(difference, spread, MOST, level) < share:
        return None
    low, high = 1, 2  # low does not do
    while power(difference, spread, high, level) < share:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(difference, spread, middle, level) >= share else (middle, high)
    return high
