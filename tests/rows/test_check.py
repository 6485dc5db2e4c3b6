"""Values of another type than their column's."""

from __future__ import annotations

import pytest

from chatdesc.rows.check import wrong_column
from chatdesc.rows.schema import COLUMNS
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
