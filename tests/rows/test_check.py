"""Values of another type than their column's."""

from __future__ import annotations

import pytest

from chatdesc.rows.check import LOOKED_AT, NEEDED, unfit, wrong_column
from chatdesc.rows.schema import COLUMNS, empty_row
from tests.makers.full_rows import NAN, bare, row


@pytest.mark.parametrize("good", [row(), bare("b"), row(boxes=[[NAN] * 4], ranges=None), row(num_frames=None)])
def test_rows_as_they_are_made_fit(good):
    assert wrong_column(good, COLUMNS) == ""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sequence", None),
        ("sequence", 7),
        ("text", ["a"]),
        ("text", b"a"),
        ("num_frames", 1.5),
        ("num_frames", True),
        ("boxes", [[1.0, None]]),
        ("boxes", [1.0]),
        ("visible", [1]),
        ("visible", [None]),
        ("frames", {"pattern": 1}),
        ("ranges", [None]),
        ("ranges", [{"start": None, "text": "a"}]),
        ("ranges", {"start": 0}),
        ("background", "tree"),
        ("provenance", []),
    ],
)
def test_another_type_is_named(column, value):
    assert wrong_column(row() | {column: value}, COLUMNS) == column


@pytest.mark.parametrize("good", [row(), bare("b"), empty_row(), row(grounding={"grounder": "g", "iou": 0.5})])
def test_stored_rows_are_whole_also_those_of_earlier_versions(good):
    assert unfit(good) == ""


@pytest.mark.parametrize("column", NEEDED)
def test_a_column_that_readers_need_is_missed(column):
    assert unfit({name: value for name, value in row().items() if name != column}) == column


@pytest.mark.parametrize(
    ("column", "value"),
    [("ranges", None), ("ranges", [row()["ranges"][0] | {"background": None}]), ("boxes", [[1.0, "2"]]), ("text", 5)],
)
def test_a_stored_row_of_another_type_is_damaged(column, value):
    assert unfit(row() | {column: value}) == column


def test_of_a_stored_list_as_long_as_a_video_the_first_items_count():
    boxes = [[1.0, 2.0, 3.0, 4.0]] * LOOKED_AT
    assert unfit(row(boxes=[*boxes, None])) == "" and wrong_column(row(boxes=[*boxes, None]), ("boxes",)) == "boxes"
