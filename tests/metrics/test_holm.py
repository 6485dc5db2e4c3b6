"""The sign test and Holm's correction, worked by hand."""

import pytest

from chatdesc.metrics.holm import holm, sign_test


@pytest.mark.parametrize(
    ("better", "worse", "value"),
    [(0, 0, None), (1, 0, 1.0), (3, 0, 2 / 8), (0, 6, 2 / 64), (9, 1, 2 * 11 / 1024), (4, 4, 1.0)],
)
def test_the_sign_test_counts_the_splits_that_are_as_uneven(better, worse, value):
    assert sign_test(better, worse) == (None if value is None else pytest.approx(value))
    assert sign_test(worse, better) == sign_test(better, worse)


def test_holm_multiplies_the_smallest_by_all_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])  # .04 x 1 is less than .03 x 2 before it
    assert holm([0.6, 0.5]) == pytest.approx([1.0, 1.0])
    assert holm([None, 0.02, None]) == [None, 0.02, None]  # what has no value is no comparison
    assert holm([]) == []
