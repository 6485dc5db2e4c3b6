"""Answers in hand-worked exports of Label Studio."""

from __future__ import annotations

import pytest

from chatdesc.decisions.answer import NoAnswer, decided
from chatdesc.decisions.label_studio_answers import answers, is_export
from chatdesc.types import ChatdescError

DATA = {
    "dataset": "lasot", "split": "test", "sequence": "kite-1", "seen": "0f", "manual_text": "a kite",
    "refined_text": "a red kite",
}  # fmt: skip


def chosen(question, *values):
    return {"from_name": question, "to_name": "template", "type": "choices", "value": {"choices": list(values)}}


def typed(question, *values):
    return {"from_name": question, "to_name": "template", "type": "textarea", "value": {"text": list(values)}}


def annotation(*result, number=9, by=1, at="2026-03-09T22:16:08.728378Z", **more):
    return {"id": number, "completed_by": by, "result": list(result), "created_at": at, "updated_at": at} | more


def task(*annotations, **more):
    return {"id": 3, "data": DATA, "annotations": list(annotations)} | more


def decision(*result, **more):
    [answer] = answers(task(annotation(*result, **more)))
    return decided(answer, "ada")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([chosen("verdict", "accept refined")], ("accept", "refined", "a red kite", "", "")),
        ([chosen("verdict", "accept manual")], ("accept", "manual", "a kite", "", "")),
        ([chosen("verdict", "edit"), typed("edited_text", "red kite")], ("edit", "refined", "red kite", "", "")),
        ([chosen("verdict", "reject"), chosen("kind", "typo")], ("reject", "", "", "typo", "")),
        ([chosen("verdict", "flag"), typed("reason", "two\nkites")], ("flag", "", "", "other", "two\nkites")),
        # what was filled in beforehand is no answer of its own
        (
            [chosen("verdict", "accept manual"), typed("edited_text", "a red kite"), chosen("kind", "typo")],
            ("accept", "manual", "a kite", "", ""),
        ),
    ],
)
def test_a_verdict_is_a_decision(result, expected):
    made = decision(*result)
    assert (made.verdict, made.side, made.text, made.kind, made.reason) == expected
    assert (made.key, made.seen, made.reviewer) == (("lasot", "test", "kite-1"), "0f", "ada")


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ([], "has no verdict"),
        ([chosen("verdict", "<b>")], "'<b>' is none of accept refined, "),
        ([chosen("verdict", "edit")], "says edit, but has no text"),
        ([chosen("verdict", "edit"), typed("edited_text", " \n")], "says edit, but has no text"),
        ([chosen("verdict", "edit"), typed("edited_text", "a red kite")], "as it was"),
        ([chosen("verdict", "edit"), typed("edited_text", "one", "two")], "2 values for edited_text"),
        ([chosen("verdict", "edit", "reject")], "2 values for verdict"),
        ([chosen("verdict", "accept refined"), typed("edited_text", "red")], "was it meant as an edit"),
        ([chosen("verdict", "reject"), chosen("kind", "ugly")], "its kind is none of"),
    ],
)
def test_what_is_no_decision_says_why(result, why):
    with pytest.raises(ChatdescError, match=why):
        decision(*result)


def test_a_text_that_is_not_there_cannot_be_accepted():
    [answer] = answers(
        {"data": DATA | {"manual_text": ""}, "annotations": [annotation(chosen("verdict", "accept manual"))]}
    )
    with pytest.raises(ChatdescError, match="no such text"):
        decided(answer, "ada")


@pytest.mark.parametrize("mark", ["was_cancelled", "skipped"])
def test_a_skipped_task_is_a_skip_whatever_was_chosen(mark):
    assert decision(chosen("verdict", "reject"), **{mark: True}).verdict == "skip"


def test_predictions_and_drafts_are_no_answers():
    guess = {"model_version": "x", "score": 1.0, "result": [chosen("verdict", "accept refined")]}
    assert [*answers(task(predictions=[guess]))] == []
    [draft] = answers(task(predictions=[guess], drafts=[{"result": [chosen("verdict", "reject")]}]))
    assert draft == NoAnswer(("lasot", "test", "kite-1"), "a draft that was not submitted")


@pytest.mark.parametrize(
    ("by", "name"),
    [
        (7, "7"),
        ({"id": 7, "email": "a@b.org", "first_name": "Ada"}, "a@b.org"),
        ({"id": 7, "email": "", "first_name": "Ada", "last_name": "L"}, "Ada L"),
        ({"id": 7}, "7"),
        (None, ""),
        (True, ""),
    ],
)
def test_who_annotated(by, name):
    assert next(answers(task(annotation(by=by)))).annotator == name


def test_the_last_change_comes_last_whatever_the_order_in_the_file():
    late = annotation(chosen("verdict", "reject"), number=1, at="2026-03-10T00:00:00Z")
    early = annotation(chosen("verdict", "edit"), number=2, at="2026-03-09T00:00:00Z")
    assert [a.said["verdict"] for a in answers(task(late, early))] == [("edit",), ("reject",)]


def test_an_id_changes_with_the_answer_and_with_nothing_else():
    first = decision(chosen("verdict", "reject"))
    assert decision(chosen("verdict", "reject"), lead_time=9.0).id == first.id
    others = [
        decision(chosen("verdict", "reject"), number=10),
        decision(chosen("verdict", "reject"), at="2026-03-10T00:00:00Z"),
        decision(chosen("verdict", "reject"), chosen("kind", "typo")),
        decision(chosen("verdict", "reject"), was_cancelled=True),
    ]
    assert len({first.id, *(other.id for other in others)}) == 5


def minimal(**said):
    own = {"id": 3, "annotator": 1, "annotation_id": 9, "created_at": "2026-03-09T22:16:08.728378Z"}
    return DATA | own | {"updated_at": own["created_at"], "lead_time": 4.2} | said


def test_json_min_says_the_same():
    result = [chosen("verdict", "edit"), typed("edited_text", "red kite"), typed("reason", "one", "two")]
    [brief] = answers(minimal(verdict="edit", edited_text="red kite", reason=[{"text": ["one", "two"]}]))
    assert decided(brief, "ada") == decision(*result)


def test_json_min_of_a_task_without_an_annotation():
    assert [*answers(minimal(annotation_id=None, annotator=None))] == []


@pytest.mark.parametrize(
    "damaged", [{"annotations": "x"}, {"annotations": [3]}, {"annotations": [{"result": 3}]}, {"completions": [[]]}]
)
def test_a_damaged_record_is_an_error(damaged):
    with pytest.raises(ChatdescError, match="no list of objects"):
        [*answers({"id": 3, "data": DATA} | damaged)]


def test_what_an_export_is():
    assert is_export(task()) and is_export(minimal()) and not is_export(DATA) and not is_export({"data": 3})
