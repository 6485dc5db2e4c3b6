import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.rows.schema import COLUMNS, box_list, empty_row, features, flag_list, frame_paths
from chatdesc.types import Frames


def paths_of(row):
    """The documented way back from a row's ``frames`` to paths."""
    return lambda count: row["paths"] or [row["pattern"] % (row["first"] + i) for i in range(count)]


def described(*paths):
    row = frame_paths(Frames(tuple(paths), bytes))
    assert paths_of(row)(len(paths)) == list(paths)
    return row


@pytest.mark.parametrize(
    ("paths", "pattern", "first"),
    [
        (["a/img/00000001.jpg", "a/img/00000002.jpg"], "a/img/%08d.jpg", 1),
        (["a-10.2/0000.png", "a-10.2/0001.png"], "a-10.2/%04d.png", 0),
        (["100%/9.jpg", "100%/10.jpg"], "100%%/%01d.jpg", 9),
        (["x/frame7.jpeg"], "x/frame%01d.jpeg", 7),
    ],
)
def test_names_that_count_up_become_a_pattern(paths, pattern, first):
    assert described(*paths) == {"pattern": pattern, "first": first, "paths": []}


@pytest.mark.parametrize(
    "paths", [["1.jpg", "3.jpg"], ["b.jpg", "a.jpg"], ["1.jpg", "2.png"], ["1.jpg", "02.jpg"], ["a/1.jpg", "b/2.jpg"]]
)
def test_other_names_are_listed(paths):
    assert described(*paths) == {"pattern": None, "first": None, "paths": paths}


def test_no_frames():
    assert described() == {"pattern": None, "first": None, "paths": []}


@given(
    st.text("a%1/-.", max_size=6),
    st.integers(0, 120),
    st.integers(1, 6),
    st.integers(1, 30),
    st.sampled_from([1, 1, 2]),
)
def test_paths_come_back_from_a_row(folder, first, digits, count, step):
    described(*(f"{folder}/{first + step * i:0{digits}d}.jpg" for i in range(count)))


def test_every_column_is_documented_typed_and_present():
    assert list(features()) == list(COLUMNS) == list(empty_row())
    assert list(features(include_frames=True)) == [*COLUMNS, "images"]
    assert all(COLUMNS.values())


GAIN = {
    "kind": "track", "start": 0, "stop": 40, "compared": 39, "score": 0.75, "baseline": 0.5, "gain": 0.25,
    "low": 0.125, "high": 0.375, "led": None, "left": 30, "by": "language", "seen": 32, "onto": [1.0, 2.0, 3.0, 4.0],
}  # fmt: skip


def test_an_empty_and_a_full_row_survive_typing():
    from datasets import Dataset

    full = empty_row() | {
        "sequence": "a-1", "num_frames": 2, "boxes": [[1, 2, 3, 4], [float("nan")] * 4], "visible": [True, False],
        "frames": {"pattern": "img/%08d.jpg", "first": 1, "paths": []}, "text": "rot é",
        "grounding": {"grounder": "g", "manual_iou": None, "manual_margin": None, "round0_iou": 0.5, "iou": 0.5,
                      "margin": 0.25, "manual_top_iou": None, "top_iou": 0.5, "manual_truncated": None,
                      "truncated": True},
        "rounds": [{"start": 0, "text": "x", "source": "refined", "background": [], "background_dropped": [],
                    "positive": ["x"], "negative": [], "iou": 0.5, "margin": 0.25, "accepted": True, "raw": "{}",
                    "gain": gain}
                       for gain in (None, GAIN, GAIN | {"left": None, "by": None, "seen": None, "onto": None})],
    }  # fmt: skip
    full = json.loads(json.dumps(full))
    for row in Dataset.from_list([empty_row() | {"boxes": []}, full], features=features()):
        assert row.keys() == COLUMNS.keys()
    assert row["rounds"] == full["rounds"]
    assert row["grounding"] == full["grounding"]
    np.testing.assert_array_equal(row["boxes"], full["boxes"])


def test_lists_of_boxes_and_flags_are_plain():
    assert json.dumps(box_list(np.array([[1, 2, 3, 4.5]], np.float32))) == "[[1.0, 2.0, 3.0, 4.5]]"
    assert flag_list(None) == []
    assert json.dumps(flag_list(np.array([True, False]))) == "[true, false]"
