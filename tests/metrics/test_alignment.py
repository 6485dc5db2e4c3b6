import numpy as np
import pytest

from chatdesc.metrics.alignment import cosine, margin, mean_over_frames


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
