"""``audit --texts NAME=SOURCE``: the texts of other sources, each compared with its own alone."""

from __future__ import annotations

import csv
import json

import pytest

import chatdesc
from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.named_texts import SourceAudit, per_source, subjects_of
from chatdesc.checks.sights import Sights
from chatdesc.synthetic import render
from chatdesc.texts.named import NamedTexts, texts_of
from chatdesc.types import ChatdescError
from tests.checks.makers import a_finding, dataset
from tests.makers.commands import call, fails

TEXTS = {"bus-1": "a red bus", "bus-2": "a  blue bus", "cat-1": "a cat"}
THEIRS = {"bus-1": ["a bus", "a  red bus", "the  bus"], "Bus_2": "a blue bus", "dog-1": "a  dog"}
QUICK = ["formatting", "duplicate"]


@pytest.fixture
def places(tmp_path):
    """A dataset, and a file with other texts of its sequences."""
    (tmp_path / "their.json").write_text(json.dumps(THEIRS))
    return dataset(tmp_path / "data", TEXTS), f"theirs={tmp_path / 'their.json'}"


def test_every_text_of_a_source_is_audited(places):
    root, theirs = places
    found = chatdesc.audit("lasot", root, checks=QUICK, texts=[theirs])
    ranked = [(suspect.source, suspect.label, suspect.text) for suspect in found.suspects if suspect.suspicion]
    assert ranked == [
        ("theirs", "bus-1, text 2", "a  red bus"),
        ("theirs", "bus-1, text 3", "the  bus"),
        ("manual", "bus-2", "a  blue bus"),
    ]
    assert found.faults == 3 and (found.sequences, found.texts) == (3, 3)
    assert [(of.name, of.sequences, of.texts, of.suspicious) for of in found.sources] == [
        ("manual", 3, 3, 1),
        ("theirs", 2, 4, 2),
    ]
    assert set(found.findings) == {"bus-2"}
    assert "theirs: no text for 1 sequence of 3: cat-1" in found.notes
    assert "theirs: bus-2 is matched with Bus_2 in theirs" in found.notes


def test_the_table_has_a_column_per_source(places):
    root, theirs = places
    rows = chatdesc.audit("lasot", root, checks=QUICK, texts=[theirs]).per_source()
    assert [list(row) for row in rows] == [["what", "kind", "ranked", "manual", "theirs"]] * len(rows)
    cells = {row["what"]: (row["manual"], row["theirs"]) for row in rows}
    assert cells == {
        "sequences": (3, 2), "texts": (3, 4), "suspicious texts": (1, 2), "share of them": (1 / 3, 0.5),
        "formatting": (1, 2),
    }  # fmt: skip


def test_a_source_is_compared_with_itself_alone(tmp_path):
    """Every source has the other's text of another sequence: no text is a duplicate within its source."""
    root = dataset(tmp_path / "data", {"bus-1": "a red bus", "bus-2": "a blue bus"})
    place = tmp_path / "swapped.json"
    place.write_text(json.dumps({"bus-1": "a blue bus", "bus-2": ["a red bus", "A red bus."]}))
    found = chatdesc.audit("lasot", root, checks=["duplicate"], texts=[f"swapped={place}"])
    assert found.suspects == ()
    place.write_text(json.dumps({"bus-1": "a blue bus", "bus-2": ["a blue bus", "A blue bus."]}))
    found = chatdesc.audit("lasot", root, checks=["duplicate"], texts=[f"swapped={place}"])
    reasons = {finding.reason for suspect in found.suspects for finding in suspect.findings}
    assert reasons == {"1 other sequence has this text: bus-1", "1 other sequence has this text: bus-2"}


def test_the_datasets_own_texts_under_another_name_have_the_same_findings(tmp_path):
    root = dataset(tmp_path / "data", TEXTS | {"bus-3": "a samll  bus ,red"})
    found = chatdesc.audit("lasot", root, texts=[f"own={root}"], checks=["formatting", "non-word", "uninformative"])
    manual, own = found.sources
    assert list(manual.findings.values()) == list(own.findings.values())
    assert own.findings["bus-3 in own"] and manual.share == own.share


def test_files_name_the_source(places, tmp_path):
    root, theirs = places
    found = chatdesc.audit("lasot", root, checks=QUICK, texts=[theirs], out=tmp_path / "out")
    assert [file.name for file in found.files] == [
        "audit.csv", "audit.md", "audit.jsonl", "audit_sources.csv", "audit_sources.md",
    ]  # fmt: skip
    with open(tmp_path / "out" / "audit.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["sequence"], row["number"]) for row in rows] == [
        ("theirs", "bus-1", "2"), ("theirs", "bus-1", "3"), ("manual", "bus-2", "1"),
    ]  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "out" / "audit.jsonl").read_text().splitlines()]
    assert [line["source"] for line in lines] == ["theirs", "theirs", "manual"]


def test_a_dataset_without_texts_may_have_named_ones(tmp_path):
    root = dataset(tmp_path / "data", {"bus-1": None})
    (tmp_path / "mine.json").write_text('{"bus-1": "a  bus"}')
    found = chatdesc.audit("lasot", root, checks=["formatting"], texts=[f"mine={tmp_path / 'mine.json'}"])
    assert [(of.texts, of.suspicious) for of in found.sources] == [(0, 0), (1, 1)]
    with pytest.raises(ChatdescError, match="no sequence has a text"):
        chatdesc.audit("lasot", root, checks=["formatting"])


def test_no_sequence_in_common(places, tmp_path):
    (tmp_path / "other.json").write_text('{"zebra-1": "a zebra"}')
    with pytest.raises(ChatdescError, match="other has texts of zebra-1, and the sequences here are bus-1"):
        chatdesc.audit("lasot", places[0], texts=[f"other={tmp_path / 'other.json'}"])


def test_texts_over_time_have_their_frames():
    said = texts_of({0: "a bus", 4: "the bus", 6: "a bus"})
    named = NamedTexts("mine", "mine.json", {"bus-1": said})
    found = subjects_of(named, [Subject("bus-1", "bus", "bus", 10)])
    assert [(subject.text, subject.ranges) for subject in found] == [
        ("a bus", ((0, 4), (6, 10))), ("the bus", ((4, 6),)),
    ]  # fmt: skip


def test_on_frames_the_first_text_of_each_source_is_looked_at(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "chatdesc.checks.audit.look_at", lambda data, of, *_, **__: [asked.append(one.texts) or Sights() for one in of]
    )
    names = render(tmp_path / "scenes", count=2, frames=3)
    (tmp_path / "mine.json").write_text(json.dumps({names[0]: ["one", "two"]}))
    options = {"frames": True, "checks": ["wrong-target"]}
    chatdesc.audit("synthetic", tmp_path / "scenes", texts=[f"mine={tmp_path / 'mine.json'}"], **options)
    assert [sorted(texts) for texts in asked] == [sorted(names), [names[0]]]
    assert asked[1] == {names[0]: "one"}


def test_shares_by_hand():
    said: dict[str, tuple[Finding, ...]] = {
        "a in x": (a_finding("typo"), a_finding("typo")), "b in x": (a_finding("duplicate", check="duplicate"),),
    }  # fmt: skip
    of = SourceAudit("x", "x.json", 2, 4, said)
    assert (of.suspicious, of.share) == (1, 0.25)
    assert [tuple(row.values()) for row in per_source([of])[3:]] == [
        ("share of them", "", "", 0.25), ("non-word", "typo", "yes", 2), ("duplicate", "duplicate", "no", 1),
    ]  # fmt: skip


class TestCommand:
    def test_columns_and_names(self, places):
        root, theirs = places
        done = call("audit", "lasot", root, "--checks", "formatting,duplicate", "--texts", theirs, columns=80)
        assert done.exit_code == 0 and max(map(len, done.output.splitlines())) <= 80
        lines = [line.split() for line in done.output.splitlines()]
        assert ["1.", "bus-1,", "text", "2", "(theirs),", "suspicion", "0.70"] in lines
        assert ["what", "kind", "ranked", "manual", "theirs"] in lines
        assert ["share", "of", "them", "0.33", "0.50"] in lines

    @pytest.mark.parametrize(("allowed", "code"), [(2, 1), (3, 0)])
    def test_strict_counts_the_findings_of_all_sources(self, places, allowed, code):
        root, theirs = places
        options = ("--checks", "formatting", "--texts", theirs, "--strict", "--allow", allowed)
        assert call("audit", "lasot", root, *options).exit_code == code

    def test_wrong_sources(self, places):
        root, _ = places
        assert "write --texts NAME=SOURCE" in fails("audit", "lasot", root, "--texts", "their.json")
        assert "is the name of a column already" in fails("audit", "lasot", root, "--texts", "manual=x.json")
