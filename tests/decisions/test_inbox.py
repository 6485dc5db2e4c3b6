"""Imports into the journals: once each, nothing lost, nothing invented."""

from __future__ import annotations

import json

import pytest

from chatdesc import api
from chatdesc.decisions.decision import decision, seen, standing
from chatdesc.decisions.journal import Journal
from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError
from tests.decisions.test_argilla import flat, nested
from tests.decisions.test_label_studio import annotation, chosen, minimal, task, typed
from tests.makers.reviews import HOSTILE
from tests.makers.rows import a_row

OLD, NEW = "2020-01-01T00:00:00Z", "2090-01-01T00:00:00Z"


@pytest.fixture
def run(tmp_path):
    place = tmp_path / "run"
    with Store.open(place, {"dataset": "lasot"}) as store:
        for name in ("kite-1", "kite-2"):
            store.save(a_row(name, "a red kite", dataset="lasot", split="test"))
    return place


def about(name, *annotations, **data):
    own = {"sequence": name, "manual_text": "a kite", "seen": seen("a kite", "a red kite")} | data
    made = task(*annotations)
    return made | {"data": made["data"] | own}


def imported(run, *records, file="answers.json", **options):
    place = run.parent / file
    place.write_text(json.dumps(records), encoding="utf-8")
    return api.review_import(run, place, **options)


def test_a_second_import_adds_nothing(run):
    records = [
        about("kite-1", annotation(chosen("verdict", "reject"))),
        about("kite-2", annotation(was_cancelled=True)),
    ]
    first = imported(run, *records)
    assert [(d.reviewer, d.verdict) for d in first.decisions] == [
        ("label-studio-1", "reject"),
        ("label-studio-1", "skip"),
    ]
    assert first.folder == run / "review" and first.records()[0]["decisions"] == 1
    again = imported(run, *records)
    assert (again.decisions, again.known) == ((), 2)
    renamed = imported(run, *records, reviewer="ada")  # no answer becomes two people's
    assert (renamed.decisions, renamed.known) == ((), 2)
    assert len(Journal(run / "review").read()) == 2


def test_a_changed_answer_is_a_new_decision_which_stands(run):
    imported(run, about("kite-1", annotation(chosen("verdict", "reject"), at=OLD)))
    done = imported(run, about("kite-1", annotation(chosen("verdict", "accept refined"), at=NEW)))
    assert len(done.decisions) == 1
    [stands] = standing(Journal(run / "review").read()).values()
    assert (stands.verdict, stands.text) == ("accept", "a red kite")


def test_json_and_json_min_of_the_same_answer_are_one_decision(run):
    result = [chosen("verdict", "edit"), typed("edited_text", "red kite")]
    own = about("kite-1")["data"]
    imported(run, about("kite-1", annotation(*result)))
    done = imported(run, minimal(verdict="edit", edited_text="red kite") | own)
    assert (done.decisions, done.known) == ((), 1)


def test_several_annotators_have_journals_of_their_own(run):
    record = about(
        "kite-1",
        annotation(chosen("verdict", "reject"), by={"email": "ada@b.org"}, number=1),
        annotation(chosen("verdict", "accept manual"), by=2, number=2),
    )
    done = imported(run, record, reviewer={"2": "ben"})
    assert {d.reviewer: d.verdict for d in done.decisions} == {"ada@b.org": "reject", "ben": "accept"}
    assert len([*(run / "review").iterdir()]) == 2


def test_a_later_decision_made_here_stands(run):
    mine = {"dataset": "lasot", "split": "test", "sequence": "kite-1", "id": "b", "verdict": "skip"}
    Journal(run / "review", "ada").add([decision(mine)])
    older = about("kite-1", annotation(chosen("verdict", "reject"), at=OLD))
    assert imported(run, older, reviewer="ada").outdated == ("kite-1",)
    newer = about("kite-1", annotation(chosen("verdict", "reject"), at=NEW))
    assert [d.verdict for d in imported(run, newer, reviewer="ada").decisions] == ["reject"]


def test_rows_that_have_changed_are_named(run):
    done = imported(run, about("kite-1", annotation(chosen("verdict", "accept refined")), seen="00"))
    assert done.changed == ("kite-1",) and done.decisions[0].seen == "00"


def test_what_is_no_decision_is_listed_with_its_reason(run):
    done = imported(
        run,
        about("kite-3", annotation(chosen("verdict", "reject"))),
        about("kite-1", annotation()),
        about("kite-2", annotation(chosen("verdict", "reject"), by=None)),
        about("kite-2", annotation(chosen("verdict", "accept refined"))),
        {"id": 5, "data": {"image": "x.jpg"}, "annotations": [annotation(chosen("verdict", "reject"))]},
    )
    assert [d.verdict for d in done.decisions] == ["accept"]
    names, reasons = zip(*done.left_out, strict=True)
    assert names == ("kite-3", "kite-1", "kite-2", "a case without a name")
    assert "no such row in the source; did you mean kite-2 or kite-1?" in reasons[0]
    assert "no verdict" in reasons[1] and "--reviewer" in reasons[2] and "no such row" in reasons[3]


def test_argillas_layouts_give_the_same_decisions(run):
    said = {"verdict": {"7": "edit"}, "edited_text": {"7": "red"}}
    whole = nested(**said)
    side_by_side = flat(verdict=[("7", "edit", "submitted")], edited_text=[("7", "red", "submitted")])
    layouts = {
        "list.json": [whole], "one.json": whole, "index.json": {whole["id"]: whole},
        "columns.json": {name: [value] for name, value in whole.items()},
        "flat_columns.json": {name: [value] for name, value in side_by_side.items()},
    }  # fmt: skip
    for name, content in layouts.items():
        (run.parent / name).write_text(json.dumps(content))
    (run.parent / "lines.jsonl").write_text(f"{json.dumps(side_by_side)}\n\n{json.dumps(flat())}\n")
    first, *others = [api.review_import(run, run.parent / name) for name in (*layouts, "lines.jsonl")]
    assert [(d.reviewer, d.verdict, d.text) for d in first.decisions] == [("argilla-7", "edit", "red")]
    assert [(len(done.decisions), done.known) for done in others] == [(0, 1)] * 5


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff\xfe[]", "is no UTF-8"),
        (b"[" * 100_000, "is nested too deeply"),
        (b'{"id": 1, "_server_id": 2}\n{"id"', "line 2 is no JSON"),
        (b"3", "record 1 is none of"),
        (b"{}", "record 1 is none of"),
        (b'[{"image": "x.jpg"}]', "record 1 is none of"),
        (b'[{"data": {}, "annotations": []}, {"data": {}, "annotations": 3}]', "record 2: its annotations"),
        (b'{"a": [1, 2], "b": [1]}', "record 1 is none of"),
    ],
)
def test_a_bad_file_is_an_error_and_nothing_is_written(run, content, why):
    good, bad = run.parent / "good.json", run.parent / "bad.json"
    good.write_text(json.dumps([about("kite-1", annotation(chosen("verdict", "reject")))]))
    bad.write_bytes(content)
    with pytest.raises(ChatdescError, match=f"bad.json: {why}"):
        api.review_import(run, [good, bad])
    assert not (run / "review").exists()


def test_one_name_is_not_given_to_several_annotators(run):
    record = about("kite-1", annotation(by=1, number=1), annotation(by=2, number=2))
    with pytest.raises(ChatdescError, match="answers of 2 annotators"):
        imported(run, record, reviewer="ada")
    with pytest.raises(ChatdescError, match="no answer is of '3'; the annotators are 1, 2"):
        imported(run, record, reviewer={"3": "ada"})


def test_a_source_that_is_no_run_needs_a_folder(run, tmp_path):
    with pytest.raises(ChatdescError, match="--decisions"):
        imported(tmp_path, about("kite-1"))
    with pytest.raises(ChatdescError, match="no such folder"):
        imported(tmp_path / "elsewhere", about("kite-1"))
    done = imported(run, about("kite-1", annotation(chosen("verdict", "reject"))), decisions=tmp_path / "kept")
    assert done.folder == tmp_path / "kept" and len(Journal(tmp_path / "kept").read()) == 1


def test_answers_become_rows(run, tmp_path):
    result = [chosen("verdict", "edit"), typed("edited_text", HOSTILE[2])]
    stale = about("kite-2", annotation(chosen("verdict", "accept manual")), seen="00")
    imported(run, about("kite-1", annotation(*result)), stale)
    api.apply(run, tmp_path / "applied")
    rows = {row["sequence"]: row for row in read_rows(str(tmp_path / "applied"))}
    assert (rows["kite-1"]["text"], rows["kite-1"]["text_source"]) == (HOSTILE[2], "human")
    assert (rows["kite-2"]["text"], rows["kite-2"]["text_source"]) == ("a red kite", "refined")  # it has changed since


def test_a_folder_that_is_a_file_is_refused_with_the_option_that_names_it(run, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ChatdescError, match=r"file: is a file.*--decisions"):
        imported(run, about("kite-1", annotation(chosen("verdict", "reject"))), decisions=tmp_path / "file")
