"""Paired differences as columns of a table, and as cells for a terminal.

>>> before, after = [0.31, 0.42] * 6, [0.35, 0.40, 0.36, 0.45] * 3
>>> row = interval_columns(paired(zip(before, after)))
>>> row["pairs"], round(row["difference"], 3), round(row["low"], 3), round(row["high"], 3), row["better"], row["worse"]
(12, 0.025, 0.007, 0.043, 9, 3)
>>> gain_cell(row, scale=100), detectable_cell(row, scale=100), better_cell(row)
('+2.50 (0.71..4.29)', '2.50', '9/3')
>>> gain_cell(interval_columns(paired([(20.0, 21.0)])))
'+1.00 (n<10)'
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from chatdesc.metrics.paired import FEW, Interval, compare_pairs, known_mean
from chatdesc.tables import Record, digits_for

Pairs = Iterable[tuple[float | None, float | None]]

COLUMNS = ("pairs", "difference", "low", "high", "detectable", "better", "worse")
MDE = "MDE = smallest difference that n pairs could show"  # of a column of ``detectable`` in a terminal


def paired(pairs: Pairs) -> Interval:
    """The means of both sides and their difference, second minus first, over the pairs of which both are known."""
    values = np.array([[math.nan if value is None else value for value in pair] for pair in pairs], np.float64)
    return compare_pairs(*values.reshape(-1, 2).T)


def interval_columns(gap: Interval | None) -> Record:
    """COLUMNS of an interval; None throughout for None, and where there is no pair."""
    if gap is None or not gap.count:
        return dict.fromkeys(COLUMNS) | {"pairs": None if gap is None else 0}
    values = (gap.count, gap.mean, gap.low, gap.high, gap.detectable, gap.better, gap.worse)
    return dict(zip(COLUMNS, values, strict=True))


def paired_means(pairs: Iterable[tuple[float | None, float | None]]) -> Record:
    """The means ``manual`` and ``refined`` over the pairs of which both values are known, and COLUMNS.

    Without such a pair each side has the mean of what it has.
    """
    values = list(pairs)
    gap = paired(values)
    means = (gap.before, gap.after) if gap.count else tuple(known_mean(side) for side in zip(*values, strict=True))
    return dict(zip(("manual", "refined"), means or (None, None), strict=True)) | interval_columns(gap)


def fitting_digits(row: Record, scale: float = 1.0, least: int = 2) -> int:
    """Decimals that show the interval's half width (or the difference, without one) with two digits; ``least`` or more.

    >>> fitting_digits({"difference": 0.4, "low": 0.02, "high": 0.78}, least=1)
    2
    """
    half = row["difference"] if row["low"] is None else (row["high"] - row["low"]) / 2
    return least if half is None else digits_for(scale * half, least)


def gain_cell(row: Record, scale: float = 1.0, least: int = 2) -> str:
    """``+3.10 (1.20..5.00)``: the difference and its interval, times ``scale``; ``-`` where there is none.

    Args:
        least: decimals at least; there are more where the interval is narrow.
    """
    gain, low, high = (row[key] for key in ("difference", "low", "high"))
    if gain is None:
        return "-"
    digits = fitting_digits(row, scale, least)
    if low is None:
        bounds = f"n<{FEW}" if row["pairs"] < FEW else "all alike"
    else:
        bounds = f"{scale * low:.{digits}f}..{scale * high:.{digits}f}"
    return f"{scale * gain:+.{digits}f} ({bounds})"


def detectable_cell(row: Record, scale: float = 1.0, least: int = 2) -> str:
    """The smallest difference that the sample could have shown, times ``scale``; ``-`` where it is not known."""
    value = row["detectable"]
    return "-" if value is None else f"{scale * value:.{fitting_digits(row, scale, least)}f}"


def cut_cell(row: Record) -> str:
    """``0/20``: per cent of the manual and of the refined texts that a model cut; ``-`` where it is not known."""
    shares = (row["manual_truncated"], row["refined_truncated"])
    return "/".join("-" if share is None else f"{100 * share:.0f}" for share in shares)


def better_cell(row: Record) -> str:
    """``51/19``: how many of the pairs got better and worse; ``-`` where there is no pair."""
    return "-" if row["difference"] is None else f"{row['better']}/{row['worse']}"
