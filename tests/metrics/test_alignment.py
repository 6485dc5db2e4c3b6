import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.metrics.alignment import cosine, margin, mean_over_frames, paired_bootstrap


def test_cosine_by_hand():
    text, crops = [0.6, 0.8], [[1, 0], [0, 1], [-0.6, -0.8], [np.nan, np.nan]]
    assert cosine(text, crops) == pytest.approx([60, 80, -100, np.nan], nan_ok=True)


def test_only_unit_vectors_have_a_cosine():
    with pytest.raises(ValueError, match=r"crops must be unit vectors; a length is 2"):
        cosine([1, 0], [[2, 0], [np.nan, 0]])


def test_a_vector_of_zeros_is_aligned_with_nothing():
    assert cosine([[0, 0], [1, 0]], [1, 0]).tolist() == [0, 100]


def test_margin_is_over_the_strongest_distractor():
    nan = np.nan
    assert margin([30, 30, 30], [[10, 25], [nan, 40], [nan, nan]]) == pytest.approx([5, -10, nan], nan_ok=True)
    assert np.isnan(margin([1.0, 2.0], np.zeros((2, 0)))).all()


def test_mean_leaves_out_what_is_not_known():
    assert mean_over_frames([1, np.nan, 3]) == 2
    assert np.isnan(mean_over_frames([np.nan, np.nan]))
    assert mean_over_frames([[1, 3], [np.nan, 5]]).tolist() == [2, 5]


def test_bootstrap_is_seeded_and_counts():
    rng = np.random.default_rng(1)
    before = rng.normal(25, 3, 200)
    after = before + rng.normal(1, 2, 200)
    first = paired_bootstrap(before, after, seed=7)
    assert first == paired_bootstrap(before, after, seed=7)
    assert first != paired_bootstrap(before, after, seed=8)
    assert first.better == (after > before).sum()
    assert first.worse == (after < before).sum()


def test_bootstrap_agrees_with_theory():
    gain = np.random.default_rng(2).normal(0, 2, 400)
    found = paired_bootstrap(np.zeros(400), gain)
    half = 1.96 * gain.std() / 20
    assert (found.low, found.high) == pytest.approx((gain.mean() - half, gain.mean() + half), abs=0.02)
    assert found.mean == pytest.approx(gain.mean())


def test_bootstrap_is_paired():
    base = np.linspace(0, 1000, 50)
    found = paired_bootstrap(base, base + 2)
    assert (found.low, found.mean, found.high, found.better) == pytest.approx((2, 2, 2, 50))


def test_bootstrap_without_pairs_and_with_wrong_ones():
    empty = paired_bootstrap([1, np.nan], [np.nan, 2])
    assert empty.count == 0
    assert np.isnan(empty.mean)
    with pytest.raises(ValueError, match="same length"):
        paired_bootstrap([1], [1, 2])
    with pytest.raises(ValueError, match="between 0 and 1"):
        paired_bootstrap([1], [1], level=95)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(0, 5))
def test_the_interval_holds_the_mean_of_a_shifted_copy(values, shift):
    found = paired_bootstrap(values, np.add(values, shift), samples=200)
    assert found.low - 1e-9 <= found.mean <= found.high + 1e-9
    assert found.mean == pytest.approx(shift, abs=1e-9)
