"""Lines over time, worked out by hand."""

from chatdesc.page.pictures import key_frames
from chatdesc.page.timeline import POINTS, overlaps, timeline
from chatdesc.rows.schema import empty_row
from tests.makers.full_rows import NAN, row

BOX = [0.0, 0.0, 10.0, 10.0]
FAR = [50.0, 0.0, 10.0, 10.0]
HALF = [0.0, 0.0, 10.0, 5.0]


def tracked(boxes, track, **more):
    visible = more.pop("visible", [])
    return empty_row() | {"boxes": boxes, "visible": visible, "tracking": {"boxes": track, "sources": []} | more}


def test_the_overlap_of_each_frame():
    line = timeline(tracked([BOX] * 4, [BOX, HALF, FAR, FAR]))
    assert (line["frames"], line["step"], line["iou"]) == (4, 1, [100, 50, 0, 0])
    assert line["disagreements"] == [[2, "the track leaves the target"]]


def test_absent_frames_have_no_overlap():
    of = tracked([BOX, [NAN] * 4, [0.0] * 4, BOX], [BOX] * 4, visible=[True, True, True, False])
    assert timeline(of)["absent"] == [[1, 4]]
    assert timeline(of)["iou"] == [100, None, None, None]
    assert timeline(of)["disagreements"] == []


def test_flags_of_another_length_are_not_used():
    assert timeline(tracked([BOX] * 3, [BOX] * 3, visible=[False]))["absent"] == []


def test_long_videos_are_drawn_with_few_points():
    line = timeline(tracked([BOX] * 1000, [BOX] * 500 + [FAR] * 500))
    assert line["step"] == 5 and len(line["iou"]) == 200 <= POINTS
    assert line["iou"][99:101] == [100, 0]
    assert line["disagreements"] == [[500, "the track leaves the target"]]


def test_a_point_is_the_mean_of_its_frames():
    boxes = [BOX] * (2 * POINTS)
    line = timeline(tracked([*boxes[:-1], [NAN] * 4], [FAR, BOX] * POINTS))
    assert line["step"] == 2 and line["iou"] == [50] * (POINTS - 1) + [0]


def test_short_losses_in_a_long_video_are_jitter():
    track = [BOX] * 40
    track[10:12] = [FAR] * 2
    assert timeline(tracked([BOX] * 40, track))["disagreements"] == []
    track[10:13] = [FAR] * 3
    assert timeline(tracked([BOX] * 40, track))["disagreements"] == [[10, "the track leaves the target"]]


def test_choices_and_refusals():
    of = tracked([BOX] * 3, [BOX] * 3, none_frames=[2], sources=["given", "tracker", "language"])
    line = timeline(of)
    assert line["choices"] == [[2, "language"]] and line["none"] == [2]
    assert line["disagreements"] == [[2, "none of the proposals is the target"]]


def test_a_row_without_boxes_and_without_a_track():
    assert timeline(empty_row())["iou"] == []
    assert len(overlaps(row(tracking=None))) == 0


def test_frames_to_show_are_half_spread_and_half_the_worst():
    track = [BOX] * 100
    track[40:60] = [FAR] * 20
    shown = key_frames(tracked([BOX] * 100, track), 100, 4)
    assert shown == [4, 40, 44, 99]
    assert key_frames(empty_row(), 2, 4) == [1]
