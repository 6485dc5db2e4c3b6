from pathlib import Path

import numpy as np
import pytest

from chatdesc.loaders import load
from chatdesc.types import ChatdescError
from tests.makers.datasets import box_lines, put, zipped


@pytest.mark.parametrize("place", ["", "annos", "gt_rect", "annos/gt_rect"])
@pytest.mark.parametrize("beside", [False, True])
def test_a_folder_of_ground_truth(tmp_path: Path, place: str, beside: bool) -> None:
    folder = tmp_path / place
    put(folder / "car-10.txt", box_lines(3, "\t"))
    put(folder / "car-2.txt", box_lines(2))
    marks = folder.parent if beside and place else folder
    put(marks / "absent" / "car-10.txt", "0\n1\n0\n")
    dataset = load("folder", tmp_path)
    assert dataset.names == ("car-2", "car-10")
    sequence = dataset["car-10"]
    assert sequence.boxes.tolist() == [[10, 20, 30, 40], [11, 20, 30, 40], [12, 20, 30, 40]]
    assert sequence.visible is not None and sequence.visible.tolist() == [True, False, True]
    assert dataset["car-2"].visible is None
    annotations = list(dataset.annotations())
    assert [len(a.boxes) for a in annotations] == [2, 3]
    assert annotations[1].visible is not None and np.array_equal(annotations[1].visible, sequence.visible)


def test_splits_come_from_lists(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"{name}.txt", box_lines(2))
    put(tmp_path / "testing_set.txt", "b\n")
    assert load("folder", tmp_path).names == ("a", "b")
    assert load("folder", tmp_path, split="test").names == ("b",)


def test_a_zip(tmp_path: Path) -> None:
    put(tmp_path / "annos" / "a.txt", box_lines(2))
    put(tmp_path / "annos" / "absent" / "a.txt", "1\n0\n")
    sequence = load("folder", zipped(tmp_path / "annos", tmp_path / "annos.zip"))["a"]
    assert len(sequence) == 2 and sequence.visible is not None and not sequence.visible[0]


def test_a_folder_without_text_files(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with pytest.raises(ChatdescError, match=r"holds no folder sequence; looked for <sequence>\.txt"):
        load("folder", tmp_path)


def test_the_published_ground_truth(shared_data: Path) -> None:
    dataset = load("folder", shared_data / "results_otb100" / "groundtruth")
    assert len(dataset) == 100
    assert len(dataset["tiger1"].boxes) == 354
