"""Rows attached to a local copy of their dataset."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import chatdesc
from chatdesc.rows.store import Store
from chatdesc.share.dataset import write_dataset
from chatdesc.synthetic import render, scenes
from chatdesc.types import ChatdescError
from tests.makers import datasets as make
from tests.makers.full_rows import bare, row

PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


def rows_of(*names, split="test", dataset="lasot"):
    return [row(n, split, dataset=dataset, text=f"refined {n}", num_frames=3) for n in names]


@pytest.fixture
def root(tmp_path):
    make.lasot(tmp_path / "LaSOT", {"swing-1": 3, "swing-2": 3, "tree-1": 3})
    (tmp_path / "LaSOT/testing_set.txt").write_text("swing-1\nswing-2\n")
    (tmp_path / "LaSOT/training_set.txt").write_text("tree-1\n")
    return tmp_path / "LaSOT"


@pytest.fixture
def refine(tmp_path, root):
    """Rows written as a dataset folder and attached to the copy."""

    def refined(rows, *chosen, dataset="lasot", **options):
        write_dataset(iter(rows), tmp_path / "rows", dataset=dataset)
        return chatdesc.load_refined(str(tmp_path / "rows"), *chosen, **{"root": root} | options)

    return refined


def test_frames_boxes_and_the_refined_text(refine, root):
    refined = refine(rows_of("swing-2", "swing-1"), "lasot", "test")
    assert refined.names == ("swing-2", "swing-1") and len(refined) == 2
    assert [s.text for s in refined] == ["refined swing-2", "refined swing-1"]
    original = chatdesc.load("lasot", str(root), split="test")
    for sequence in refined:
        own = original[sequence.name]
        np.testing.assert_array_equal(sequence.boxes, own.boxes)
        np.testing.assert_array_equal(sequence.frames[2], own.frames[2])
        assert sequence.manual_text == own.manual_text == f"text of {sequence.name}"
        assert sequence.visible.tolist() == own.visible.tolist() == [True, False, False]
    assert refined[1].name == "swing-1" and refined["swing-2"].name == "swing-2" and "swing-9" not in refined
    assert not refined.problems


def test_a_dataset_that_nobody_refined_has_no_text(root):
    assert chatdesc.load("lasot", str(root))["swing-1"].text is None


def test_from_a_run(tmp_path, root):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        for one in [*rows_of("swing-1", "swing-2"), *rows_of("tree-1", split="train")]:
            store.save(one)
    whole = chatdesc.load_refined(tmp_path / "run", root=root)
    assert {s.name: (s.text, s.split) for s in whole} == {
        "swing-1": ("refined swing-1", "test"),
        "swing-2": ("refined swing-2", "test"),
        "tree-1": ("refined tree-1", "train"),
    }
    assert chatdesc.load_refined(tmp_path / "run", "lasot", "train", root=root).names == ("tree-1",)


def test_a_row_without_a_text_gives_none(refine):
    refined = refine([*rows_of("swing-1"), bare("swing-2")])
    assert [s.text for s in refined] == ["refined swing-1", None]


def test_rows_that_the_copy_has_not(refine, root):
    rows = rows_of("swing-1", "kite-3", "kite-4")
    with pytest.raises(ChatdescError, match=r'2 of 3 sequences are not there \(kite-3, kite-4\).*missing="skip"'):
        refine(rows)
    refined = refine(rows, missing="skip")
    assert refined.names == ("swing-1",)
    assert [p.kind for p in refined.problems] == ["missing_frames", "missing_frames", "no_row"]
    assert "kite-3" in refined.problems[0].message
    with pytest.raises(ChatdescError, match="choose error or skip"):
        refine(rows, missing="ignore")


def test_sequences_that_have_no_row(refine):
    [problem] = refine(rows_of("swing-1")).problems
    assert problem.kind == "no_row" and "swing-2" in problem.message and "tree-1" not in problem.message


def test_a_copy_of_another_dataset(refine, tmp_path):
    make.lasot(tmp_path / "other", {"car-1": 3})
    with pytest.raises(ChatdescError, match=r"no sequence of these rows \(2\); is it the root of lasot"):
        refine(rows_of("swing-1", "swing-2"), root=tmp_path / "other", missing="skip")


def test_a_copy_of_another_version(refine):
    refined = refine([rows_of("swing-1")[0] | {"num_frames": 4}])
    with pytest.raises(ChatdescError, match="swing-1: the row is about 4 annotated frames, the copy has 3"):
        refined[0]


def test_a_copy_without_lists_of_its_splits(refine, root):
    (root / "testing_set.txt").unlink()
    (root / "training_set.txt").unlink()
    assert refine(rows_of("swing-1"), "lasot", "test")[0].text == "refined swing-1"


def test_the_copy_of_the_rows_own_split(refine, tmp_path):
    """TNL2K has a sequence in both lists; each row gets its own."""
    root = tmp_path / "TNL2K"
    make.tnl2k(root, {"both": "TNL2K_train_subset"}, count=2)
    make.tnl2k(root, {"both": "TNL2K_test_subset"}, count=3)
    for split, count in (("train", 2), ("test", 3)):
        rows = [one | {"num_frames": count} for one in rows_of("both", split=split, dataset="tnl2k")]
        assert len(refine(rows, "tnl2k", split, dataset="tnl2k", root=root)[0]) == count


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([*rows_of("swing-1"), *rows_of("swing-1", split="train")], "swing-1 has two rows; choose one split="),
        ([*rows_of("swing-1"), *rows_of("swing-2", dataset="tnl2k")], "do not name one source dataset"),
    ],
)
def test_rows_that_do_not_belong_together(refine, rows, says):
    with pytest.raises(ChatdescError, match=says):
        refine(rows)


@pytest.mark.parametrize(
    ("chosen", "place", "says"),
    [
        (("lasot", "val"), None, "no split 'val'"),
        (("tnl2k",), None, "has no dataset 'tnl2k'; it has: lasot"),
        ((), "/no/such/folder", "/no/such/folder"),
    ],
)
def test_wrong_arguments(refine, chosen, place, says, tmp_path):
    with pytest.raises(ChatdescError, match=says):
        refine(rows_of("swing-1"), *chosen, root=place or tmp_path / "LaSOT")


def block(having):
    """The one code block of the page that has these words."""
    found = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.S | re.M)
    [code] = [code for code in found if having in code]
    return code


@pytest.mark.skipif(not PAGE.is_file(), reason="there are no docs beside these tests: a wheel is under test")
def test_the_documentations_own_example(tmp_path, capsys):
    """Its code as it stands, but for the repository, the dataset and the folder that it names."""
    names = render(tmp_path / "scenes", count=2, frames=4, seed=3)
    rows = [one | {"num_frames": 4} for one in rows_of(*names, dataset="synthetic")]
    write_dataset(iter(rows), tmp_path / "rows", dataset="synthetic")
    code = block("for sequence in refined") + block("class Samples").replace("shuffle=True", "shuffle=False")
    here = {
        'user/lasot-chatdesc", "lasot': f'{tmp_path / "rows"}", "synthetic',
        "/data/LaSOT": str(tmp_path / "scenes"),
    }
    for theirs, ours in here.items():
        assert theirs in code
        code = code.replace(theirs, ours)
    scope = {}
    exec(code, scope)
    assert f"{names[0]} refined {names[0]}" in capsys.readouterr().out
    [(template, search, texts)] = scope["loader"]
    assert template.shape == (6, 3, 128, 128) and search.shape == (6, 3, 256, 256)
    assert list(texts) == [f"refined {name}" for name in names for _ in range(3)]
    for k, scene in enumerate(scenes(2, 4, 3)):
        tint = torch.tensor(scene.things[0].tint) / 255
        for crop in (template[3 * k], search[3 * k + 2]):  # the target is in the middle of both
            middle = crop[:, crop.shape[1] // 2, crop.shape[2] // 2]
            assert (middle - tint).abs().max() < 0.1
