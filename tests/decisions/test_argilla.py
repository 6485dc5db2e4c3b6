"""Answers in hand-worked records of Argilla, nested and flat."""

from __future__ import annotations

import pytest

from chatdesc.decisions.answer import NoAnswer, decided
from chatdesc.decisions.argilla import _agent, dataset, record, settings
from chatdesc.decisions.argilla_answers import answers, is_export
from chatdesc.decisions.case import Case, Fault
from chatdesc.types import ChatdescError

KEY = {"dataset": "lasot", "split": "test", "sequence": "kite-1"}
TEXTS = {"manual_text": "a kite", "refined_text": "a red kite"}
ADA, BEN = "0a" * 16, "0b" * 16


def nested(status="completed", **responses):
    given = {
        question: [{"value": value, "user_id": user} for user, value in by.items()]
        for question, by in responses.items()
    }
    guess = {"edited_text": {"value": "a red kite", "score": 0.5, "agent": "llava"}}
    own = {"fields": TEXTS, "metadata": KEY | {"seen": "0f"}, "suggestions": guess, "responses": given}
    return {"id": "lasot/test/kite-1", "status": status, "vectors": {}, "_server_id": "x"} | own


def flat(**responses):
    """``question=[(annotator, value, status), ...]``."""
    made = {"id": "lasot/test/kite-1", "status": "completed", "_server_id": "x", **TEXTS, **KEY, "seen": "0f"}
    for question, given in responses.items():
        users, values, states = (list(part) for part in zip(*given, strict=True))
        made |= {f"{question}.responses": values, f"{question}.responses.users": users}
        made |= {f"{question}.responses.status": states, f"{question}.suggestion": "a red kite"}
    return made


def told(made):
    return [(a.annotator, decided(a, "x").verdict, decided(a, "x").text) for a in answers(made)]


def test_several_annotators_of_one_record():
    both = flat(
        verdict=[(ADA, "edit", "submitted"), (BEN, "accept manual", "submitted")],
        edited_text=[(BEN, "a red kite", "submitted"), (ADA, "red kite", "submitted")],
    )
    assert told(both) == [(ADA, "edit", "red kite"), (BEN, "accept", "a kite")]


def test_both_layouts_of_one_answer_are_the_same():
    made = nested(verdict={ADA: "edit"}, edited_text={ADA: "red kite"})
    side_by_side = flat(verdict=[(ADA, "edit", "submitted")], edited_text=[(ADA, "red kite", "submitted")])
    assert told(made) == [(ADA, "edit", "red kite")]
    assert [*answers(made)] == [*answers(side_by_side)]


def test_nested_answers_of_several_people_may_be_drafts():
    made = nested(verdict={ADA: "edit", BEN: "accept manual"})
    assert [(answer.key[2], "flatten=True" in answer.why) for answer in answers(made)] == [("kite-1", True)] * 2


def test_the_row_is_in_the_metadata():
    [answer] = answers(nested(verdict={ADA: "reject"}, kind={ADA: "typo"}, reason={ADA: "كلمة 🪁"}))
    made = decided(answer, "ada")
    assert (made.key, made.seen, made.kind, made.reason) == (("lasot", "test", "kite-1"), "0f", "typo", "كلمة 🪁")


def test_a_discarded_record_is_a_skip_and_a_draft_is_nothing():
    made = flat(verdict=[(ADA, "edit", "discarded"), (BEN, "reject", "draft")])
    skip, draft = answers(made)
    assert decided(skip, "ada").verdict == "skip"
    assert isinstance(draft, NoAnswer) and draft.why == f"a draft of {BEN} that was not submitted"


def test_a_nested_record_that_is_not_completed_has_no_answer():
    [draft] = answers(nested(status="pending", verdict={ADA: "reject"}))
    assert isinstance(draft, NoAnswer)


def test_suggestions_are_no_answers():
    assert [*answers(nested())] == [] and [*answers(flat())] == []
    assert [*answers(flat() | {"edited_text.suggestion": "x", "edited_text.responses": None})] == []


@pytest.mark.parametrize(
    "damaged",
    [
        nested() | {"responses": {"verdict": "edit"}},
        nested() | {"responses": {"verdict": ["edit"]}},
        nested() | {"metadata": "x"},
        flat() | {"verdict.responses": "edit"},
        flat() | {"verdict.responses": ["edit"], "verdict.responses.users": [ADA, BEN]},
    ],
)
def test_a_damaged_record_is_an_error(damaged):
    with pytest.raises(ChatdescError, match=r"no (list|object)"):
        [*answers(damaged)]


def test_what_an_export_is():
    assert is_export(nested()) and is_export(flat()) and not is_export({"id": 3, "data": {}})


def test_names_stay_apart_where_everything_lies_side_by_side():
    case = Case(("lasot", "test", "kite-1"), "0f", "a kite", "a red kite", "kite")
    made, asked = record(case, "data:,", "data:,"), settings()
    names = [*made["fields"], *made["metadata"], *(part["name"] for part in asked["questions"]), "id", "status"]
    assert len(set(names)) == len(names)
    assert set(made["fields"]) == {part["name"] for part in asked["fields"]}
    assert set(made["metadata"]) == {part["name"] for part in asked["metadata"]}


def test_an_empty_text_has_no_field_and_no_suggestion():
    made = record(Case(("lasot", "", "kite-1"), "0f", None, ""))
    assert (
        set(made["fields"]) == {"about", "evidence"} and made["suggestions"] == {} and "split" not in made["metadata"]
    )


@pytest.mark.parametrize(
    ("name", "agent"),
    [("a/b:c@0f", "a/b:c-0f"), ("", "chatdesc"), ("模型", "chatdesc"), ("x" * 300, "x" * 200), ("<b>", "b")],
)
def test_an_agent_is_named_as_the_server_takes_it(name, agent):
    assert _agent(name) == agent


def test_a_dataset_is_named_as_the_server_takes_it():
    assert [dataset(name)["name"] for name in ("otb.v2", "_x", "...")] == ["otb-v2", "x", "chatdesc"]


def test_a_kind_that_is_no_kind_of_a_decision_is_not_suggested():
    faults = (Fault("grammar", "agreement", 0.9, "a"), Fault("ambiguous", "corpus", 0.5, "b"))
    made = record(Case(("lasot", "", "kite-1"), "0f", "a kite", None, faults=faults))
    assert made["suggestions"] == {"kind": {"value": "ambiguous", "score": 0.5, "agent": "audit corpus"}}
