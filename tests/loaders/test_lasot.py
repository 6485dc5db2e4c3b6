"""LaSOT and LaSOT_ext: folders, flat folders, zips per class, flags, splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from chatdesc.loaders import load
from chatdesc.types import ChatdescError, DataError
from tests.makers.datasets import box_lines, first_level, lasot, put, zipped

NAMES = {"airplane-2": 3, "airplane-10": 4, "license-plate-1": 3}


def test_a_class_folder_tree(tmp_path: Path) -> None:
    dataset = load("lasot", lasot(tmp_path, NAMES))
    assert dataset.names == ("airplane-2", "airplane-10", "license-plate-1")
    assert (len(dataset), dataset.split, dataset.root) == (3, None, str(tmp_path))
    sequence = dataset["airplane-10"]
    assert sequence is not dataset[1]
    assert sequence.name == dataset[1].name == dataset[-2].name
    assert (sequence.category, sequence.split, sequence.status) == ("airplane", None, "ok")
    assert dataset["license-plate-1"].category == "license-plate"
    assert sequence.boxes.dtype == np.float32
    assert sequence.boxes[3].tolist() == [13, 20, 30, 40]
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, False, True]
    assert sequence.frames.paths[0] == "airplane/airplane-10/img/00000001.jpg"
    assert [first_level(frame) for frame in sequence.frames] == [0, 1, 2, 3]
    assert sequence.manual_text == "text of airplane-10"
    assert [s.name for s in dataset] == list(dataset.names)
    assert "airplane-2" in dataset
    assert "airplane-3" not in dataset


def test_numbers_and_names_that_are_not_there(tmp_path: Path) -> None:
    dataset = load("lasot", lasot(tmp_path, NAMES))
    with pytest.raises(IndexError):
        dataset[3]
    with pytest.raises(ChatdescError, match=r"no sequence 'airplan-10'; did you mean airplane-10"):
        dataset["airplan-10"]


def test_a_flat_tree_gives_the_same(tmp_path: Path) -> None:
    nested, flat = lasot(tmp_path / "a", NAMES), lasot(tmp_path / "b", NAMES, flat=True)
    for one, other in zip(load("lasot", nested), load("lasot", flat), strict=True):
        assert (one.name, one.category, one.manual_text) == (other.name, other.category, other.manual_text)
        assert np.array_equal(one.boxes, other.boxes)
        assert len(one.frames) == len(other.frames)


@pytest.mark.parametrize("inside", ["airplane/", ""])
def test_one_zip_per_class_beside_folders(tmp_path: Path, inside: str) -> None:
    whole = lasot(tmp_path / "whole", NAMES)
    part = lasot(tmp_path / "part", {"license-plate-1": 3})
    zipped(whole / "airplane", part / "airplane.zip", inside)
    dataset = load("lasot", part)
    assert dataset.names == tuple(NAMES)
    for one, other in zip(dataset, load("lasot", whole), strict=True):
        assert np.array_equal(one.boxes, other.boxes)
        assert one.status == "ok"
        assert (one.manual_text, one.category) == (other.manual_text, other.category)
        assert [first_level(f) for f in one.frames] == [first_level(f) for f in other.frames]
    assert dataset["airplane-2"].frames.paths[0].startswith("airplane.zip/")


def test_zips_of_other_classes_stay_closed(tmp_path: Path) -> None:
    part = lasot(tmp_path / "part", {"boat-1": 2})
    put(part / "airplane.zip", b"this is no zip at all")
    assert load("lasot", part, sequences=["boat-1"]).names == ("boat-1",)
    with pytest.raises(ChatdescError, match=r"airplane\.zip: is not a readable zip"):
        load("lasot", part)


def test_splits_come_from_the_lists(tmp_path: Path) -> None:
    lasot(tmp_path, NAMES)
    with pytest.raises(
        ChatdescError, match=r"which sequences are test; put .*testing_set\.txt there, or give split_file"
    ):
        load("lasot", tmp_path, split="test")
    put(tmp_path / "testing_set.txt", "airplane-2\r\nnot-here-7\r\n\r\n")
    assert load("lasot", tmp_path, split="test").names == ("airplane-2",)
    assert [s.split for s in load("lasot", tmp_path)] == ["test", None, None]
    with pytest.raises(ChatdescError, match="holds no train sequence; it has: test"):
        load("lasot", tmp_path, split="train")
    put(tmp_path / "training_set.txt", "airplane-10")
    assert load("lasot", tmp_path, split="train").names == ("airplane-10",)
    with pytest.raises(ChatdescError, match="no split 'val'; it has: train, test"):
        load("lasot", tmp_path, split="val")


def test_a_split_file_of_the_users_own(tmp_path: Path) -> None:
    lasot(tmp_path / "data", NAMES)
    mine = put(tmp_path / "my_training.txt", "airplane-10\nlicense-plate-1\n")
    dataset = load("lasot", tmp_path / "data", split_file=mine)
    assert dataset.names == ("airplane-10", "license-plate-1")
    assert dataset[0].split == "train"
    assert load("lasot", tmp_path / "data", split="test", split_file=mine)[0].split == "test"
    with pytest.raises(ChatdescError, match=r"nowhere\.txt: cannot be read"):
        load("lasot", tmp_path / "data", split_file=tmp_path / "nowhere.txt")
    with pytest.raises(ChatdescError, match=r"other\.txt: names no sequence"):
        load("lasot", tmp_path / "data", split_file=put(tmp_path / "other.txt", "x-1"))


def test_a_choice_of_sequences_keeps_the_datasets_order(tmp_path: Path) -> None:
    lasot(tmp_path, NAMES)
    assert load("lasot", tmp_path, sequences=["license-plate-1", "airplane-2"]).names == (
        "airplane-2",
        "license-plate-1",
    )
    with pytest.raises(ChatdescError, match="no sequence 'airplane-20'; did you mean airplane-2"):
        load("lasot", tmp_path, sequences=["airplane-20"])
    put(tmp_path / "testing_set.txt", "airplane-2")
    with pytest.raises(ChatdescError, match="no sequence 'airplane-10' in this split"):
        load("lasot", tmp_path, split="test", sequences=["airplane-10"])


def test_the_toolkits_absence_file(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 3}) / "boat" / "boat-1"
    (folder / "full_occlusion.txt").unlink()
    assert load("lasot", tmp_path)[0].visible is None
    put(folder / "absent.txt", "0\n0\n1\n")
    visible = load("lasot", tmp_path)[0].visible
    assert visible is not None
    assert visible.tolist() == [True, True, False]
    put(folder / "absent.toolkit.txt", "1\n0\n0\n")
    visible = load("lasot", tmp_path)[0].visible
    assert visible is not None
    assert visible.tolist() == [False, True, True]


def test_attributes_in_the_toolkits_order(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"boat-1": 3}) / "boat" / "boat-1"
    put(folder / "att.toolkit.txt", "1,0,0,0,1,1,0,0,1,0,1,1,1,1\n")
    attributes = load("lasot", tmp_path)[0].attributes
    assert list(attributes) == "IV POC DEF MB CM ROT BC VC SV FOC FM OV LR ARC".split()
    assert [name for name, has in attributes.items() if has] == "IV CM ROT SV FM OV LR ARC".split()
    put(folder / "att.toolkit.txt", "1,0\n")
    sequence = load("lasot", tmp_path)[0]
    assert sequence.attributes == {}
    assert sequence.status == "bad_attributes"
    assert "boat/boat-1/att.toolkit.txt: 2 values instead of 14" in sequence.problems[0].message


@pytest.mark.parametrize("folder", ["annos", ""])
def test_the_toolkits_own_folder_of_annotations(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder / "boat-2.txt", box_lines(2))
    put(tmp_path / folder / "absent" / "boat-2.txt", "0\n1\n")
    put(tmp_path / folder / "att" / "boat-2.txt", ",".join("1" * 14))
    sequence = load("lasot", tmp_path)["boat-2"]
    assert len(sequence) == 2
    assert sequence.category == "boat"
    assert all(sequence.attributes.values())
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False]
    assert {p.kind for p in sequence.problems} == {"missing_frames", "missing_text"}


def test_annotations_without_frames(tmp_path: Path) -> None:
    sequence = load("lasot", lasot(tmp_path, {"boat-1": 3}, frames=False))[0]
    assert (len(sequence), len(sequence.frames), sequence.status) == (3, 0, "missing_frames")
    assert not sequence.usable
    assert sequence.manual_text == "text of boat-1"


def test_absent_frames_may_carry_boxes_and_bad_visible_ones_are_named(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"tank-17": 4}) / "tank" / "tank-17"
    put(folder / "groundtruth.txt", "1,1,5,5\n1,1,0,0\n1,1,5,5\n1,1,8,-10\n")
    sequence = load("lasot", tmp_path)[0]
    assert sequence.valid().tolist() == [True, False, False, False]
    assert [(p.kind, p.fatal) for p in sequence.problems] == [("bad_boxes", False)]
    assert "tank/tank-17/groundtruth.txt:4: box 1,1,8,-10 is not positive" in sequence.problems[0].message


def test_the_extension_is_for_testing_and_has_no_texts(tmp_path: Path) -> None:
    folder = lasot(tmp_path, {"atv-1": 2}) / "atv" / "atv-1"
    (folder / "nlp.txt").unlink()
    sequence = load("lasot_ext", tmp_path, split="test")[0]
    assert (sequence.dataset, sequence.split, sequence.status) == ("lasot_ext", "test", "missing_text")
    assert sequence.manual_text is None
    assert sequence.usable
    with pytest.raises(ChatdescError, match="no split 'train'; it has: test"):
        load("lasot_ext", tmp_path, split="train")


def test_texts_of_another_root(tmp_path: Path) -> None:
    lasot(tmp_path / "data", {"atv-1": 2})
    put(tmp_path / "texts" / "atv" / "atv-1" / "nlp.txt", "another text")
    assert load("lasot_ext", tmp_path / "data", texts=tmp_path / "texts")[0].manual_text == "another text"


def test_annotations_of_all_sequences_at_once(tmp_path: Path) -> None:
    names = {f"boat-{i}": i + 1 for i in range(1, 30)}
    lasot(tmp_path, names, frames=False)
    put(tmp_path / "boat" / "boat-3" / "groundtruth.txt", "1,2,3,4\n-1,2,3,4\n")
    (tmp_path / "boat" / "boat-4" / "groundtruth.txt").unlink()
    dataset = load("lasot", tmp_path)
    found = list(dataset.annotations())
    assert [annotation.name for annotation in found] == list(dataset.names)
    for annotation in found:
        sequence = dataset[annotation.name]
        assert np.array_equal(annotation.boxes, sequence.boxes)
        assert np.array_equal(annotation.visible, sequence.visible)


def test_strict_raises_the_first_problem(tmp_path: Path) -> None:
    dataset = load("lasot", lasot(tmp_path, {"boat-1": 2}, frames=False), strict=True)
    with pytest.raises(DataError, match="boat/boat-1/img: there are no images"):
        dataset[0]


def test_building_one_sequence_looks_at_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lasot(tmp_path, {f"boat-{i}": 2 for i in range(1, 6)})
    dataset = load("lasot", tmp_path)
    touched: list[str] = []
    entries, read = dataset.source.entries, dataset.source.read
    monkeypatch.setattr(dataset.source, "entries", lambda path="": touched.append(path) or entries(path))
    monkeypatch.setattr(dataset.source, "read", lambda path: touched.append(path) or read(path))
    dataset["boat-3"]
    assert touched
    assert all(path.startswith("boat/boat-3") for path in touched)
    assert not any(path.endswith(".jpg") for path in touched)


def test_opening_lists_no_sequence_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chatdesc.loaders.files import LocalRoot

    lasot(tmp_path, {f"boat-{i}": 2 for i in range(1, 4)})
    listed: list[str] = []
    entries = LocalRoot.entries
    monkeypatch.setattr(LocalRoot, "entries", lambda self, path="": listed.append(path) or entries(self, path))
    load("lasot", tmp_path)
    assert sorted(listed) == ["", "boat"]
