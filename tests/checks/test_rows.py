"""Findings in the rows of a run, whatever way it came to its end."""

from __future__ import annotations

import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

import chatdesc
from chatdesc.checks import rows as audited_rows
from chatdesc.checks.base import KINDS, Finding
from chatdesc.checks.formatting import FormattingCheck
from chatdesc.checks.rows import audit_store, from_record, to_record
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.datasets import put
from tests.makers.rows import a_row

JSON = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3))
QUICK = {"tracker": "none", "rounds": 1}
FINDINGS = st.builds(
    Finding,
    st.text(min_size=1, max_size=9),
    st.sampled_from(KINDS),
    st.floats(0, 1),
    st.text(max_size=20),
    st.none() | st.tuples(st.integers(0, 9), st.integers(10, 20)),
    st.none() | st.text(max_size=9),
    JSON,
)


@given(FINDINGS)
def test_a_finding_goes_into_a_row_and_back(finding):
    assert from_record(to_record(finding)) == finding


def test_a_finding_of_an_earlier_version():
    assert from_record({"kind": "typo", "evidence": "swign"}) == Finding("typo", "typo", 0.0, "")


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "run", {"dataset": "lasot"}) as store:
        store.save(a_row("bus-1", manual_text="a  red bus"))
        store.save(a_row("bus-2", manual_text=None, problems=["no text"]))
        store.save(a_row("bus-3", manual_text="a bus", problems=["img: no images"]))
        yield store


def test_rows_get_findings_and_lose_them(store):
    assert audit_store(store) == ()
    first, second, third = store.rows(["bus-1", "bus-2", "bus-3"])
    [finding] = first["audit"]
    assert finding == {
        "kind": "formatting", "evidence": "{}", "check": "formatting", "severity": 0.7, "start": 1, "stop": 3,
        "reason": "2 spaces in a row", "suggestion": " ",
    }  # fmt: skip
    assert second["audit"] == [] and "data" not in {finding["check"] for finding in third["audit"]}
    store.save(first | {"manual_text": "a red bus"})
    audit_store(store, [FormattingCheck()])
    assert store.load("bus-1")["audit"] == []


def test_a_row_in_which_nothing_changes_is_not_written(store, monkeypatch):
    audit_store(store)
    monkeypatch.setattr(store, "save", lambda row: pytest.fail("written again"))
    assert audit_store(store) == ()


def test_a_check_that_breaks_is_a_note_and_the_rows_stay(store, monkeypatch):
    def broken():
        raise ChatdescError("check mine: broken")

    monkeypatch.setattr(audited_rows, "create", broken)
    assert audit_store(store) == ("the texts were not audited: check mine: broken",)
    assert store.load("bus-1")["audit"] == []


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """A rendered dataset of three sequences, in which one text has two spaces, and a whole run on it."""
    root = tmp_path_factory.mktemp("faulty")
    names = render(root / "data", count=3, frames=3, seed=0)
    put(root / "data" / names[0].rpartition("-")[0] / names[0] / "nlp.txt", "a  star on the left")
    chatdesc.annotate("synthetic", root / "data", root / "run", **QUICK)
    return root, names


def test_a_new_run_carries_findings(faulty):
    root, names = faulty
    dataset = load_dataset(str(root / "run" / "dataset"), split="test")
    by_name = {row["sequence"]: row["audit"] for row in dataset}
    assert [finding["reason"] for finding in by_name[names[0]] if finding["kind"] == "formatting"] == [
        "2 spaces in a row"
    ]
    other = [name for name in names if any(finding["check"] == "wrong-target" for finding in by_name[name])]
    assert other == [names[1]]  # the planted fault, found from what the run recorded
    card = (root / "run" / "dataset" / "README.md").read_text()
    assert "2 of 3 manual texts have a finding that speaks against them" in card and "| formatting | 1 |" in card
    assert "formatting: 2 spaces in a row (character 2)" in chatdesc.show(root / "run", names[0])


def test_an_interrupted_run_ends_with_the_same_findings(faulty, tmp_path):
    root, _ = faulty
    for limit in (1, 2, None):
        chatdesc.annotate("synthetic", root / "data", tmp_path / "run", limit=limit, **QUICK)
    whole, parts = ({p.name: p.read_bytes() for p in (place / "run" / "rows").iterdir()} for place in (root, tmp_path))
    assert whole == parts
