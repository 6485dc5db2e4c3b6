"""Sequences of a run and of a dataset, chosen by the same options."""

import pytest

from chatdesc.loaders import load
from chatdesc.rows.selection import Selection, named_sequences, refuse_other_data
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from tests.makers import datasets as make
from tests.makers.full_rows import bare


@pytest.fixture
def run(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        for name, split in (("a-10", "test"), ("a-2", "test"), ("b-1", "train")):
            store.save(bare(name, split))
    return tmp_path / "run"


def test_in_the_datasets_order_by_split_name_and_number(run):
    assert Selection().of(run) == ["a-2", "a-10", "b-1"]
    assert Selection(split="test").of(run) == ["a-2", "a-10"]
    assert Selection(sequences="b-1, a-10").of(run) == ["a-10", "b-1"]
    assert Selection(split="test", limit=1).of(run) == ["a-2"]


def test_a_file_of_names_takes_the_place_of_the_split(run, tmp_path):
    (tmp_path / "names.txt").write_text("b-1\nz-1\n")
    assert Selection("test", split_file=str(tmp_path / "names.txt")).of(run) == ["b-1"]
    (tmp_path / "names.txt").write_text("z-1\n")
    with pytest.raises(ChatdescError, match="names no sequence of"):
        Selection(split_file=str(tmp_path / "names.txt")).of(run)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Selection(sequences="a-3"), "no sequence 'a-3'; did you mean a-2"),
        (Selection("train", "a-2"), "no sequence 'a-2' of that split"),
        (Selection("val"), "no sequence of split 'val'; it has: test, train"),
    ],
)
def test_what_the_run_does_not_have_is_named(run, asked, said):
    with pytest.raises(ChatdescError, match=said):
        asked.of(run)


def test_a_long_list_of_names_is_no_path():
    names = [f"airplane-{i}" for i in range(99)]
    assert named_sequences(",".join(names)) == names
    with pytest.raises(ChatdescError, match="names no sequence"):
        named_sequences(" , ")


def test_a_dataset_is_opened_with_the_same_options(tmp_path):
    root = make.lasot(tmp_path / "data", {"a-1": 2, "a-2": 2, "a-10": 2}, frames=False)
    (root / "testing_set.txt").write_text("a-10\na-2\n")
    (tmp_path / "names.txt").write_text("a-1\n\na-10\n")
    make.put(tmp_path / "texts/a/a-1/nlp.txt", "another text")

    def opened(*chosen, **options):
        return Selection(*chosen, **options).open("lasot", str(root))

    assert opened().names == ("a-1", "a-2", "a-10")
    assert opened("test").names == ("a-2", "a-10")
    assert opened("test", limit=1).names == ("a-2",) and opened(limit=9).names == ("a-1", "a-2", "a-10")
    assert opened(None, "a-10, a-1", 1).names == ("a-1",)
    assert opened(sequences=str(tmp_path / "names.txt")).names == ("a-1", "a-10")
    assert opened("test", split_file=str(tmp_path / "names.txt")).names == ("a-1", "a-10")
    with_texts = Selection().open("lasot", str(root), str(tmp_path / "texts"), frames_in_flight=5)
    assert with_texts["a-1"].manual_text == "another text" and with_texts.cache.max_items == 5


def test_another_dataset_is_refused(run, tmp_path):
    data = load("lasot", make.lasot(tmp_path / "data", {"a-2": 2}, frames=False))
    refuse_other_data(data, ["a-2", "b-1"], run)
    with pytest.raises(ChatdescError, match=r"holds no sequence of .*run \(2 asked for\), such as b-1"):
        refuse_other_data(data, ["b-1", "b-2"], run)
    with pytest.raises(ChatdescError, match="no sequence 'b-1', which"):
        refuse_other_data(data, ["a-2", "b-1"], run, named=True)
