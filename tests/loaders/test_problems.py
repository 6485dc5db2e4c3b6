"""Broken sequences: what is said, where, whether anything is left to work with, and in which order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chatdesc.loaders import load
from chatdesc.types import Sequence
from tests.makers.datasets import image, lasot, put

PLACE = "boat/boat-1"


def broken(tmp_path: Path, boxes: str | bytes | None, count: int = 4, flags: str | None = "0,0,0,0") -> Sequence:
    folder = lasot(tmp_path, {"boat-1": count}) / PLACE
    if boxes is None:
        (folder / "groundtruth.txt").unlink()
    else:
        put(folder / "groundtruth.txt", boxes)
    for name in ("full_occlusion.txt", "out_of_view.txt"):
        (folder / name).unlink() if flags is None else put(folder / name, flags)
    return load("lasot", tmp_path)[0]


def test_a_letter_in_a_box_names_file_and_line(tmp_path: Path) -> None:
    sequence = broken(tmp_path, "1,2,3,4\n1,2,3,4\n1,2,3O,4\n1,2,3,4\n")
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("bad_boxes", False)]
    assert sequence.problems[0].message == f"{PLACE}/groundtruth.txt:3: '3O' is not a number; correct the line"
    assert np.isnan(sequence.boxes[2]).all()
    assert sequence.valid().tolist() == [True, True, False, True]
    assert sequence.status == "bad_boxes"
    assert sequence.usable


def test_several_bad_lines_are_counted(tmp_path: Path) -> None:
    message = broken(tmp_path, "1,2,3,4\n1,2,3\n1,2,3,4,5\n1,2,3,4\n").problems[0].message
    assert message.startswith(f"{PLACE}/groundtruth.txt:2: 3 numbers instead of 4 (and 1 more)")


def test_nan_is_a_problem_where_the_target_is_not_marked_absent(tmp_path: Path) -> None:
    boxes = "1,2,3,4\nNaN,NaN,NaN,NaN\n1,2,3,4\n1,2,3,4\n"
    sequence = broken(tmp_path / "a", boxes, flags=None)
    assert f"{PLACE}/groundtruth.txt:2: box nan,nan,nan,nan is not finite" in sequence.problems[0].message
    assert broken(tmp_path / "b", boxes, flags="0,1,0,0").status == "ok"


def test_a_box_without_size_is_absence_unless_the_target_is_marked_visible(tmp_path: Path) -> None:
    boxes = "1,2,3,4\n0,0,0,0\n1,2,3,4\n1,2,3,4\n"
    unknown = broken(tmp_path / "a", boxes, flags=None)
    assert (unknown.status, unknown.visible, unknown.valid().tolist()) == ("ok", None, [True, False, True, True])
    assert broken(tmp_path / "b", boxes, flags="0,1,0,0").status == "ok"
    visible = broken(tmp_path / "c", boxes, flags="0,0,0,0")
    assert visible.status == "bad_boxes"
    assert visible.usable
    assert ":2: box 0,0,0,0" in visible.problems[0].message


@pytest.mark.parametrize("first", ["0,0,0,0", "1,2,-3,4", "nan,2,3,4", "inf,2,3,4", "x,2,3,4"])
def test_a_first_box_that_is_none_is_fatal(tmp_path: Path, first: str) -> None:
    sequence = broken(tmp_path, f"{first}\n1,2,3,4\n1,2,3,4\n1,2,3,4\n", flags=None)
    assert sequence.problems[0].fatal
    assert sequence.status == "bad_boxes"
    assert not sequence.usable
    assert sequence.problems[0].message.startswith(f"{PLACE}/groundtruth.txt:1: the first box")


@pytest.mark.parametrize(("boxes", "why"), [(None, "there is no such file"), ("", "is empty"), ("\n\n", "is empty")])
def test_no_boxes_at_all(tmp_path: Path, boxes: str | None, why: str) -> None:
    sequence = broken(tmp_path, boxes)
    assert sequence.boxes.shape == (0, 4)
    assert len(sequence.frames) == 4
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("bad_boxes", True)]
    assert f"{PLACE}/groundtruth.txt: {why}" in sequence.problems[0].message


def test_fewer_images_than_boxes_cut_boxes_and_flags(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 5}) / PLACE
    for number in (4, 5):
        (folder / "img" / f"{number:08d}.jpg").unlink()
    sequence = load("lasot", tmp_path)[0]
    assert len(sequence) == len(sequence.frames) == 3
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, False]
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("missing_frames", False)]
    assert (
        f"{PLACE}/img: 3 images for 5 boxes; boxes without an image are left out, 3 stay"
        in sequence.problems[0].message
    )


def test_an_image_missing_in_the_middle_does_not_shift_the_boxes(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 5}) / PLACE
    (folder / "img" / "00000002.jpg").unlink()
    sequence = load("lasot", tmp_path)[0]
    assert sequence.boxes[:, 0].tolist() == [10, 12, 13, 14]
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, True, True]
    assert len(sequence.frames) == 4


def test_more_images_than_boxes_leave_the_last_out(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 3}) / PLACE
    image(folder / "img" / "00000004.jpg")
    sequence = load("lasot", tmp_path)[0]
    assert len(sequence) == len(sequence.frames) == 3
    assert sequence.usable
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("extra_frames", False)]


def test_problems_come_in_order_and_the_first_fatal_one_is_the_status(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 3}) / PLACE
    put(folder / "groundtruth.txt", "1,2,3,4\nx,2,3,4\n1,2,3,4\n")
    put(folder / "nlp.txt", "")
    put(folder / "out_of_view.txt", "0,0")
    (folder / "img" / "00000003.jpg").unlink()
    sequence = load("lasot", tmp_path)[0]
    assert [p.kind for p in sequence.problems] == ["missing_frames", "bad_boxes", "missing_text", "bad_visible"]
    assert sequence.status == "missing_frames"
    assert sequence.usable
    put(folder / "groundtruth.txt", "0,0,0,0\n1,2,3,4\n1,2,3,4\n")
    assert load("lasot", tmp_path)[0].status == "bad_boxes"


def test_no_text_is_a_problem_that_leaves_work_to_do(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 2}) / PLACE
    (folder / "nlp.txt").unlink()
    sequence = load("lasot", tmp_path)[0]
    assert (sequence.manual_text, sequence.status, sequence.usable) == (None, "missing_text", True)
    assert f"{PLACE}/nlp.txt: there is no such file" in sequence.problems[0].message
