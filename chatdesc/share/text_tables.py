"""Texts of all rows in one file: JSON, JSON Lines, CSV.

>>> from chatdesc.rows.schema import empty_row
>>> texts = JsonTexts()
>>> texts.add(empty_row() | {"sequence": "bus-2", "text": "a red bus, far away"})
True
>>> print(texts.files()["texts.json"], end="")
{
 "bus-2": [
  "a red bus, far away"
 ]
}

Texts are unchanged, but for two things: what is no Unicode is escaped (a question mark in CSV), and a CSV cell that a
spreadsheet would take for a formula has an apostrophe before it.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from chatdesc.rows.schema import Row
from chatdesc.share.collect import Content, texts_over_time
from chatdesc.tables import sheet_cell
from chatdesc.types import ChatdescError

FLAT = ("sequence", "dataset", "split", "category", "manual_text", "text", "text_source", "scope", "status")


class JsonTexts:
    """``{sequence: [texts]}``, a text per range; sequences without a text are left out."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}

    def add(self, row: Row) -> bool:
        """Take a row; False where it has no text.

        Raises:
            ChatdescError: another row has another text for the sequence.
        """
        texts = [text for _, text in texts_over_time(row)]
        if texts and self._texts.setdefault(row["sequence"], texts) != texts:
            raise ChatdescError(f"{row['sequence']}: two rows have another text for it; choose one --split or --config")
        return bool(texts)

    def files(self) -> dict[str, Content]:
        """``texts.json``."""
        return {"texts.json": as_json(self._texts, indent=1) + "\n"} if self._texts else {}


class JsonLines:
    """One JSON object per row, also for rows without a text."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, row: Row) -> bool:
        """Take a row."""
        ranges = [{key: part.get(key) for key in ("start", "stop", "text")} for part in row.get("ranges") or []]
        self._lines.append(as_json({name: row.get(name) for name in FLAT} | {"ranges": ranges}) + "\n")
        return True

    def files(self) -> dict[str, Content]:
        """``texts.jsonl``."""
        return {"texts.jsonl": "".join(self._lines)} if self._lines else {}


class CsvTable:
    """One line per row, also for rows without a text."""

    def __init__(self) -> None:
        self._out = io.StringIO(newline="")
        self._rows = 0

    def add(self, row: Row) -> bool:
        """Take a row."""
        line = io.StringIO(newline="")
        csv.writer(line).writerow([sheet_cell(row.get(name)) for name in FLAT])  # with \r\n it quotes either in a text
        self._out.write(line.getvalue().removesuffix("\r\n") + "\n")
        self._rows += 1
        return True

    def files(self) -> dict[str, Content]:
        """``texts.csv``."""
        whole = ",".join(FLAT) + "\n" + self._out.getvalue()
        return {"texts.csv": whole.encode("utf-8", "replace")} if self._rows else {}


def as_json(value: Any, indent: int | None = None) -> str:
    """JSON with readable characters, or with escapes where some are no Unicode."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text if _is_unicode(text) else json.dumps(value, indent=indent)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
