"""GOT-10k: three splits, marks of absence, a test set of first boxes, no texts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from chatdesc.loaders import load
from chatdesc.types import ChatdescError
from tests.makers.datasets import first_level, got10k

TRAIN, VAL, TEST = "train/GOT-10k_Train_000001", "val/GOT-10k_Val_000001", "test/GOT-10k_Test_000001"


def test_splits_absence_and_frames(tmp_path: Path) -> None:
    dataset = load("got10k", got10k(tmp_path, {TRAIN: 3, VAL: 2, TEST: 4}))
    assert {s.name: (s.split, s.status, len(s)) for s in dataset} == {
        "GOT-10k_Test_000001": ("test", "ok", 4),
        "GOT-10k_Train_000001": ("train", "ok", 3),
        "GOT-10k_Val_000001": ("val", "ok", 2),
    }
    train, test = dataset["GOT-10k_Train_000001"], dataset["GOT-10k_Test_000001"]
    assert train.visible.tolist() == [True, False, True] and test.visible is None
    assert [first_level(frame) for frame in train.frames] == [0, 1, 2]
    assert np.isfinite(test.boxes).all(1).tolist() == [True, False, False, False]
    assert load("got10k", tmp_path, split="val").names == ("GOT-10k_Val_000001",)
    assert load("got10k", tmp_path / "val")[0].split == "val"


def test_a_sequence_of_the_list_that_is_missing_is_named(tmp_path: Path) -> None:
    got10k(tmp_path, {VAL: 2, "val/GOT-10k_Val_000002": 2})
    shutil.rmtree(tmp_path / VAL)
    gone = load("got10k", tmp_path)["GOT-10k_Val_000001"]
    assert not gone.usable
    assert {problem.message.partition(":")[0] for problem in gone.problems} == {VAL, f"{VAL}/groundtruth.txt"}


def test_without_a_list_all_folders_are_sequences(tmp_path: Path) -> None:
    got10k(tmp_path, {VAL: 2})
    (tmp_path / "val/list.txt").unlink()
    assert load("got10k", tmp_path).names == ("GOT-10k_Val_000001",)
    with pytest.raises(ChatdescError, match="holds no got10k sequence"):
        load("got10k", tmp_path / VAL)
