"""Files that Label Studio and Argilla export, as answers.

JSON (a list of records, one record, or Argilla's columns and index) and JSON Lines.

>>> from tempfile import mkdtemp
>>> file = Path(mkdtemp()) / "answers.json"
>>> _ = file.write_text('{"id": ["r"], "sequence": ["kite-1"], "verdict.responses": [["edit"]]}')
>>> [record["sequence"] for record in records(file)]
['kite-1']
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chatdesc.decisions import argilla_answers, label_studio_answers
from chatdesc.decisions.answer import Answer, NoAnswer
from chatdesc.types import ChatdescError, one_line

Record = dict[str, Any]
KNOWN = "an export of Label Studio (JSON or JSON-MIN) or records of Argilla (JSON or JSON Lines)"
ADVICE = "export it again"


def read_answers(file: Path) -> Iterator[Answer | NoAnswer]:
    """The answers in a file, in its order.

    Raises:
        ChatdescError: the file is damaged or of another kind; the message names it, the record and the remedy.
    """
    for number, record in enumerate(records(file), 1):
        try:
            yield from _reader(record).answers(record)
        except ChatdescError as error:
            raise ChatdescError(f"{file}: record {number}: {error}; {ADVICE}") from error


def records(file: Path) -> list[Record]:
    """The records of a file, however they are laid out.

    Raises:
        ChatdescError: it is no JSON, or holds no records.
    """
    parsed = _parsed(file)
    if isinstance(parsed, dict) and not _is_record(parsed):
        parsed = _unfolded(parsed)
    whole = parsed if isinstance(parsed, list) else [parsed]
    for number, record in enumerate(whole, 1):
        if not isinstance(record, dict) or not _is_record(record):
            raise ChatdescError(f"{file}: record {number} is none of {KNOWN}")
    return whole


def _reader(record: Record) -> Any:
    return label_studio_answers if label_studio_answers.is_export(record) else argilla_answers


def _is_record(record: Record) -> bool:
    if label_studio_answers.is_export(record):
        return True
    return argilla_answers.is_export(record) and not isinstance(record.get("id"), list)


def _unfolded(folded: Record) -> list[Any]:
    """Records from columns (``to_dict``) or from an index by id (``to_dict(orient="index")``)."""
    columns = list(folded.values())
    if columns and all(isinstance(column, list) for column in columns) and len({len(c) for c in columns}) == 1:
        return [dict(zip(folded, values, strict=True)) for values in zip(*columns, strict=True)]
    return columns or [folded]


def _parsed(file: Path) -> Any:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ChatdescError(f"{file}: is no UTF-8 text; choose {KNOWN}") from error
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ChatdescError(f"{file}: is nested too deeply; {ADVICE}") from error
    except ValueError as error:
        lines = text.splitlines() if text.lstrip().startswith("{") else []
        if len(lines) > 1:
            return [_line(file, number, line) for number, line in enumerate(lines, 1) if line.strip()]
        raise ChatdescError(f"{file}: is no JSON ({one_line(str(error))}); choose {KNOWN}") from error


def _line(file: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ChatdescError(f"{file}: line {number} is no JSON ({one_line(str(error))}); {ADVICE}") from error
