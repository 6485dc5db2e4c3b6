"""Texts from tables: CSV, JSON lines, and JSON lists of objects, which name a sequence each.

>>> table = "sequence,frame,text\\nbus-2,0,a bus\\nbus-2,50,the bus\\n"
>>> [(phrase.start, phrase.text) for phrase in of_csv(table, "mine.csv").texts["bus-2"].phrases]
[(0, 'a bus'), (50, 'the bus')]
>>> line = '{"sequence": "bus-2", "text": "a bus", "manual_text": "bus"}'
>>> of_lines(line, "mine.jsonl", "manual").texts["bus-2"].candidates
('bus',)
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatdesc.names import counted, some
from chatdesc.stages.describe import parse_answer
from chatdesc.tables import sheet_cell
from chatdesc.texts.files import json_value
from chatdesc.texts.mappings import frame_number, said_of
from chatdesc.texts.of_rows import Words
from chatdesc.texts.said import Said, SequenceTexts, texts_of
from chatdesc.types import ChatdescError, UnreadableAnswer

SEQUENCE = ("sequence", "seq_name", "seq", "video", "name")
TEXT = ("text", "description", "caption", "sentence", "language", "raw")
ANSWER = ("output", "answer", "response")  # of a model, with what surrounds its text
FRAME = ("frame", "start", "frame_id")
MANUAL, RANGES = "manual_text", "ranges"
WITH_TEXTS = frozenset({*TEXT, *ANSWER, MANUAL, RANGES})
EXAMPLE = "sequence,text or sequence,frame,text"
ANSWER_WORDS = 200

Record = Mapping[str, Any]


@dataclass(slots=True)
class _Sequence:
    """Texts of one sequence so far: for the whole video, and by frame; never both."""

    whole: list[str] = field(default_factory=list)
    timed: dict[int, str] = field(default_factory=dict)

    def refuse_both(self, name: str, at: str) -> None:
        if self.whole and self.timed:
            raise ChatdescError(f"{at}: {name!r} has texts with and without a frame; give all of them one")

    def texts(self) -> SequenceTexts | None:
        return texts_of(self.timed or self.whole)


def of_csv(content: str, where: str, words: Words = "refined", delimiter: str = ",") -> Said:
    """The texts of a CSV file whose first line names the columns.

    Raises:
        ChatdescError: a column is missing, a line has too many fields, or as ``of_records``.
    """
    table = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    records = []
    try:
        head = [name.strip() for name in next(table, [])]
        if len(set(head)) < len(head):
            raise ChatdescError(f"{where}, line 1: two columns have one name")
        for cells in table:
            at = f"{where}, line {table.line_num}"
            if any(cells):
                records.append((at, _record(head, cells, at)))
    except csv.Error as error:
        raise ChatdescError(f"{where}, line {table.line_num}: is no CSV ({error}); correct it") from None
    has = f", but {some(head, 4)}"
    if records and not set(head) & {*SEQUENCE}:
        other = ", but ';' stands in it: separate columns by commas" if any(";" in name for name in head) else ""
        raise ChatdescError(f"{where}, line 1: names no column 'sequence'{other or has}; the first line is {EXAMPLE}")
    if records and not set(head) & WITH_TEXTS:
        raise ChatdescError(f"{where}, line 1: names no column 'text'{has}; the first line is {EXAMPLE}")
    return of_records(records, where, words)


def _record(head: list[str], cells: list[str], at: str) -> Record:
    if len(cells) != len(head):
        raise ChatdescError(
            f"{at}: has {counted(len(cells), 'field')}, and line 1 names {len(head)}; put texts with commas into quotes"
        )
    filled = {name: _text_of_cell(cell) for name, cell in zip(head, cells, strict=True) if cell}
    return dict.fromkeys(name for name in (TEXT[0], MANUAL) if name in head) | filled  # a row may lack either text


def _text_of_cell(cell: str) -> str:
    """A cell without the apostrophe that ``sheet_cell`` puts before a formula."""
    return cell[1:] if cell.startswith("'") and sheet_cell(cell[1:]) == cell else cell


def of_lines(content: str, where: str, words: Words = "refined") -> Said:
    """The texts of JSON lines.

    Raises:
        ChatdescError: a line is no JSON object, or as ``of_records``.
    """
    lines = [(number, line) for number, line in enumerate(content.split("\n"), 1) if line.strip()]
    values = [(f"{where}, line {number}", json_value(line, where, number)) for number, line in lines]
    return of_records(values, where, words)


def of_list(content: list[Any], where: str, words: Words = "refined") -> Said:
    """The texts of a JSON list of objects; raises as ``of_records``."""
    return of_records([(f"{where}, entry {number}", value) for number, value in enumerate(content, 1)], where, words)


def of_records(records: Iterable[tuple[str, Any]], where: str, words: Words = "refined") -> Said:
    """The texts of records, each with its place for messages: one text per record, or a row's ranges.

    Several records of a sequence are its texts over time where they have a frame, and else several texts of it.

    Raises:
        ChatdescError: a record names no sequence or has no column for a text, or a frame has two texts.
    """
    found: dict[str, _Sequence] = {}
    unread: list[str] = []
    known: set[str] = set()
    for at, record in records:
        if not isinstance(record, dict):
            raise ChatdescError(f"{at}: is no object with a sequence and a text")
        name = _name(record, at)
        sequence = found.setdefault(name, _Sequence())
        try:
            _add(sequence, record, words, at)
        except UnreadableAnswer:
            unread.append(name)
        sequence.refuse_both(name, at)
        known |= record.keys() & WITH_TEXTS
    if not found:
        raise ChatdescError(f"{where}: is empty")
    if not known:
        raise ChatdescError(f"{where}: no record has a text; add it under 'text'")
    said = said_of({name: sequence.texts() for name, sequence in found.items()})
    note = f"{counted(len(unread), 'answer')} without a text: {some(unread, 3)}"
    return Said(said.texts, (*said.notes, note)) if unread else said


def _name(record: Record, at: str) -> str:
    key = _key(record, SEQUENCE, at)
    name = record.get(key) if key else None
    if isinstance(name, str) and name.strip():
        return name
    if "images" in record and "output" in record:
        raise ChatdescError(
            f"{at}: names no sequence: it is an example for training, with frames of its own ({_first(record)}); "
            'add "sequence" (and "frame") to each entry, and the text is read out of "output"'
        )
    raise ChatdescError(f"{at}: names no sequence; add it under 'sequence'")


def _first(record: Record) -> str:
    images = record["images"]
    first = images[0] if isinstance(images, list) and images else images
    return "/".join(str(first).split("/")[-3:])[:60]


def _add(sequence: _Sequence, record: Record, words: Words, at: str) -> None:
    if words == "manual":
        if MANUAL not in record:
            raise ChatdescError(f"{at}: has no {MANUAL!r}; leave #manual out for the other texts")
        sequence.whole.extend(_texts(record[MANUAL], at))
        return
    if ranges := record.get(RANGES):
        _add_ranges(sequence, ranges, at)
        return
    texts = _said(record, at)
    frame = _key(record, FRAME, at)
    if frame is None or record[frame] is None:
        sequence.whole.extend(texts)
    elif texts:
        _add_at(sequence, frame_number(record[frame], at), texts[0], at)


def _add_ranges(sequence: _Sequence, ranges: Any, at: str) -> None:
    for part in ranges if isinstance(ranges, list) else [None]:
        if not isinstance(part, dict) or "start" not in part:
            raise ChatdescError(f"{at}: 'ranges' is no list of objects with 'start' and 'text'")
        for text in _texts(part.get("text"), at):
            _add_at(sequence, frame_number(part["start"], at), text, at)


def _add_at(sequence: _Sequence, frame: int, text: str, at: str) -> None:
    if sequence.timed.setdefault(frame, text) != text:
        raise ChatdescError(f"{at}: another text for frame {frame} than before; keep one of them")


def _said(record: Record, at: str) -> list[str]:
    if key := _key(record, TEXT, at):
        return _texts(record[key], at)
    if key := _key(record, ANSWER, at):
        return [parse_answer(text, ANSWER_WORDS).text for text in _texts(record[key], at)]
    if MANUAL in record:
        raise ChatdescError(f"{at}: has a {MANUAL!r} and no 'text'; SOURCE#manual takes it")
    return []


def _texts(value: Any, at: str) -> list[str]:
    texts = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(text, str) for text in texts):
        raise ChatdescError(f"{at}: has something else than a text where a text belongs")
    return [text for text in texts if text.strip()]


def _key(record: Record, names: tuple[str, ...], at: str) -> str | None:
    """The first of ``names`` if the record has it, else the only other one."""
    if names[0] in record:
        return names[0]
    present = [name for name in names if name in record]
    if len(present) > 1:
        raise ChatdescError(f"{at}: has {' and '.join(present)}; call the one that is meant {names[0]!r}")
    return present[0] if present else None
