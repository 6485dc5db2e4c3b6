"""The corrected bootstrap interval: by a formula of its own, on data without a spread, and how often it is right."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from chatdesc.metrics.bca import bca_interval

SKEWED = np.array([0.0] * 15 + [1.0, 2.0, 3.0, 9.0, 10.0])


def by_hand(values, samples, seed):
    """Efron's formula, without scipy's bootstrap."""
    n = len(values)
    rng = np.random.default_rng(seed)
    means = np.sort(values[rng.integers(0, n, (samples, n))].mean(1))
    below = ((means < values.mean()).mean() + (means <= values.mean()).mean()) / 2
    bias = norm.ppf(below)
    left_out = (values.sum() - values) / (n - 1)
    apart = left_out.mean() - left_out
    skew = (apart**3).sum() / (6 * (apart**2).sum() ** 1.5)
    ends = [norm.cdf(bias + (bias + z) / (1 - skew * (bias + z))) for z in norm.ppf([0.025, 0.975])]
    return np.quantile(means, ends)


def test_it_is_efrons_formula_and_moves_with_the_skew():
    found = bca_interval(SKEWED, samples=40_000)
    assert found == pytest.approx(by_hand(SKEWED, 40_000, 1), abs=0.06)
    mean, (low, high) = SKEWED.mean(), found
    assert high - mean > 1.3 * (mean - low)  # Student's and the plain bootstrap's are almost even
    assert bca_interval(-SKEWED, samples=40_000) == pytest.approx((-high, -low), abs=0.06)


def test_it_is_seeded():
    assert bca_interval(SKEWED, seed=3, samples=500) == bca_interval(SKEWED, seed=3, samples=500)
    assert bca_interval(SKEWED, seed=3, samples=500) != bca_interval(SKEWED, seed=4, samples=500)


def test_it_holds_the_true_mean_of_skewed_data_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    found = [bca_interval(rng.exponential(1, 60), samples=400) for _ in range(250)]
    assert np.mean([low <= 1 <= high for low, high in found]) == pytest.approx(0.94, abs=0.045)


@pytest.mark.parametrize("values", [[], [1.0] * 9, [2.0] * 40, [0.0] * 12, list(np.arange(9))])
def test_too_few_values_or_none_that_differs_have_no_interval(values):
    assert bca_interval(values) is None


def test_one_value_that_differs_among_many_is_no_crash():
    low, high = bca_interval([0.0] * 39 + [1.0], samples=2000)
    assert 0 <= low < 1 / 40 < high < 0.2


@settings(max_examples=25)
@given(st.lists(st.integers(-3, 3).map(float), min_size=10, max_size=30))
def test_whatever_the_values_the_ends_are_finite_and_in_order(values):
    found = bca_interval(values, samples=200)
    assert found is None or min(values) <= found[0] <= found[1] <= max(values)


def test_what_is_no_list_of_numbers_is_refused():
    with pytest.raises(ValueError, match="finite"):
        bca_interval([1.0, np.nan])
    with pytest.raises(ValueError, match="finite"):
        bca_interval([[1.0]])
    with pytest.raises(ValueError, match="between 0 and 1"):
        bca_interval(SKEWED, level=95)
