"""Answers in what Label Studio exports as JSON or JSON-MIN.

Formats: https://labelstud.io/guide/export. Label Studio leaves skipped tasks out of JSON-MIN.

>>> chosen = {"from_name": "verdict", "to_name": "template", "type": "choices", "value": {"choices": ["accept manual"]}}
>>> data = {"dataset": "lasot", "split": "", "sequence": "kite-1", "manual_text": "kite", "refined_text": "red"}
>>> one = {"id": 3, "data": data, "annotations": [{"id": 9, "completed_by": 1, "result": [chosen]}]}
>>> [(given.annotator, given.said["verdict"]) for given in answers(one)]
[('1', ('accept manual',))]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatdesc.decisions.answer import Answer, NoAnswer, case_key, word
from chatdesc.decisions.questions import QUESTIONS
from chatdesc.types import ChatdescError

TOOL = "label-studio"


def is_export(record: Mapping[str, Any]) -> bool:
    """Whether a record is a task of an export, JSON or JSON-MIN."""
    return is_task(record) or ("annotation_id" in record and "annotator" in record)


def is_task(record: Mapping[str, Any]) -> bool:
    """Whether a record is a task with everything, as tasks to import and exports in JSON are."""
    return isinstance(record.get("data"), dict)


def answers(record: Mapping[str, Any]) -> Iterator[Answer | NoAnswer]:
    """The answers in a record of an export, in the order in which they were last changed.

    Predictions are no answers. A task without annotations has none.

    Raises:
        ChatdescError: the record is damaged.
    """
    data = record["data"] if is_task(record) else record
    given = list(_annotations(record))
    for annotation in sorted(given, key=_time):
        yield Answer(
            tool=TOOL,
            key=case_key(data),
            seen=word(data.get("seen")),
            texts=(word(data.get("manual_text")), word(data.get("refined_text"))),
            annotator=_annotator(annotation.get("completed_by", annotation.get("annotator"))),
            made=f"{annotation.get('annotation_id', annotation.get('id'))}, {_time(annotation)}",
            at=_time(annotation),
            skipped=bool(annotation.get("was_cancelled") or annotation.get("skipped")),
            said=_results(annotation) if is_task(record) else _minimal(annotation),
        )
    if record.get("drafts") and not given:
        yield NoAnswer(case_key(data), "a draft that was not submitted")


def _annotations(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The annotations of a task; a record of JSON-MIN is one, or a task that has none."""
    if not is_task(record):
        yield from [record] if record["annotation_id"] is not None else []
        return
    given = record.get("annotations", record.get("completions")) or []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ChatdescError("its annotations are no list of objects")
    yield from given


def _time(annotation: Mapping[str, Any]) -> str:
    return word(annotation.get("updated_at") or annotation.get("created_at"))


def _annotator(by: Any) -> str:
    """The e-mail, the name or the number of whoever annotated."""
    if not isinstance(by, dict):
        return word(by)
    name = " ".join(word(by[part]) for part in ("first_name", "last_name") if by.get(part))
    return word(by.get("email")) or name or word(by.get("username") or by.get("id"))


def _results(annotation: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The values given to each question."""
    given = annotation.get("result") or []
    if not isinstance(given, list) or not all(isinstance(each, dict) for each in given):
        raise ChatdescError("an annotation's result is no list of objects")
    return {
        name: tuple(text for each in given if each.get("from_name") == name for text in _strings(each.get("value")))
        for name in QUESTIONS
    }


def _minimal(record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The same from JSON-MIN: a value alone, or a list, or an object of values."""
    return {name: tuple(_strings(record.get(name))) for name in QUESTIONS}


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = value.get("choices", value.get("text"))
    return [text for each in value for text in _strings(each)] if isinstance(value, list) else []
