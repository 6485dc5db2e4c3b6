"""Values and problems of a sequence's files, on roots that are a dict."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
import pytest

from chatdesc.loaders import checks
from chatdesc.loaders.roots import Root
from chatdesc.types import DataError


class Files(Root):
    """Files in memory; None for one that may not be read."""

    def __init__(self, files: dict[str, bytes | None]) -> None:
        super().__init__("memory")
        self.files = files

    def _read(self, path: str) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        data = self.files[path]
        if data is None:
            raise DataError("may not be read")
        return data

    def _entries(self, path: str) -> dict[str, bool]:
        raise AssertionError("checks list no folder")

    def _open(self, path: str) -> BinaryIO:
        raise AssertionError("checks keep no file open")


def messages(problems: list[checks.Problem]) -> list[str]:
    return [problem.message for problem in problems]


class TestBoxes:
    def test_are_float32_with_the_lines_that_are_wrong(self) -> None:
        boxes, errors, problems = checks.read_boxes(Files({"b.txt": b"1,2,3,4\n1.5,2,3\n"}), "b.txt", "b.txt")
        assert boxes.dtype == np.float32 and boxes[0].tolist() == [1, 2, 3, 4] and np.isnan(boxes[1]).all()
        assert errors == [(2, "3 numbers instead of 4")] and problems == []

    @pytest.mark.parametrize(
        ("path", "says"),
        [
            (None, "a/groundtruth.txt: there is no such file; the target's boxes are needed"),
            ("empty.txt", "empty.txt: is empty; download it again"),
            ("locked.txt", "locked.txt: may not be read"),
            ("gone.txt", "gone.txt: gone.txt"),
        ],
    )
    def test_without_which_nothing_is_left_to_do(self, path: str | None, says: str) -> None:
        root = Files({"empty.txt": b"\n", "locked.txt": None})
        boxes, errors, problems = checks.read_boxes(root, path, "a/groundtruth.txt")
        assert boxes.shape == (0, 4) and errors == [] and messages(problems) == [says]
        assert problems[0].fatal and problems[0].kind == "bad_boxes"

    def test_each_cause_is_one_problem_with_its_first_line(self) -> None:
        nan = float("nan")
        boxes = np.array([[1, 2, 3, 4], [nan] * 4, [1, 2, nan, 4], [1, 2, 0, 4], [1, 2, -1, 4], [nan] * 4], np.float32)
        visible = np.array([True, True, True, True, True, False])
        assert messages(checks.check_boxes("b", boxes, [(2, "'x' is not a number")], visible)) == [
            "b:2: 'x' is not a number; correct the line",
            "b:3: box 1,2,nan,4 is not finite; such frames are not used",
            "b:4: box 1,2,0,4 is not positive though the target is marked visible (and 1 more); "
            "such frames are not used",
        ]
        assert len(checks.check_boxes("b", boxes, [], None)) == 1  # without flags a box without a size is absence
        assert checks.check_boxes("b", boxes[:1], [], None) == []

    def test_the_first_box_is_that_of_the_first_frame_in_use(self) -> None:
        boxes = np.array([[0, 0, 0, 0], [1, 2, 3, 4]], np.float32)
        [problem] = checks.check_boxes("b", boxes, [], None)
        assert problem.fatal and problem.message.startswith("b:1: the first box (0,0,0,0) is not finite and positive")
        assert checks.check_boxes("b", boxes[:1], [], None) == [problem]
        assert checks.check_boxes("b", boxes, [], None, first=1) == []


class TestVisibility:
    BOXES = np.array([[1, 2, 3, 4], [1, 2, 0, 0], [1, 2, 3, 4], [1, 2, 0, 0]], np.float32)

    def visible(self, *files: bytes | None) -> tuple[list[bool] | None, list[str]]:
        root = Files({f"{i}.txt": data for i, data in enumerate(files)})
        flags, problems = checks.read_visible(root, tuple(root.files), self.BOXES)
        return None if flags is None else flags.tolist(), messages(problems)

    def test_a_target_is_visible_where_no_file_marks_it_absent(self) -> None:
        assert self.visible(b"0,1,0,0", b"0,0,0,1") == ([True, False, True, False], [])
        assert self.visible() == (None, [])

    def test_flags_that_are_too_few_or_too_many(self) -> None:
        few, many = self.visible(b"1\n0"), self.visible(b"1\n0\n0\n1\n1\n1")
        assert few == ([False, True, True, False], ["0.txt: 2 flags for 4 boxes; the rest are taken from the boxes"])
        assert many == ([False, True, True, False], ["0.txt: 6 flags for 4 boxes; the last are left out"])

    def test_a_file_that_cannot_be_read_leaves_visibility_unknown(self) -> None:
        assert self.visible(b"0,0,0,0", b"0\nx\n") == (
            None,
            ["1.txt:2: 'x' is not a number; it is left out; correct the line"],
        )
        assert self.visible(None, b"0,0,0,0") == (None, ["0.txt: may not be read"])

    def test_there_is_none_without_boxes(self) -> None:
        flags = checks.read_flags(Files({"0.txt": b"0,0"}), ("0.txt",))
        assert checks.visible(flags, np.zeros((0, 4), np.float32)) == (None, [])


def test_attributes_by_name() -> None:
    root = Files({"a": b"1,0\n", "b": b"1\n0\n1\n", "c": b"1,y"})
    assert checks.read_attributes(root, "a", ("IV", "CM")) == ({"IV": True, "CM": False}, [])
    assert checks.read_attributes(root, None, ("IV",)) == ({}, [])
    for path, says in (("b", "b: 3 values instead of 2; left out"), ("c", "c:1: 'y' is not a number; it is left out")):
        attributes, [problem] = checks.read_attributes(root, path, ("IV", "CM"))
        assert attributes == {} and problem.message.startswith(says) and problem.kind == "bad_attributes"


class TestText:
    @pytest.mark.parametrize(
        ("data", "kinds"),
        [
            (b"a red kite", []),
            (b"a red kite\r\n\n", []),
            (b"", ["missing_text"]),
            (b" \n\t", ["missing_text"]),
            (b"one\n\ntwo", ["bad_text"]),
            (b"one\ncaf\xe9", ["bad_text", "bad_text"]),
        ],
    )
    def test_keeps_every_byte(self, data: bytes, kinds: list[str]) -> None:
        text, problems = checks.read_text(Files({"t": data}), "t")
        assert text is not None and text.encode("utf-8", "surrogateescape") == data
        assert [problem.kind for problem in problems] == kinds and not any(problem.fatal for problem in problems)

    def test_lines_are_those_of_the_file(self) -> None:
        _, problems = checks.read_text(Files({"t": b"\none\n\ncaf\xe9"}), "t")
        assert [m.partition(";")[0] for m in messages(problems)] == [
            "t:4: more than one line",
            "t:4: byte 0xe9 is not UTF-8",
        ]

    def test_that_does_not_exist_or_may_not_be_read(self) -> None:
        for path, says in (("gone", "gone: there is no such file; a text can be made"), ("locked", "locked: may not")):
            text, [problem] = checks.read_text(Files({"locked": None}), path)
            assert text is None and problem.kind == "missing_text" and problem.message.startswith(says)


class TestPairs:
    def pair(self, images: list[str], rows: int, start: int = 0) -> tuple[list[str], list[int], list[str]]:
        used, taken, problems = checks.pair("img", images, rows, start)
        return used, taken.tolist(), [problem.kind for problem in problems]

    def test_as_many_images_as_rows(self) -> None:
        assert self.pair(["7.jpg", "9.jpg"], 2) == (["7.jpg", "9.jpg"], [0, 1], [])
        assert self.pair(["7.jpg", "9.jpg"], 4, start=2) == (["7.jpg", "9.jpg"], [2, 3], [])

    def test_a_gap_in_numbered_images_takes_its_row_with_it(self) -> None:
        assert self.pair(["7.jpg", "9.jpg"], 3)[1:] == ([0, 2], ["missing_frames"])
        assert self.pair(["7.jpg", "9.jpg"], 4, start=1)[1:] == ([1, 3], ["missing_frames"])

    @pytest.mark.parametrize(
        "images", [["a.jpg", "b.jpg"], ["9.jpg", "7.jpg"], ["7.jpg", "10.jpg"], ["7.jpg", "7.png"]]
    )
    def test_other_names_are_paired_from_the_first(self, images: list[str]) -> None:
        assert self.pair(images, 3) == (images, [0, 1], ["missing_frames"])

    def test_more_images_than_rows_and_no_image(self) -> None:
        assert self.pair(["1.jpg", "2.jpg", "3.jpg"], 2) == (["1.jpg", "2.jpg"], [0, 1], ["extra_frames"])
        assert self.pair([], 2) == ([], [0, 1], ["missing_frames"])
        assert self.pair(["1.jpg"], 0) == (["1.jpg"], [], [])
