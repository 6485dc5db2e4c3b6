"""Tables for a terminal (at most 80 columns where that is possible), as CSV and as Markdown.

>>> write_table([{"encoder": "clip", "cosine": 24.123}], Path("scores"), "alignment")   # doctest: +SKIP
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from chatdesc.atomic import make_folder, writing

if TYPE_CHECKING:
    import pandas
    import polars
    from rich.table import Table

Record = dict[str, Any]


NAME_WIDTH = 8  # what is left of a name, at least, where a table is too wide


def show(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def plain_table(rows: list[Record], title: str = "", width: int | None = None) -> Table:
    """Dicts with equal keys as a terminal table; with the terminal's width, cells wrap between words."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0), box=SIMPLE)
    columns = [[key, *(_cell(row[key]) for row in rows)] for key in (rows[0] if rows else [])]
    widths = [None] * len(columns) if width is None else _widths(columns, width - 2 * len(columns))
    for place, (cells, room) in enumerate(zip(columns, widths, strict=True)):
        table.add_column(cells[0], justify="left" if place < 2 else "right", overflow="fold", width=room)
    for row in rows:
        table.add_row(*(escape(_cell(v)) for v in row.values()))
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


def write_table(rows: list[Record], folder: Path, stem: str, rounded: Callable[[Any], str] | None = None) -> list[Path]:
    """``stem.csv`` (every digit) and ``stem.md`` (rounded) in a folder."""
    cell = rounded or _cell
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(rows[0]) if rows else []
    with (folder / f"{stem}.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(rows)
    lines = [columns, ["---"] * len(columns), *([cell(v) for v in row.values()] for row in rows)]
    text = "".join(map(markdown_line, lines))
    (folder / f"{stem}.md").write_text(text, encoding="utf-8")
    return [folder / f"{stem}.csv", folder / f"{stem}.md"]


def _cell(value: Any) -> str:
    return show(value) if isinstance(value, float) or value is None else str(value)


class Tables:
    """``STEM.csv`` with every digit and ``STEM.md`` in per cent, for each stem; they appear when all is done."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.paths = folder, list[Path]()
        self._stack, self._open = ExitStack(), dict[str, tuple[Any, TextIO]]()

    def __enter__(self) -> Tables:
        make_folder(self.folder)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        written = {path: path.with_name(path.name + ".tmp") for path in self.paths}
        try:
            with writing(self.folder or Path()):
                self._stack.close()
                for path, whole in written.items() if kind is None else ():
                    whole.replace(path)
        finally:
            for rest in written.values():
                rest.unlink(missing_ok=True)

    def add(self, stem: str, rows: list[Record]) -> None:
        """More rows of a table; without a folder they go nowhere."""
        if self.folder is None or not rows:
            return
        with writing(self.folder):
            if stem not in self._open:
                self._open[stem] = self._begin(self.folder, stem, list(rows[0]))
            table, text = self._open[stem]
            table.writerows(rows)
            text.writelines(markdown_line(map(percent, row.values())) for row in rows)

    def _begin(self, folder: Path, stem: str, columns: list[str]) -> tuple[Any, TextIO]:
        paths = [folder / f"{stem}.csv", folder / f"{stem}.md"]
        self.paths += paths
        sheet, text = (
            self._stack.enter_context(p.with_name(p.name + ".tmp").open("w", newline="", encoding="utf-8"))
            for p in paths
        )
        table = csv.DictWriter(sheet, columns)
        table.writeheader()
        text.writelines(map(markdown_line, (columns, ["---"] * len(columns))))
        return table, text


def percent(value: Any) -> str:
    """A share as a table shows it: in per cent, ``-`` where there is none; other values as they are."""
    return "-" if value is None else f"{100 * value:.2f}" if isinstance(value, float) else str(value)


Progress = Callable[[int, int, str], None]
"""Called with (items done, items in total, a note) as work goes on."""


class Tabular:
    """A result that is a table as well: ``records`` gives its rows."""

    __slots__ = ()

    def records(self) -> list[Record]:
        """The table's rows, with equal keys."""
        raise NotImplementedError

    def table(self) -> polars.DataFrame:
        """The table as a polars frame."""
        import polars

        return polars.DataFrame(self.records(), infer_schema_length=None)

    def to_pandas(self) -> pandas.DataFrame:
        """The table as a pandas frame."""
        import pandas

        return pandas.DataFrame(self.records())
