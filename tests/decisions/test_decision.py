"""Decisions: what is refused, and which ones stand."""

import pytest

from chatdesc.decisions.decision import decision, seen, standing
from chatdesc.types import ChatdescError


def made(name, verdict="skip", reviewer="ada", sequence="bus-2", **more):
    needed = {"accept": {"side": "refined"}, "edit": {"text": "a red bus"}, "flag": {"kind": "typo"}}.get(verdict, {})
    record = {"id": name, "dataset": "lasot", "split": "test", "sequence": sequence, "verdict": verdict}
    return decision(record | needed | {"reviewer": reviewer} | more)


def verdicts(*decisions):
    return {(reviewer, key[2]): stands.id for (reviewer, key), stands in standing(decisions).items()}


def test_the_last_decision_stands_per_reviewer_and_row():
    given = made("a"), made("b", "accept"), made("c", reviewer="bob"), made("d", sequence="bus-3")
    assert verdicts(*given) == {("ada", "bus-2"): "b", ("bob", "bus-2"): "c", ("ada", "bus-3"): "d"}


def test_an_undo_brings_back_what_stood_before_and_an_undone_undo_does_not():
    one, two = made("a", "accept"), made("b", "flag")
    back = made("c", "undo", undoes="b")
    assert verdicts(one, two, back) == {("ada", "bus-2"): "a"}
    assert verdicts(one, two, back, made("d", "undo", undoes="c")) == {("ada", "bus-2"): "b"}
    assert verdicts(one, two, back, made("d", "undo", undoes="a")) == {}
    assert verdicts(one, made("b", "undo", undoes="a"), made("c", "skip")) == {("ada", "bus-2"): "c"}


def test_nobody_undoes_the_decision_of_another():
    assert verdicts(made("a"), made("b", "undo", undoes="a", reviewer="bob")) == {("ada", "bus-2"): "a"}


def test_rows_of_two_splits_or_datasets_are_two():
    given = made("a"), made("b", split="train"), made("c", split=None), made("d", dataset="tnl2k")
    assert len(standing(given)) == 4


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"id": ""}, "its id"),
        ({"id": "../a"}, "its id"),
        ({"id": "a" * 65}, "its id"),
        ({"verdict": "maybe"}, "its verdict"),
        ({"verdict": "accept"}, "which side"),
        ({"verdict": "accept", "side": "on the left"}, "its side"),
        ({"verdict": "accept", "side": "no-text"}, "its side"),
        ({"verdict": "edit", "text": " \n"}, "its text is empty"),
        ({"text": "a bus"}, "has no text"),
        ({"verdict": "flag"}, "a flag needs a kind"),
        ({"verdict": "flag", "kind": "ugly"}, "its kind"),
        ({"kind": "typo"}, "has no kind"),
        ({"verdict": "undo"}, "says what it undoes"),
        ({"undoes": "b"}, "says what it undoes"),
        ({"reason": "x" * 100_001}, "longer than"),
        ({"verdict": "accept", "side": "manual", "reason": "\ud83d"}, "half a character"),
        ({"rule": "\ud83d"}, "half a character"),
        ({"sequence": 5}, "'sequence' has a value of another type"),
        ({"blind": "yes"}, "'blind' has a value of another type"),
        ({"split": ["test"]}, "'split' has a value of another type"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, why):
    record = {"id": "a", "dataset": "lasot", "sequence": "bus-2", "verdict": "skip"}
    decision(record)
    with pytest.raises(ChatdescError, match=why):
        decision(record | fields)


def test_a_decision_without_a_row_is_refused_and_later_fields_are_left_out():
    record = {"id": "a", "dataset": "lasot", "sequence": "bus-2", "verdict": "skip"}
    assert decision(record | {"mood": "good"}).verdict == "skip"
    for name in record:
        with pytest.raises(ChatdescError, match=f"no '{name}'"):
            decision({key: value for key, value in record.items() if key != name})


def test_what_was_seen_depends_on_both_texts():
    hashes = {seen("a", "b"), seen("b", "a"), seen("a", None), seen(None, "a"), seen("ab", ""), seen("\udce9", "b")}
    assert len(hashes) == 6
