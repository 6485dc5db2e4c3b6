"""Power of a paired t test: printed values, the normal limit, and a simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, ttest_1samp

from chatdesc.metrics.power import needed, power


@pytest.mark.parametrize(("size", "count"), [(0.2, 199), (0.5, 34), (0.8, 15)])
def test_sample_sizes_for_four_in_five_are_the_printed_ones(size, count):
    """Cohen's small, medium and large effect, two-sided at .05, matched pairs (G*Power 3)."""
    assert needed(size, 1.0) == count
    assert power(size, 1.0, count) >= 0.8 > power(size, 1.0, count - 1)


def test_with_many_pairs_it_is_that_of_the_normal_distribution():
    assert power(0.05, 1.0, 3000) == pytest.approx(norm.sf(1.96 - 0.05 * np.sqrt(3000)), abs=2e-3)


def test_it_is_the_share_of_samples_that_show_the_difference():
    draws = np.random.default_rng(0).normal(0.4, 1, (4000, 30))
    shown = (ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    assert power(0.4, 1.0, 30) == pytest.approx(shown, abs=0.025)


def test_without_a_difference_it_is_the_rate_of_false_alarms():
    assert power(0.0, 1.0, 50) == pytest.approx(0.05) and needed(0.0, 1.0) is None and needed(1e-9, 1.0) is None


def test_a_huge_difference_is_certain():
    assert power(100.0, 0.001, 10) == power(-5.0, 0.1, 1000) == 1.0 and needed(100.0, 0.001) <= 3


@settings(max_examples=40)
@given(st.floats(0.01, 2), st.floats(0.1, 3), st.integers(2, 400))
def test_unit_and_sign_do_not_count_and_more_pairs_show_more(difference, spread, count):
    found = power(difference, spread, count)
    assert 0.05 - 1e-9 <= found <= 1 and power(-10 * difference, 10 * spread, count) == pytest.approx(found, abs=1e-6)
    assert power(difference, spread, count + 20) >= found - 1e-6


@pytest.mark.parametrize(
    "arguments", [(1.0, 0.0, 10), (1.0, float("nan"), 10), (1.0, 1.0, 1), (1.0, 1.0, 10, 95)], ids=str
)
def test_what_has_no_power_is_refused(arguments):
    with pytest.raises(ValueError, match="a power needs"):
        power(*arguments)
    with pytest.raises(ValueError, match="between 0 and 1"):
        needed(1.0, 1.0, share=80)
