import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.metrics.overlap import centres, distance, iou, iou_matrix, is_box, middle, scaled_distance

coordinate = st.floats(-500, 500, allow_nan=False)
size = st.floats(0.5, 400)
box = st.tuples(coordinate, coordinate, size, size)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 0, 10, 10], 50 / 150),
        ([0, 0, 10, 10], [5, 5, 10, 10], 25 / 175),
        ([0, 0, 10, 10], [2, 3, 4, 5], 20 / 100),
        ([0, 0, 10, 10], [10, 0, 10, 10], 0.0),
        ([0, 0, 10, 10], [40, 40, 1, 1], 0.0),
    ],
)
def test_hand_worked(a, b, expected):
    assert iou([a], [b]) == pytest.approx([expected], abs=1e-15)


@pytest.mark.parametrize(
    "bad", [[np.nan, 0, 5, 5], [0, 0, np.nan, 5], [0, 0, 0, 5], [0, 0, 5, -5], [0, 0, -5, -5], [0, 0, np.inf, 5]]
)
def test_what_is_no_box_overlaps_nothing(bad, recwarn):
    good = [0, 0, 10, 10]
    assert not is_box(bad)
    assert iou([bad, good, bad], [good, bad, bad]).tolist() == [0, 0, 0]
    assert not recwarn.list


def test_matrix_is_the_pairwise_table():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(1, 50, (4, 4)), rng.uniform(1, 50, (3, 4))
    table = iou_matrix(a, b)
    assert table.shape == (4, 3)
    assert table == pytest.approx(np.array([[iou([p], [q])[0] for q in b] for p in a]))


def test_empty_tables_keep_their_shape():
    none = np.zeros((0, 4), np.float32)
    assert iou_matrix(none, [[0, 0, 1, 1]]).shape == (0, 1)
    assert iou_matrix([[0, 0, 1, 1]], none).shape == (1, 0)
    assert iou([], []).shape == (0,)


def test_the_last_axis_must_be_four():
    with pytest.raises(ValueError, match=r"xywh.*\(2, 3\)"):
        iou(np.zeros((2, 3)), np.zeros((2, 3)))


def points(*boxes):
    return middle(np.array(boxes, float))


def test_centre_errors_by_hand():
    truth = [0, 0, 10, 20]
    assert centres([truth]).tolist() == [[4.5, 9.5]]  # a pixel's index: half of 10 less half a pixel
    assert distance(points([3, 4, 10, 20]), points(truth)) == pytest.approx([5])
    assert distance(points([0, 0, 0, 0]), points(truth)) == pytest.approx([np.hypot(5, 10)])
    # 5 px of a width of 10 and 10 px of a height of 20: half a box each
    half = scaled_distance(points([5, 10, 10, 20]), points(truth), np.array([truth], float))
    assert half == pytest.approx([np.sqrt(0.5)])


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-5, 5), (5, -5), (np.nan, 5)])
def test_errors_in_units_of_no_size_are_nan(size):
    truth = np.array([[0, 0, *size], [0, 0, 5, 5]], float)
    errors = scaled_distance(points([1, 1, 5, 5], [1, 0, 5, 5]), middle(truth), truth)
    assert np.isnan(errors[0]) and errors[1] == pytest.approx(0.2)
    assert np.isnan(distance(points([np.nan, 0, 1, 1]), points([0, 0, 1, 1]))).all()


@given(box, box)
def test_symmetric_and_in_range(a, b):
    value = iou([a], [b])[0]
    assert 0 <= value <= 1
    assert value == pytest.approx(iou([b], [a])[0], abs=1e-12)
    assert iou([a], [a])[0] == pytest.approx(1, abs=1e-9)


@given(box, box, st.integers(-200, 200), st.integers(-200, 200))
def test_moving_both_changes_nothing(a, b, dx, dy):
    move = np.array([dx, dy, 0, 0])
    a, b = np.array([a]), np.array([b])
    assert iou(a + move, b + move) == pytest.approx(iou(a, b), abs=1e-9)
    moved = distance(middle(a + move), middle(b + move))
    assert moved == pytest.approx(distance(middle(a), middle(b)), abs=1e-9)


@given(box, box, st.floats(0.25, 4))
def test_scaling_both_scales_pixels_only(a, b, factor):
    a, b = np.array([a]), np.array([b])
    assert iou(a * factor, b * factor) == pytest.approx(iou(a, b), abs=1e-9)
    (a0, b0), (a1, b1) = (middle(a), middle(b)), (middle(a * factor), middle(b * factor))
    assert distance(a1, b1) == pytest.approx(factor * distance(a0, b0), abs=1e-9)
    assert scaled_distance(a1, b1, b * factor) == pytest.approx(scaled_distance(a0, b0, b), abs=1e-6)
