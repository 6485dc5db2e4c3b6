"""Answers in Argilla's records, as its Python client exports them.

Flat records (``to_list(flatten=True)``, ``to_datasets``) hold who answered and whether it was submitted. Nested ones
(``to_json``, ``to_list``, ``to_dict``) do not hold the latter: of them, only the one answer of a completed record is
known to be submitted.

>>> key = {"dataset": "lasot", "sequence": "kite-1"}
>>> flat = {"verdict.responses": ["edit", "reject"], "verdict.responses.users": ["7", "8"]}
>>> flat |= key | {"id": "r", "verdict.responses.status": ["draft", "submitted"]}
>>> [given if isinstance(given, NoAnswer) else (given.annotator, given.said["verdict"]) for given in answers(flat)]
[NoAnswer(key=('lasot', '', 'kite-1'), why='a draft of 7 that was not submitted'), ('8', ('reject',))]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chatdesc.decisions.answer import Answer, NoAnswer, case_key, word
from chatdesc.decisions.questions import QUESTIONS
from chatdesc.types import ChatdescError

TOOL = "argilla"
SUFFIX = ".responses"
UNKNOWN = "several people answered, and this layout does not say who submitted; export with to_list(flatten=True)"


class _Response(NamedTuple):
    """One value of one annotator; ``status`` is empty where the export does not say it."""

    question: str
    annotator: str
    value: str
    status: str


def is_export(record: Mapping[str, Any]) -> bool:
    """Whether a record is one of Argilla's, nested or flat."""
    return is_nested(record) or ("_server_id" in record) or any(name.endswith(SUFFIX) for name in record)


def is_nested(record: Mapping[str, Any]) -> bool:
    """Whether a record has its fields and responses in objects of their own."""
    return isinstance(record.get("fields"), dict) and isinstance(record.get("responses"), dict)


def answers(record: Mapping[str, Any]) -> Iterator[Answer | NoAnswer]:
    """The answers in a record, one per annotator. Suggestions are no answers.

    Raises:
        ChatdescError: the record is damaged.
    """
    nested = is_nested(record)
    given = list(_nested(record) if nested else _flat(record))
    fields, metadata = (record["fields"], record.get("metadata") or {}) if nested else (record, record)
    if not isinstance(metadata, dict):
        raise ChatdescError("its metadata are no object")
    annotators = list(dict.fromkeys(response.annotator for response in given))
    for annotator in annotators:
        own = [response for response in given if response.annotator == annotator]
        state = _state(own)
        if nested and not state:
            state = "draft" if record.get("status") != "completed" else "submitted" if len(annotators) == 1 else ""
        if state not in ("submitted", "discarded"):
            who = annotator or "somebody"
            yield NoAnswer(case_key(metadata), f"a draft of {who} that was not submitted" if state else UNKNOWN)
            continue
        yield Answer(
            tool=TOOL,
            key=case_key(metadata),
            seen=word(metadata.get("seen")),
            texts=(word(fields.get("manual_text")), word(fields.get("refined_text"))),
            annotator=annotator,
            made=f"{word(record.get('id'))}, {annotator}",
            skipped=state == "discarded",
            said={name: tuple(each.value for each in own if each.question == name) for name in QUESTIONS},
        )


def _state(own: list[_Response]) -> str:
    """``submitted``, ``discarded``, ``draft``, or empty where the export does not say it."""
    states = {response.status for response in own}
    return states.pop() if len(states) == 1 else "draft"


def _nested(record: Mapping[str, Any]) -> Iterator[_Response]:
    for question, given in record["responses"].items():
        if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
            raise ChatdescError(f"its responses to {question} are no list of objects")
        for each in given:
            yield _Response(question, word(each.get("user_id")), word(each.get("value")), word(each.get("status")))


def _flat(record: Mapping[str, Any]) -> Iterator[_Response]:
    for question in QUESTIONS:
        name = question + SUFFIX
        values, users, states = (record.get(part) or [] for part in (name, f"{name}.users", f"{name}.status"))
        if not all(isinstance(part, list) for part in (values, users, states)) or len(values) != len(users):
            raise ChatdescError(f"its {name} and {name}.users are no lists of the same length")
        states = [*states, *[""] * (len(values) - len(states))]
        for value, user, state in zip(values, users, states, strict=False):
            yield _Response(question, word(user), word(value), word(state))
