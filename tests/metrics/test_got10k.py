import numpy as np
import pytest

from chatdesc.metrics.got10k import THRESHOLDS, average_overlap, scored_overlaps, within

TRUTH = np.tile([[100.0, 100.0, 20.0, 20.0]], (5, 1))


def moved(*offsets):
    boxes = TRUTH[: len(offsets)].copy()
    boxes[:, 0] += offsets
    return boxes


def test_by_hand():
    """Moved by 5 of 20 px: 300 / 500 = 0.6. By 10: 1/3. The first frame is given and does not count."""
    overlaps = scored_overlaps(moved(99, 0, 5, 10, 30), TRUTH)
    assert overlaps.tolist() == pytest.approx([1, 0.6, 1 / 3, 0])
    found = average_overlap([overlaps])
    assert found.ao == pytest.approx((1 + 0.6 + 1 / 3) / 4)
    assert (found.sr50, found.sr75, found.frames) == (0.5, 0.25, 4)
    assert found.curve[0] == 3 / 4 and found.curve[50] == 0.5 and found.curve[100] == 0  # 1 does not exceed 1


def test_all_frames_weigh_the_same():
    found = average_overlap([[1.0], [0.0, 0.0, 0.0]])
    assert (found.ao, found.sr50) == (0.25, 0.25)
    assert found.curve.tolist() == [(np.array([1.0, 0, 0, 0]) > t).mean() for t in THRESHOLDS]


def test_covered_frames_do_not_count_and_lost_boxes_do():
    track = moved(0, 0, 0, 0, 0)
    track[3] = np.nan
    assert scored_overlaps(track, TRUTH, cover=[8, 8, 0, 1, 8]).tolist() == [1, 0, 1]


def test_boxes_end_at_the_edge_of_the_picture():
    track, truth = TRUTH.copy(), TRUTH.copy()
    truth[:, 0] = 110
    track[:, 0], track[:, 2] = 110, 60
    assert scored_overlaps(track, truth)[0] == pytest.approx(1 / 3)
    assert scored_overlaps(track, truth, size=(130, 200))[0] == 1
    assert within(np.array([[-5.0, 190, 20, 30]]), (130, 200)).tolist() == [[0, 190, 20, 10]]


@pytest.mark.parametrize(
    ("track", "cover", "message"),
    [
        (TRUTH[:4], None, "the track has 4 boxes for 5 frames"),
        (TRUTH, [1, 1], "and a cover for 2 of them"),
    ],
)
def test_what_does_not_fit_is_refused(track, cover, message):
    with pytest.raises(ValueError, match=message):
        scored_overlaps(track, TRUTH, cover)


def test_nothing_to_average_is_refused():
    with pytest.raises(ValueError, match="a sequence of one frame"):
        scored_overlaps(TRUTH[:1], TRUTH[:1])
    for empty in ([], [[]]):
        with pytest.raises(ValueError, match="no frame counts"):
            average_overlap(empty)
