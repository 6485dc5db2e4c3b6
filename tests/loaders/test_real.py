"""Facts about the real datasets, checked where the shared data is at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chatdesc.loaders import Dataset, load


@pytest.fixture(scope="module")
def lasot_test(shared_data: Path) -> Dataset:
    return load("lasot", shared_data / "lasot_annos", split="test")


def test_lasots_test_split(lasot_test: Dataset) -> None:
    found = list(lasot_test.annotations())
    assert len(lasot_test) == len(found) == 280
    assert sum(len(a.boxes) for a in found) == 685_360
    assert sum(int((~a.visible).sum()) for a in found if a.visible is not None) == 18_346
    assert all(np.isfinite(a.boxes).all() for a in found)
    assert all(s.category == s.name.rpartition("-")[0] and s.split == "test" for s in lasot_test)


def test_lasots_boxes_that_are_not_positive_while_visible(lasot_test: Dataset) -> None:
    found = {}
    for a in lasot_test.annotations():
        rows = np.flatnonzero((a.boxes[:, 2:] <= 0).any(1) & a.visible)
        if len(rows):
            found[a.name] = (rows + 1).tolist()
    assert found == {"lion-5": [553], "microphone-6": [1109], "tiger-6": [118]}
    problems = lasot_test["tiger-6"].problems
    assert [p.kind for p in problems] == ["missing_frames", "bad_boxes"]
    assert "tiger/tiger-6/groundtruth.txt:118: box 613,731,247,-11" in problems[1].message
    assert len(lasot_test["monkey-17"]) == 2260


def test_lasots_boxes_equal_loadtxt(lasot_test: Dataset, shared_data: Path) -> None:
    for a in list(lasot_test.annotations())[::40]:
        path = shared_data / "lasot_annos" / a.name.rpartition("-")[0] / a.name / "groundtruth.txt"
        assert np.array_equal(a.boxes, np.loadtxt(path, np.float32, delimiter=","))
        assert np.array_equal(a.boxes, lasot_test[a.name].boxes)


def test_lasots_attributes_agree_with_its_flags(lasot_test: Dataset) -> None:
    """The order of names is right if "fully occluded or out of view" goes with absent frames."""
    sequences = [lasot_test[name] for name in lasot_test.names]
    agree = [(s.attributes["FOC"] or s.attributes["OV"]) == (not s.visible.all()) for s in sequences]
    assert np.mean(agree) > 0.95


def test_tnl2k(shared_data: Path) -> None:
    dataset = load("tnl2k", shared_data / "tnl2k_annos")
    sequences = list(dataset)
    assert [sum(s.split == split for s in sequences) for split in ("train", "test")] == [15, 70]
    assert dataset["Cat_BBC_video_03-Done"].manual_text == "the cat standing on the hilltop"
    assert dataset["INF_womanpink"].status == "missing_frames"
    assert len(dataset["INF_womanpink"]) == 0
    assert dataset["Fight_video_02-Done"].boxes[0].tolist() == [222, 213, 304, 440]
    for sequence in sequences:
        if sequence.visible is not None:
            assert np.array_equal(sequence.visible, (sequence.boxes != 0).any(1))
            assert len(sequence.attributes) == 17
    assert {p.kind for s in sequences for p in s.problems} == {"missing_frames", "bad_boxes", "missing_text"}
    assert all(s.attributes["AS"] for s in sequences if s.name.startswith("advSamp") and s.attributes)


def test_otb(shared_data: Path) -> None:
    dataset = load("otb-lang", shared_data / "otb")
    found = {s.name: (s.split, s.status, len(s), len(s.frames), s.manual_text) for s in dataset}
    assert found == {
        "Crossing": ("train", "ok", 120, 120, "people on the right side of the road\n"),
        "Football1": ("test", "ok", 74, 74, "white helmet on the field"),
        "Jogging-1": ("test", "ok", 307, 307, "woman in dark leggings jogging on the left"),
        "Jogging-2": ("test", "ok", 307, 307, "person in a white shirt jogging next to another"),
        "Man": ("test", "ok", 134, 134, "face of the man in front of the bookshelf\n"),
        "MotorRolling": ("test", "ok", 164, 164, "motorcylce jumping in the air"),
        "Skiing": ("test", "ok", 81, 81, "people skiing on the snow"),
    }
    assert dataset["Jogging-1"].boxes[0].tolist() == [111, 98, 25, 101]
    assert dataset["Jogging-2"].boxes[0].tolist() == [180, 79, 37, 114]
    assert dataset["Skiing"].frames[-1].ndim == 3


def test_otb_written_back(shared_data: Path, tmp_path: Path) -> None:
    dataset = load("otb-lang", shared_data / "otb")
    rows = [{"sequence": name, "text": f"text, of {name}"} for name in dataset.names]
    assert len(dataset.write_back(rows, tmp_path / "new").written) == 7
    for sequence in load("otb-lang", shared_data / "otb", texts=tmp_path / "new"):
        ending = "\n" if sequence.name in ("Crossing", "Man") else ""
        assert sequence.manual_text == f"text of {sequence.name}{ending}"
        assert sequence.status == "ok"
