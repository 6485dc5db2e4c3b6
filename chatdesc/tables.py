"""Tables: rows for a terminal (at most 80 columns where that is possible), as CSV, as Markdown and as data frames.

>>> print(markdown_line(["encoder", "24.12"]), end="")
| encoder | 24.12 |
>>> plain(24.123), plain(None), percent(0.5), plain(("a note", "another"))
('24.12', '-', '50.00', 'a note; another')
"""

from __future__ import annotations

import csv
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from chatdesc.atomic import make_folder, put_in_place, remove_leftovers, synced, temporary_beside, writing
from chatdesc.text import printable

if TYPE_CHECKING:
    import pandas
    import polars
    from rich.table import Table

Record = dict[str, Any]  # a row of a table: column -> str, number, None, or a tuple of notes
Cell = Callable[[Any], str]
Progress = Callable[[int, int, str], None]
"""Called with (items done, items in total, a note) as work goes on."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # how a cell begins that a spreadsheet computes
NAME_WIDTH = 8  # characters that a name keeps at least where a table is too wide


def show(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals; ``-`` for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def digits_for(value: float, least: int = 2) -> int:
    """Decimals that show a value with two digits: at least ``least``, at most four.

    >>> digits_for(0.38, 1), digits_for(0.0123), digits_for(12.3, 1)
    (2, 3, 1)
    """
    return min(max(1 - math.floor(math.log10(abs(value))), least), 4) if value else least


def plain(value: Any) -> str:
    """A cell for people: numbers with two decimals, ``-`` for None, notes joined with ``; ``."""
    return show(value) if isinstance(value, float) or value is None else str(_joined(value))


def percent(value: Any) -> str:
    """A cell for people in which a float is a share: in per cent, ``-`` for None; other values as in ``plain``."""
    return f"{100 * value:.2f}" if isinstance(value, float) else plain(value)


def _joined(value: Any) -> Any:
    """Notes as one text; other values as they are."""
    return "; ".join(value) if isinstance(value, tuple) else value


class Tabular(ABC):
    """A result that is a table as well: ``records`` gives its rows."""

    __slots__ = ()

    @abstractmethod
    def records(self) -> list[Record]:
        """The table's rows, with equal keys; shares are fractions, nothing is rounded."""

    def table(self) -> polars.DataFrame:
        """The table as a polars frame; notes are lists of text."""
        import polars

        return polars.DataFrame(_frame_rows(self.records()), infer_schema_length=None)

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a pandas frame; notes are lists of text."""
        import pandas

        return pandas.DataFrame(_frame_rows(self.records()))


def _frame_rows(rows: list[Record]) -> list[Record]:
    return [{key: list(v) if isinstance(v, tuple) else v for key, v in row.items()} for row in rows]


def cell(text: str) -> str:
    """A text as it is for a cell or title of a terminal table: no markup, no control characters."""
    from rich.markup import escape

    return escape(printable(text))


def plain_table(rows: list[Record], title: str = "", width: int | None = None) -> Table:
    """Dicts with equal keys as a terminal table; with the terminal's width, cells wrap between words."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(title=cell(title) or None, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0), box=SIMPLE)
    columns = [[key, *(plain(row[key]) for row in rows)] for key in (rows[0] if rows else [])]
    widths = [None] * len(columns) if width is None else _widths(columns, width - 2 * len(columns))
    for place, (cells, room) in enumerate(zip(columns, widths, strict=True)):
        table.add_column(cells[0], justify="left" if place < 2 else "right", overflow="fold", width=room)
    for row in rows:
        table.add_row(*(cell(plain(v)) for v in row.values()))
    return table


def _widths(columns: list[list[str]], room: int) -> list[int]:
    """Characters per column: cells of several words wrap first; names, in the first column, are broken last."""
    widths = [max(map(len, cells)) for cells in columns]
    least = [max(len(word) for cell in cells for word in cell.split()) for cells in columns]
    slack = [wide - narrow for wide, narrow in zip(widths, least, strict=True)]
    for _ in range(min(sum(widths) - room, sum(slack))):
        most = max(range(len(slack)), key=slack.__getitem__)
        slack[most], widths[most] = slack[most] - 1, widths[most] - 1
    if widths:
        widths[0] = max(min(NAME_WIDTH, widths[0]), widths[0] - max(0, sum(widths) - room))
    return widths


def markdown_line(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def write_table(rows: list[Record], folder: Path, stem: str, cell: Cell = plain) -> list[Path]:
    """Write ``stem.csv`` (every digit) and ``stem.md`` (cells by ``cell``); without rows neither is written.

    Raises:
        ChatdescError: the folder cannot be made, or a file cannot be written.
    """
    with Tables(folder) as tables:
        tables.add(stem, rows, cell)
    return tables.paths


def sheet_cell(value: Any) -> Any:
    """A value for a CSV file: a text that a spreadsheet would take for a formula has an apostrophe in front.

    >>> sheet_cell("=1+1"), sheet_cell("-0.5"), sheet_cell(-0.5), sheet_cell("-"), sheet_cell("a kite")
    ("'=1+1", '-0.5', -0.5, '-', 'a kite')
    """
    if not isinstance(value, str) or len(value) < 2 or not value.startswith(FORMULA):  # a dash stands for nothing
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


class Tables:
    """``STEM.csv`` with every digit and ``STEM.md`` with rounded cells, for each stem; they appear when all is done.

    Rows are written as they come, so memory does not grow with their number. ``paths`` lists the files. In the CSV
    files, texts are as ``sheet_cell`` makes them.

    Raises:
        ChatdescError: the folder cannot be made, or a file cannot be written.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.paths = folder, list[Path]()
        self._stack = ExitStack()
        self._open: dict[str, tuple[csv.DictWriter[str], TextIO]] = {}
        self._written: dict[Path, tuple[Path, TextIO]] = {}

    def __enter__(self) -> Tables:
        make_folder(self.folder)
        if self.folder is not None:
            remove_leftovers([self.folder])
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            with writing(self.folder or Path()):
                for _temporary, file in self._written.values() if kind is None else ():
                    synced(file)
                self._stack.close()
                for path, (temporary, _file) in self._written.items() if kind is None else ():
                    put_in_place(temporary, path)
        finally:
            for temporary, _file in self._written.values():
                temporary.unlink(missing_ok=True)

    def add(self, stem: str, rows: list[Record], cell: Cell = percent) -> None:
        """More rows of a table, whose Markdown cells ``cell`` makes; without a folder they go nowhere."""
        if self.folder is None or not rows:
            return
        with writing(self.folder):
            if stem not in self._open:
                self._open[stem] = self._begin(self.folder, stem, list(rows[0]))
            sheet, text = self._open[stem]
            sheet.writerows({k: sheet_cell(_joined(v)) for k, v in row.items()} for row in rows)
            text.writelines(markdown_line(map(cell, row.values())) for row in rows)

    def _begin(self, folder: Path, stem: str, columns: list[str]) -> tuple[csv.DictWriter[str], TextIO]:
        paths = [folder / f"{stem}.csv", folder / f"{stem}.md"]
        self.paths += paths
        out, text = map(self._begun, paths)
        sheet = csv.DictWriter(out, columns)
        sheet.writerow({column: sheet_cell(column) for column in columns})
        text.writelines(map(markdown_line, (columns, ["---"] * len(columns))))
        return sheet, text

    def _begun(self, path: Path) -> TextIO:
        temporary = temporary_beside(path)
        file = self._stack.enter_context(temporary.open("x", newline="", encoding="utf-8", errors="backslashreplace"))
        self._written[path] = temporary, file
        return file
