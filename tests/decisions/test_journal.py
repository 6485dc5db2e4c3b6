"""Journals: nothing that was kept is lost, whatever happens to the writer."""

import json
import time
from dataclasses import replace
from threading import Thread

import pytest

from chatdesc.decisions import journal as module
from chatdesc.decisions.decision import standing
from chatdesc.decisions.journal import Journal
from chatdesc.types import ChatdescError
from tests.decisions.test_decision import made


def ids(journal):
    return [kept.id for kept in journal.read()]


def test_decisions_of_all_reviewers_are_read_in_the_order_in_which_they_became_known(tmp_path):
    ada, bob, reader = Journal(tmp_path, "ada"), Journal(tmp_path, "bob"), Journal(tmp_path)
    bob.add([made("b1")])
    assert ids(reader) == ["b1"]
    ada.add([made("a1"), made("a2", "accept")])
    bob.add([made("b2")])
    assert ids(reader) == ["b1", "a1", "a2", "b2"]
    assert [kept.reviewer for kept in reader.read()] == ["bob", "ada", "ada", "bob"]
    assert all(kept.at.endswith("+00:00") for kept in reader.read())


def test_reviewer_and_time_are_the_journals_own(tmp_path):
    [kept] = Journal(tmp_path, "ada").add([made("a", reviewer="bob", at="1970-01-01")])
    assert (kept.reviewer, kept.at[:2]) == ("ada", "20")


def test_a_decision_that_comes_twice_is_written_once(tmp_path):
    one, other = Journal(tmp_path, "ada"), Journal(tmp_path, "ada")
    one.add([made("a"), made("a", "accept")])
    assert other.add([made("a", "flag"), made("b")])[0].id == "b"
    assert one.add([made("b")]) == []
    assert [(kept.id, kept.verdict) for kept in Journal(tmp_path).read()] == [("a", "skip"), ("b", "skip")]
    assert len((tmp_path / "ada.jsonl").read_bytes().splitlines()) == 2


@pytest.mark.parametrize("torn", [b'{"id": "c", "da', b"\0\0\0\0", b"x"])
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path, torn):
    Journal(tmp_path, "ada").add([made("a"), made("b")])
    with (tmp_path / "ada.jsonl").open("ab") as file:
        file.write(torn)
    assert ids(Journal(tmp_path)) == ["a", "b"]
    Journal(tmp_path, "ada").add([made("c")])
    assert ids(Journal(tmp_path)) == ["a", "b", "c"]
    assert [json.loads(line)["id"] for line in (tmp_path / "ada.jsonl").read_bytes().splitlines()] == ["a", "b", "c"]


def test_a_writer_cuts_off_what_another_left_while_both_are_open(tmp_path):
    one, other = Journal(tmp_path, "ada"), Journal(tmp_path, "ada")
    one.add([made("a")])
    other.add([made("b")])
    with one.path.open("ab") as file:
        file.write(b'{"id": "torn')
    one.add([made("c")])
    assert ids(one) == ids(other) == ids(Journal(tmp_path)) == ["a", "b", "c"]


@pytest.mark.parametrize("line", [b"not json", b"[]", b"{}", b'{"id": "x"}', b"\xff\xfe", b"", b"[" * 100_000])
def test_a_damaged_line_is_an_error_with_file_and_line(tmp_path, line):
    Journal(tmp_path, "ada").add([made("a"), made("b")])
    first, second = (tmp_path / "ada.jsonl").read_bytes().splitlines()
    (tmp_path / "ada.jsonl").write_bytes(first + b"\n" + line + b"\n" + second + b"\n")
    before = (tmp_path / "ada.jsonl").read_bytes()
    for act in (Journal(tmp_path).read, lambda: Journal(tmp_path, "ada").add([made("c")])):
        with pytest.raises(ChatdescError, match=r"ada\.jsonl: line 2: .*mend or remove this line"):
            act()
    assert (tmp_path / "ada.jsonl").read_bytes() == before


def test_a_failed_write_is_repeated_without_loss_or_doubles(tmp_path, monkeypatch):
    journal = Journal(tmp_path, "ada")
    journal.add([made("a")])

    def fails(file):
        file.flush()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "synced", fails)
    with pytest.raises(OSError, match="No space"):
        journal.add([made("b")])
    monkeypatch.undo()
    journal.add([made("b"), made("c")])
    assert ids(journal) == ids(Journal(tmp_path)) == ["a", "b", "c"]


def test_many_writers_at_once_lose_nothing(tmp_path, monkeypatch):
    def slow(self, decisions):
        time.sleep(0.001)  # another writer has time to come between
        return new(self, decisions)

    new = Journal._new
    monkeypatch.setattr(Journal, "_new", slow)

    def write(number):
        journal = Journal(tmp_path, ("ada", "bob")[number % 2])
        for count in range(20):
            journal.add([made(f"{number}-{count}")])

    threads = [Thread(target=write, args=(number,)) for number in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(ids(Journal(tmp_path))) == sorted(f"{n}-{c}" for n in range(6) for c in range(20))


def test_each_line_is_parsed_once_however_long_the_journal_grows(tmp_path, monkeypatch):
    parsed, parse = [], module._parsed
    monkeypatch.setattr(
        module, "_parsed", lambda path, number, line: parsed.append(number) or parse(path, number, line)
    )
    journal = Journal(tmp_path, "ada")
    for number in range(20):
        journal.add([made(f"a{number}")])
        journal.read()
    assert parsed == [*range(1, 21)]


def test_any_reviewer_has_a_file_of_its_own(tmp_path):
    names = ["ada", "Ada B.", "../bob", "a/b", "é", ".hidden", "x" * 300]
    for name in names:
        Journal(tmp_path / "deep" / "folder", name).add([made("a")])
    assert {kept.reviewer for kept in Journal(tmp_path / "deep" / "folder").read()} == set(names)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]


def test_odd_texts_stay_on_their_line(tmp_path):
    texts = ["a\nb", "a\u2028b\u0085c", "<script>", "\u202eabc", "🙂", "\udce9", "x" * 10_000]
    Journal(tmp_path, "ada").add([made(f"a{n}", "edit", text=text) for n, text in enumerate(texts)])
    assert [kept.text for kept in Journal(tmp_path).read()] == texts
    assert len((tmp_path / "ada.jsonl").read_bytes().split(b"\n")) == len(texts) + 1


def test_a_file_that_became_shorter_is_not_filled_up(tmp_path):
    journal = Journal(tmp_path, "ada")
    journal.add([made("a"), made("b")])
    (tmp_path / "ada.jsonl").write_bytes(b"")
    with pytest.raises(ChatdescError, match="has become shorter"):
        journal.add([made("c")])
    assert (tmp_path / "ada.jsonl").read_bytes() == b""


def test_a_copied_file_adds_no_doubles_and_a_reader_does_not_write(tmp_path):
    Journal(tmp_path, "ada").add([made("a")])
    (tmp_path / "copy.jsonl").write_bytes((tmp_path / "ada.jsonl").read_bytes())
    assert ids(Journal(tmp_path)) == ["a"]
    with pytest.raises(ChatdescError, match="--reviewer"):
        Journal(tmp_path).add([made("b")])


def test_lines_are_json_that_others_can_read(tmp_path):
    Journal(tmp_path, "ada").add([made("a", "edit", text="a red bus", rule="iou<0.2", blind=True, seen="0f")])
    record = json.loads((tmp_path / "ada.jsonl").read_text())
    assert record["text"] == "a red bus" and record["rule"] == "iou<0.2" and record["blind"] is True
    assert set(record) == {
        "id", "dataset", "split", "sequence", "verdict", "side", "text", "kind", "reason", "reviewer", "at", "undoes",
        "rule", "blind", "seen",
    }  # fmt: skip


def test_the_same_reviewers_files_of_two_machines_are_read_in_the_order_of_their_times(tmp_path):
    """`ada-2.jsonl` sorts before `ada.jsonl`, but was written after it."""
    Journal(tmp_path / "first", "ada").add([made("a", "accept")])
    time.sleep(0.01)
    Journal(tmp_path / "second", "ada").add([made("b", "flag")])
    together = tmp_path / "together"
    together.mkdir()
    (tmp_path / "first" / "ada.jsonl").rename(together / "ada.jsonl")
    (tmp_path / "second" / "ada.jsonl").rename(together / "ada-2.jsonl")
    assert ids(Journal(together)) == ["a", "b"]
    [stands] = standing(Journal(together).read()).values()
    assert stands.verdict == "flag"


def test_a_clock_that_was_set_back_does_not_change_the_order_within_a_file(tmp_path):
    Journal(tmp_path, "ada").add([made("a", "accept"), made("b", "flag")])
    first, second = (json.loads(line) for line in (tmp_path / "ada.jsonl").read_bytes().splitlines())
    lines = [json.dumps(first), json.dumps(second | {"at": "2001-01-01T00:00:00.000+00:00"})]
    (tmp_path / "ada.jsonl").write_text("\n".join(lines) + "\n")
    Journal(tmp_path, "bob").add([made("c")])
    assert [name for name in ids(Journal(tmp_path)) if name != "c"] == ["a", "b"]


@pytest.mark.parametrize("text", ["a kite " * 20_000, "half a \ud83d"])
def test_a_rows_own_text_is_kept_whatever_it_holds(tmp_path, text):
    """The page accepts every text that a row has, so no reader may take it for a damaged line."""
    Journal(tmp_path, "ada").add([replace(made("a", "accept"), text=text)])
    assert [kept.text for kept in Journal(tmp_path).read()] == [text]
