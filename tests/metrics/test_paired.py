import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.metrics.paired import compare_pairs, student_quantile

# Upper quantiles of Student's distribution as every textbook prints them: share, degrees of freedom, value.
PRINTED = (
    (0.975, 9, 2.262),
    (0.975, 19, 2.093),
    (0.975, 28, 2.048),
    (0.95, 12, 1.782),
    (0.8, 9, 0.883),
    (0.975, 120, 1.980),
)


@pytest.mark.parametrize(("share", "freedom", "value"), PRINTED)
def test_student_quantiles_are_the_printed_ones(share, freedom, value):
    assert student_quantile(share, freedom) == pytest.approx(value, abs=6e-4)
    assert student_quantile(1 - share, freedom) == pytest.approx(-value, abs=6e-4)


def test_means_and_difference_rest_on_the_same_pairs():
    nan = np.nan
    found = compare_pairs([30.0, 10.0, 90.0, nan], [34.0, 8.0, nan, 50.0])
    assert (found.before, found.after, found.mean, found.count) == (20, 21, 1, 2)
    assert (found.better, found.worse) == (1, 1)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_under_ten_pairs_there_is_no_interval(count):
    found = compare_pairs(np.arange(count), np.arange(count) ** 2.0)
    assert found.count == count and found.mean is not None
    assert (found.low, found.high, found.detectable) == (None, None, None)


def test_under_thirty_pairs_the_interval_is_students():
    gain = np.array([1.0, 3.0] * 5)  # mean 2, standard deviation sqrt(10 / 9), so a standard error of 1 / 3
    found = compare_pairs(np.zeros(10), gain)
    assert (found.low, found.high) == pytest.approx((2 - 2.26216 / 3, 2 + 2.26216 / 3), abs=1e-4)
    assert found.detectable == pytest.approx((2.26216 + 0.88340) / 3, abs=1e-4)


def test_with_many_pairs_the_smallest_detectable_difference_is_that_of_the_normal_distribution():
    gain = np.tile([-1.0, 1.0], 5000)
    assert compare_pairs(np.zeros(10_000), gain).detectable == pytest.approx((1.95996 + 0.84162) / 100, rel=1e-3)


def test_a_true_difference_of_the_detectable_size_is_shown_in_four_of_five_samples():
    rng, shown = np.random.default_rng(3), []
    for _ in range(600):
        gain = rng.normal(0, 1, 20)
        size = compare_pairs(np.zeros(20), gain).detectable
        shown.append(compare_pairs(np.zeros(20), gain - gain.mean() + rng.normal(size, 1 / np.sqrt(20))).low > 0)
    assert np.mean(shown) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("count", [10, 15, 29, 30, 60])
def test_the_interval_holds_the_true_mean_in_95_of_100_samples(count):
    rng = np.random.default_rng(count)
    found = [compare_pairs(np.zeros(count), rng.normal(1, 1, count), samples=400) for _ in range(600)]
    assert np.mean([one.low <= 1 <= one.high for one in found]) == pytest.approx(0.95, abs=0.025)


def test_bootstrap_is_seeded_and_counts():
    rng = np.random.default_rng(1)
    before = rng.normal(25, 3, 200)
    after = before + rng.normal(1, 2, 200)
    first = compare_pairs(before, after, seed=7)
    assert first == compare_pairs(before, after, seed=7)
    assert first != compare_pairs(before, after, seed=8)
    assert first.better == (after > before).sum()
    assert first.worse == (after < before).sum()


def test_bootstrap_agrees_with_theory():
    gain = np.random.default_rng(2).normal(0, 2, 400)
    found = compare_pairs(np.zeros(400), gain)
    half = 1.96 * gain.std() / 20
    assert (found.low, found.high) == pytest.approx((gain.mean() - half, gain.mean() + half), abs=0.02)
    assert found.mean == pytest.approx(gain.mean())


def test_the_comparison_is_paired():
    base = np.linspace(0, 1000, 50)
    found = compare_pairs(base, base + np.tile([1.9, 2.1], 25))
    assert (found.low, found.mean, found.high) == pytest.approx((2, 2, 2), abs=0.05) and found.better == 50


@pytest.mark.parametrize("gain", [0.0, 2.0])
def test_pairs_that_all_differ_by_the_same_have_no_interval(gain):
    """Twelve texts that were kept do not prove that no text can help."""
    base = np.linspace(0, 1, 12)
    found = compare_pairs(base, base + gain)
    assert found.mean == pytest.approx(gain) and found.low is found.high is found.detectable is None


def test_without_pairs_and_with_wrong_ones():
    empty = compare_pairs([1, np.nan], [np.nan, 2])
    assert (empty.count, empty.before, empty.mean, empty.low) == (0, None, None, None)
    with pytest.raises(ValueError, match="same length"):
        compare_pairs([1], [1, 2])
    with pytest.raises(ValueError, match="between 0 and 1"):
        compare_pairs([1], [1], level=95)


@given(st.lists(st.floats(-100, 100), min_size=10, max_size=40), st.integers(0, 5))
def test_the_interval_holds_the_mean_of_a_shifted_copy(values, shift):
    wobble = np.tile([-0.5, 0.5], len(values))[: len(values)]
    found = compare_pairs(values, np.add(values, shift) + wobble, samples=200)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found.mean == pytest.approx(shift + wobble.mean(), abs=1e-9)
    assert found.after - found.before == pytest.approx(found.mean, abs=1e-9)
