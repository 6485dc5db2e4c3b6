"""Rows read from a run and from a dataset folder; ``tests/share/test_hub.py`` reads them from a repository."""

import pytest

from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store
from chatdesc.share.dataset import write_dataset
from chatdesc.share.export import COLUMNS
from chatdesc.types import ChatdescError
from tests.makers.full_rows import bare, row


@pytest.fixture
def run(tmp_path):
    out = tmp_path / "run"
    with Store.open(out, {"dataset": "lasot"}) as store:
        for one in [row("swing-2", "train"), row("swing-10"), row("swing-9"), bare("c-1", None)]:
            store.save(one)
    write_dataset(Store(out).rows(["c-1", "swing-2", "swing-9", "swing-10"]), out / "dataset", dataset="lasot")
    return out


def names(rows):
    return [one["sequence"] for one in rows]


@pytest.mark.parametrize(
    ("split", "expected"), [("test", ["swing-9", "swing-10"]), ("train", ["swing-2"]), ("full", ["c-1"])]
)
def test_a_run_and_its_dataset_have_the_same_rows(run, split, expected):
    for source in (run, run / "dataset"):
        rows = list(read_rows(str(source), split, columns=COLUMNS))
        assert names(rows) == expected
        assert all(set(one) == set(COLUMNS) for one in rows)
        assert [one["frames"] for one in rows] == [(row() if n != "c-1" else bare(n))["frames"] for n in expected]


def test_a_run_comes_in_natural_order_and_a_dataset_split_by_split(run):
    assert names(read_rows(str(run), config="lasot")) == ["c-1", "swing-2", "swing-9", "swing-10"]
    whole = list(read_rows(str(run / "dataset"), config="lasot"))
    assert sorted(names(whole)) == ["c-1", "swing-10", "swing-2", "swing-9"]
    assert names(one for one in whole if one["split"] == "test") == ["swing-9", "swing-10"]
    assert "boxes" in whole[0]


def test_columns_that_a_row_lacks_are_left_out(run):
    for source in (run, run / "dataset"):
        [one] = read_rows(str(source), "train", columns=["text", "sequence", "colour"])
        assert one == {"sequence": "swing-2", "text": "red swing seat"}


def test_a_home_folder_is_found(run, monkeypatch):
    monkeypatch.setenv("HOME", str(run.parent))
    assert len(list(read_rows("~/run"))) == 4


def test_a_folder_goes_before_a_repository_of_its_name(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    assert len(list(read_rows("run/dataset"))) == 4


@pytest.mark.parametrize(
    ("source", "options", "says"),
    [
        ("RUN", {"split": "val"}, "no row of split 'val'; it has: full, test, train"),
        ("RUN", {"config": "tnl2k"}, "is a run on lasot, not on tnl2k; leave --config out"),
        ("RUN/dataset", {"split": "val"}, "no split 'val'; it has: full, test, train"),
        ("RUN/dataset", {"config": "tnl2k"}, "has no dataset 'tnl2k'; it has: lasot"),
        ("RUN/rows", {}, "cannot be read as a dataset"),
        ("/no/such/folder", {}, "no such folder"),
        ("runs/misspelt", {}, "Hub"),
    ],
)
def test_what_cannot_be_read_has_a_reason(run, source, options, says):
    source = source.replace("RUN", str(run))
    with pytest.raises(ChatdescError, match=says) as caught:
        list(read_rows(source, **options))
    assert len(str(caught.value)) < 600


def test_a_run_without_a_row(tmp_path):
    Store.open(tmp_path / "run", {"dataset": "lasot"}).close()
    with pytest.raises(ChatdescError, match="has no finished sequence yet"):
        list(read_rows(str(tmp_path / "run")))


def test_a_dataset_of_somebody_else(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ChatdescError, match="no column sequence and no column text"):
        list(read_rows(str(tmp_path)))


@pytest.mark.parametrize("file", [None, "notes.xyz"])
def test_a_folder_with_neither(tmp_path, file):
    if file:
        (tmp_path / file).write_text("x")
    with pytest.raises(ChatdescError, match=r"holds neither run\.json nor a dataset; a run's dataset is in RUN"):
        list(read_rows(str(tmp_path)))
