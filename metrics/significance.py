"""Whether a difference may be chance, for one comparison and for several: a sign test, and Holm's correction.

>>> sign_test(better=9, worse=1)
0.021484375
>>> holm([0.01, 0.04, None, 0.03])
[0.03, 0.06, None, 0.06]
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def sign_test(better: int, worse: int) -> float | None:
    """The two-sided p of as uneven a split of pairs if each were as likely to get better as worse; exact.

    Pairs that are equal on both sides take no part; without any other pair there is no p.

    Raises:
        ValueError: a count is negative.

    Source: Dixon and Mood, "The statistical sign test", Journal of the American Statistical Association 1946; ties are
    left out as in Conover, "Practical Nonparametric Statistics", 1999, section 3.4.
    """
    if better < 0 or worse < 0:
        raise ValueError(f"pairs are counted from 0; got {better} and {worse}")
    total, fewer = better + worse, min(better, worse)
    if not total:
        return None
    tail = sum(comb(total, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**total)  # whole numbers, whose quotient is right for any count


def holm(values: Sequence[float | None]) -> list[float | None]:
    """p values [N] corrected for there being several, in their order; None takes no part and stays.

    Calling all differences real whose corrected value is under .05 calls any false one real in at most 5 of 100 cases,
    whatever the dependence between them.

    Raises:
        ValueError: a value is not in [0, 1].

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.
    """
    known = sorted((value, place) for place, value in enumerate(values) if value is not None)
    if any(not 0 <= value <= 1 for value, _ in known):
        raise ValueError(f"a p value is in [0, 1]; got {list(values)}")
    corrected: list[float | None] = [None] * len(values)
    largest = 0.0
    for rank, (value, place) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * value))
        corrected[place] = largest
    return corrected
