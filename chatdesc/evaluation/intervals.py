"""Paired differences as columns of a table, and as cells for a terminal.

>>> row = interval_columns(Interval(mean=0.031, low=0.012, high=0.05, count=70, better=51, worse=19))
>>> row
{'difference': 0.031, 'low': 0.012, 'high': 0.05, 'better': 51, 'worse': 19}
>>> gain_cell(row, scale=100), better_cell(row)
('+3.10 (1.20..5.00)', '51/19')
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from chatdesc.metrics.alignment import Interval, paired_bootstrap
from chatdesc.tables import Record

Pairs = Iterable[tuple[float | None, float | None]]

COLUMNS = ("difference", "low", "high", "better", "worse")


def paired(pairs: Pairs) -> Interval:
    """The mean difference, second minus first, of the pairs of which both values are known, with a 95 % interval."""
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    return paired_bootstrap([a for a, _ in both], [b for _, b in both])


def interval_columns(gap: Interval | None) -> Record:
    """COLUMNS of an interval; None throughout for None."""
    if gap is None:
        return dict.fromkeys(COLUMNS)
    return {"difference": gap.mean, "low": gap.low, "high": gap.high, "better": gap.better, "worse": gap.worse}


def gain_cell(row: Record, scale: float = 1.0, digits: int = 2, bounds: int | None = None) -> str:
    """``+3.10 (1.20..5.00)``: the difference and its interval, times ``scale``; ``-`` where there is none.

    Args:
        digits: decimals of the difference.
        bounds: decimals of the interval; None: as many as the difference has.
    """
    gain, low, high = (row[key] for key in ("difference", "low", "high"))
    if gain is None or math.isnan(gain):
        return "-"
    places = digits if bounds is None else bounds
    return f"{scale * gain:+.{digits}f} ({scale * low:.{places}f}..{scale * high:.{places}f})"


def better_cell(row: Record) -> str:
    """``51/19``: how many of the pairs got better and worse; ``-`` where there is no interval."""
    return "-" if row["low"] is None else f"{row['better']}/{row['worse']}"
