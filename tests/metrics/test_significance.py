"""Sign test and Holm's correction, by hand and beside scipy's."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from chatdesc.metrics.significance import holm, sign_test


def test_the_sign_test_by_hand():
    assert sign_test(5, 0) == 2 / 32
    assert sign_test(1, 7) == sign_test(7, 1) == 2 * (1 + 8) / 256
    assert sign_test(3, 3) == 1.0  # both tails hold the middle
    assert sign_test(0, 0) is None and sign_test(1, 0) == 1.0
    with pytest.raises(ValueError, match="counted from 0"):
        sign_test(-1, 2)


@given(st.integers(0, 300), st.integers(0, 300))
def test_it_is_the_exact_binomial_test(better, worse):
    if better + worse:
        assert sign_test(better, worse) == pytest.approx(binomtest(better, better + worse).pvalue, rel=1e-9)


def test_a_thousand_pairs_are_no_overflow():
    assert sign_test(1400, 0) == pytest.approx(0, abs=1e-300) and 0 < sign_test(720, 680) < 1


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2, None, 0.9]) == [0.4, None, 0.9]
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == [] and holm([None]) == [None]
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        holm([1.2])


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_keeps_the_order_and_lies_between_the_value_and_bonferronis(values):
    corrected = holm(values)
    for value, out in zip(values, corrected, strict=True):
        assert value <= out <= min(1.0, len(values) * value) or out == pytest.approx(value)
    order = sorted(range(len(values)), key=lambda k: values[k])
    assert all(corrected[a] <= corrected[b] for a, b in pairwise(order))
