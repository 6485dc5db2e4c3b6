"""``chatdesc.audit`` from the texts to the suspects."""

from __future__ import annotations

import csv
import json

import pytest

import chatdesc
from chatdesc.checks import corpus, create
from chatdesc.checks.base import Finding
from chatdesc.checks.examine import examine, facts
from chatdesc.checks.ngrams import Trigrams
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.checks.makers import Blind, dataset, texts_of
from tests.makers.rows import a_row

FORMATTING = ("formatting",)
LOOKED_FOR = ("formatting", "duplicate", "uninformative", "data")


class Said:
    """A check that says the same of every text that it sees."""

    name, kinds = "said", ("typo",)

    def __init__(self, **changes):
        self.finding = Finding("said", **({"kind": "typo", "severity": 0.5, "reason": "so"} | changes))
        self.prepared = []

    def prepare(self, subjects):
        self.prepared = [subject.sequence for subject in subjects]

    def find(self, subject):
        return [self.finding]

    def describe_self(self):
        return {"name": self.name}


def test_a_dataset(tmp_path):
    texts = {"bus-1": "a red bus", "bus-2": "a  red bus", "bus-10": "bus", "cat-1": None}
    found = chatdesc.audit(
        "lasot", dataset(tmp_path, texts), checks=[*FORMATTING, "duplicate", "uninformative", "data"]
    )
    assert (found.sequences, found.texts, found.text_source) == (4, 3, "manual")
    ranked = [(suspect.label, suspect.suspicion) for suspect in found.suspects if suspect.suspicion]
    assert ranked == [("cat-1", 0.9), ("bus-2", 0.7)] and found.faults == 2
    kinds = {name: {f.kind for f in of if f.severity} for name, of in found.findings.items()}
    assert kinds == {
        "bus-1": {"duplicate"}, "bus-2": {"duplicate", "formatting"}, "bus-10": {"uninformative"}, "cat-1": {"data"}
    }  # fmt: skip
    assert [words for words in found.table()["words"] if words] == ["  "]


def test_a_selection(tmp_path):
    root = dataset(tmp_path, {"bus-1": "a  bus", "bus-2": "a  red bus", "cat-1": "a  cat"})
    assert [s.label for s in chatdesc.audit("lasot", root, sequences="bus-2", checks=FORMATTING).suspects] == ["bus-2"]
    assert chatdesc.audit("lasot", root, limit=2).sequences == 2


@pytest.fixture
def run(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(a_row("bus-1", "a refined  bus", manual_text="a  bus", category="bus", split="train"))
        store.save(a_row("cat-1", "a refined cat", manual_text="a cat ", category="cat", split="test"))
    return tmp_path / "run"


def said(source, **options):
    """The names and texts of suspects by their formatting."""
    return [(suspect.label, suspect.text) for suspect in chatdesc.audit(source, checks=FORMATTING, **options).suspects]


def test_a_run(run):
    assert said(run) == [("bus-1", "a  bus"), ("cat-1", "a cat ")]
    assert said(run, text_source="refined") == [("bus-1", "a refined  bus")]
    assert said(run, split="test") == [("cat-1", "a cat ")]
    assert chatdesc.audit(run, checks=FORMATTING).suspects[0].category == "bus"


def test_a_published_dataset(run, tmp_path):
    from chatdesc.share.dataset import write_dataset

    rows = list(Store(run).rows(["bus-1", "cat-1"]))
    folder = write_dataset(rows, tmp_path / "dataset", dataset="lasot").path
    assert said(folder) == [("bus-1", "a  bus"), ("cat-1", "a cat ")]
    assert said(folder, sequences="cat-1") == [("cat-1", "a cat ")]
    with pytest.raises(ChatdescError, match="no sequence 'cat-2'; did you mean cat-1"):
        chatdesc.audit(folder, sequences="cat-2")


def test_a_sequence_of_two_splits_counts_once(tmp_path):
    from chatdesc.share.dataset import write_dataset

    rows = [a_row("bus-1", manual_text="a  bus", split="train"), a_row("bus-1", manual_text="a bus", split="test")]
    found = chatdesc.audit(write_dataset(rows, tmp_path / "dataset", dataset="tnl2k").path, checks=FORMATTING)
    assert found.sequences == 1 and "another row has are left out: bus-1" in found.notes[0]


def test_rows_without_manual_texts_are_audited_by_the_texts_to_use(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "got10k"}) as store:
        store.save(a_row("a-1", "a  kite", manual_text=None))
    found = chatdesc.audit(tmp_path / "run", checks=FORMATTING)
    assert (found.text_source, found.faults) == ("refined", 1) and "no row has a manual text" in found.notes[0]
    with pytest.raises(ChatdescError, match="no row has a manual text to audit"):
        chatdesc.audit(tmp_path / "run", text_source="manual")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("lasot",), "say where it is: chatdesc audit lasot ROOT"),
        (("RUN", "ROOT"), "leave ROOT out"),
        (("nowhere/at/all",), "no such folder"),
    ],
)
def test_wrong_places(run, tmp_path, arguments, message):
    known = {"RUN": run, "ROOT": tmp_path}
    with pytest.raises(ChatdescError, match=message):
        chatdesc.audit(*(known.get(argument, argument) for argument in arguments))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"config": "lasot"}, "--config: of no use for a dataset at ROOT"),
        ({"text_source": "both"}, "no text source 'both'"),
        ({"checks": ["typos"]}, "no check is called 'typos'"),
        ({"sequences": "bus-7"}, "there is no sequence 'bus-7'"),
    ],
)
def test_wrong_options(tmp_path, options, message):
    with pytest.raises(ChatdescError, match=message):
        chatdesc.audit("lasot", dataset(tmp_path, {"bus-1": "a bus"}), **options)


def test_texts_in_other_languages_are_left_alone():
    subjects = texts_of("a red bus", "ein roter Bus auf der Straße", "", "\u7ea2\u8272\u516c\u5171\u6c7d\u8f66")
    check = Said()
    found, notes = examine(subjects, [check])
    assert check.prepared == ["bus-1"] and list(found) == ["bus-1"]
    assert [note.partition(":")[0] for note in notes] == ["1 text is Chinese (bus-4)", "1 text is German (bus-2)"]
    every = Said()
    every.english_only = False
    assert list(examine(subjects, [every])[0]) == ["bus-1", "bus-2", "bus-3", "bus-4"]


def test_endless_texts_are_not_read_as_english():
    check = Said()
    found, notes = examine(texts_of("a red bus", "a bus " * 500, "b" + "u" * 100 + "s"), [check])
    assert check.prepared == list(found) == ["bus-1"]
    assert notes == ("2 texts are too long to be read (bus-2, bus-3): no check of English looks at them",)


IMPOSSIBLE = [
    {"kind": "spelling"}, {"severity": 1.5}, {"severity": float("nan")}, {"severity": "high"}, {"span": (2, 2)},
    {"span": (0, 99)}, {"span": (0.0, 2)}, {"span": 3}, {"evidence": {"a": object()}},
    {"evidence": {"a": float("inf")}}, {"reason": None}, {"suggestion": 3},
]  # fmt: skip


@pytest.mark.parametrize("changes", IMPOSSIBLE)
def test_a_finding_that_cannot_be_is_the_check_s_fault(changes):
    with pytest.raises(ChatdescError, match=r"check said: bus-1: no such finding \(.*leave it out with --checks"):
        examine(texts_of("a bus"), [Said(**changes)])


def test_a_check_that_breaks_is_named(monkeypatch):
    monkeypatch.setattr(Said, "find", lambda self, subject: 1 // 0)
    with pytest.raises(ChatdescError, match="check said failed: ZeroDivisionError"):
        examine(texts_of("a bus"), [Said()])


@pytest.mark.parametrize("answer", [None, ["a text"], 3])
def test_a_check_that_answers_no_findings_is_named(monkeypatch, answer):
    monkeypatch.setattr(Said, "find", lambda self, subject: answer)
    with pytest.raises(ChatdescError, match=r"check said.*leave it out with --checks"):
        examine(texts_of("a bus"), [Said()])


def test_a_check_that_cannot_say_what_it_is_is_named(monkeypatch):
    monkeypatch.setattr(Said, "describe_self", lambda self: 1 // 0)
    with pytest.raises(ChatdescError, match="check said failed: ZeroDivisionError"):
        facts([Said()])


def test_what_all_texts_say_together_is_learned_once(monkeypatch):
    learned = []
    monkeypatch.setattr(corpus, "Trigrams", lambda texts: learned.append(1) or Trigrams(texts))
    examine(texts_of("a red bus on the road", "a blue bus"), create(["grammar", "non-word", "real-word", "target"]))
    assert learned == [1]


def test_progress_is_told_per_check():
    steps = []
    examine(texts_of("a bus"), [Said(), Said()], lambda *step: steps.append(step))
    assert steps == [(0, 2, "said"), (1, 2, "said"), (2, 2, "")]


def test_files(tmp_path):
    root = dataset(tmp_path / "data", {"bus-1": "=a  bus", "bus-2": b"caf\xe9 | bus"})
    found = chatdesc.audit("lasot", root, checks=FORMATTING, out=tmp_path / "out")
    assert [path.name for path in found.files] == ["audit.csv", "audit.md", "audit.jsonl"]
    with open(tmp_path / "out" / "audit.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["text"] == "'=a  bus"  # no formula
    assert rows[-1]["text"] == r"caf\udce9 | bus" and rows[-1]["suggestion"] == "é"
    lines = (tmp_path / "out" / "audit.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["sequences"] == ["bus-2"] and json.loads(lines[1])["findings"][0]["span"] == [3, 4]
    assert "caf\ufffd \\| bus |" in (tmp_path / "out" / "audit.md").read_text()
    chatdesc.audit("lasot", root, checks=["frames"], out=tmp_path / "out")
    assert (tmp_path / "out" / "audit.md").read_text() == "There are no findings.\n"
    assert (tmp_path / "out" / "audit.csv").read_text().startswith("rank,sequence,") and not (
        tmp_path / "out" / "audit.jsonl"
    ).read_text()


def test_a_text_of_some_frames_is_looked_at_there_alone(tmp_path, monkeypatch):
    """With ``--every N`` a run has a text per range: that of the first ones says nothing of the last ones."""
    monkeypatch.setattr("chatdesc.checks.sights.create", lambda *_, **__: Blind())
    render(tmp_path / "scenes", count=1, frames=6)
    [name] = chatdesc.load("synthetic", str(tmp_path / "scenes")).names
    text, told = "the moving object", {"background": [], "source": "refined"}
    ranges = [told | {"start": k, "stop": k + 2, "text": text if k < 4 else "the object"} for k in (0, 2, 4)]
    with Store.open(tmp_path / "run", {"dataset": "synthetic"}) as store:
        store.save(a_row(name, text, ranges=ranges, manual_text=text))
    for source, frames in (("refined", [0, 1, 2, 3]), ("manual", [0, 1, 2, 3, 4, 5])):
        found = chatdesc.audit(
            tmp_path / "run", tmp_path / "scenes", checks=["ambiguous"], text_source=source, frames=True,
            alignment_frames=6,
        )  # fmt: skip
        assert [view["frame"] for view in found.suspects[0].findings[0].evidence["frames"]] == frames
