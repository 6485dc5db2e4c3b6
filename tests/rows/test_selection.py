import pytest

from chatdesc.rows.selection import Selection, named_sequences
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from tests.reports.test_summary import a_row


@pytest.fixture
def run(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        for name, split in (("a-10", "test"), ("a-2", "test"), ("b-1", "train")):
            store.save(a_row(name, split=split))
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
