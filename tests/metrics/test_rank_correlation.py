"""Rank correlation by hand, and its interval over sequences."""

from __future__ import annotations

import numpy as np
import pytest

from chatdesc.metrics.rank_correlation import over_sequences, spearman


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3, 4, 5], [2, 4, 6, 8, 100], 1.0),
        ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4, 5], [1, 3, 2, 5, 4], 1 - 6 * 4 / (5 * 24)),  # 1 - 6 sum d^2 / (n (n^2 - 1))
        ([1, 1, 2], [1, 2, 3], 0.75**0.5),  # ranks 1.5 1.5 3 and 1 2 3: 1.5 / sqrt(1.5 x 2)
        ([1, np.nan, 2, 3], [1, 9, 2, 3], 1.0),
        ([1, 1, 1], [1, 2, 3], None),
        ([1, 2], [1, 2], None),
    ],
)
def test_ranks_are_correlated(one, other, expected):
    assert spearman(one, other) == (None if expected is None else pytest.approx(expected))


def test_lists_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="same length"):
        spearman([1, 2, 3], [1, 2])


def test_whole_sequences_are_drawn():
    values = np.repeat(np.arange(20.0), 50).reshape(20, 50)  # 50 equal values each: only 20 say something
    low, high = over_sequences(lambda rows: float(values[rows].mean()), 20)
    assert 6.5 < low < 7.6 and 11.4 < high < 12.5  # 9.5 -+ 1.96 x 5.77 / sqrt(20)
    assert over_sequences(lambda rows: float(values[rows].mean()), 20) == (low, high)


def test_no_interval_where_too_little_is_known():
    assert over_sequences(lambda rows: 1.0, 9) is None
    assert over_sequences(lambda rows: None, 20) is None
