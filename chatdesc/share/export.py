"""Texts written where trackers read them, from rows alone: the source dataset is not needed.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> rows = [empty_row() | {"sequence": "bus-2", "text": "a red bus, far away"}]
>>> to = Path(mkdtemp())
>>> export(rows, to, "lasot").written
('bus/bus-2/nlp.txt',)
>>> (to / "bus/bus-2/nlp.txt").read_text()
'a red bus far away'

Texts are as the loaders' ``write_back`` makes them: one line, no comma, no ``#``; a file that exists keeps its line
ending, a new one has none. ``json``, ``jsonl``, ``csv`` and ``lerobot`` hold the texts unchanged, but
for an apostrophe in the CSV before a text that a spreadsheet would take for a formula.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chatdesc.atomic import keep_original, refuse_odd_original, remove_leftovers, write_atomic
from chatdesc.names import counted, near, some
from chatdesc.rows.check import wrong_column
from chatdesc.rows.schema import Row, lacks_text
from chatdesc.share.collect import Collector, Content, RowRefused, refuse_place
from chatdesc.share.dpu_vlt import DpuVlt
from chatdesc.share.layouts import LAYOUTS, TextPerSequence
from chatdesc.share.lerobot import LeRobot
from chatdesc.share.text_tables import FLAT, CsvTable, JsonLines, JsonTexts
from chatdesc.types import ChatdescError, one_line

COLUMNS = (*FLAT, "ranges", "frames", "provenance")  # the columns that every export reads
OF_FRAMES = ("num_frames", "boxes", "visible", "background")  # those that some need beside
TABLES: dict[str, Callable[[], Collector]] = {"json": JsonTexts, "jsonl": JsonLines, "csv": CsvTable}
KEPT = frozenset({"dpu-vlt"})  # others publish files of these names
DATASETS: dict[str, Callable[[], Collector]] = {"dpu-vlt": DpuVlt, "lerobot": LeRobot}


@dataclass(frozen=True, slots=True)
class Exported:
    """The files written; paths are relative to the target folder.

    Attributes:
        written: the files that are new or have another text now.
        same: the number of files that had the same text before.
        skipped: the number of rows without a text.
        failed: the sequences among them whose text failed, so that ``annotate`` would try again.
        kept: copies of originals, ``.orig`` beside the new texts.
        refused: a message for every row that the layout cannot hold.
    """

    written: tuple[str, ...]
    same: int = 0
    skipped: int = 0
    kept: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def layouts() -> tuple[str, ...]:
    """The names of all layouts."""
    return (*LAYOUTS, *DATASETS, *TABLES)


def columns_of(layout: str) -> tuple[str, ...]:
    """The columns that a layout reads."""
    return (*COLUMNS, *OF_FRAMES) if layout in DATASETS else COLUMNS


def export(rows: Iterable[Row], to: Path, layout: str, overwrite: bool = False) -> Exported:
    """Write the texts of ``rows`` below ``to``, in one of ``layouts()``.

    Rows that the layout cannot hold are left out: one bad row does not block the others.

    Args:
        overwrite: replace other texts.

    Raises:
        ChatdescError: an unknown layout, no row or no text, only rows that are refused (it names and counts them), a
            sequence that comes twice, or (without ``overwrite``) a file with another text.
    """
    if layout not in layouts():
        raise ChatdescError(f"there is no layout {layout!r} among {', '.join(layouts())}{near(layout, layouts())}")
    if to.exists() and not to.is_dir():
        raise ChatdescError(f"{to}: is a file; name a folder")
    collector = TextPerSequence(to, LAYOUTS[layout]) if layout in LAYOUTS else (DATASETS | TABLES)[layout]()
    failed: list[str] = []
    skipped, refused = _collect(noting_failed(rows, failed), collector, columns_of(layout))
    files = collector.files()
    if not files:
        raise ChatdescError(_about(refused) if refused else _about_nothing(skipped))
    keeps_originals = LAYOUTS[layout].keeps_originals if layout in LAYOUTS else layout in KEPT
    differing = _differing(files, to, overwrite, keeps_originals)
    kept = _write(differing, to, keeps_originals)
    return Exported(tuple(differing), len(files) - len(differing), skipped, kept, tuple(refused), tuple(failed))


def noting_failed(rows: Iterable[Row], failed: list[str]) -> Iterator[Row]:
    """The rows; the names of those that a failure has left without a text are added to ``failed``."""
    for row in rows:
        if lacks_text(row):
            failed.append(str(row.get("sequence")))
        yield row


def _collect(rows: Iterable[Row], collector: Collector, columns: Iterable[str]) -> tuple[int, list[str]]:
    """Give the rows to the collector: the number of those without a text, and why others were refused."""
    skipped, refused = 0, []
    for row in rows:
        try:
            if wrong := wrong_column(row, columns):
                raise RowRefused(f"its column {wrong} has a value of another type")
            skipped += not collector.add(row)
        except RowRefused as error:
            refused.append(f"{one_line(str(row.get('sequence')))[:80]}: {error}")
    return skipped, refused


def _about(refused: list[str]) -> str:
    return f"{counted(len(refused), 'row is', 'rows are')} refused ({some(refused, 3)})"


def _about_nothing(skipped: int) -> str:
    return "no row has a text" if skipped else "there is no row to export"


def _differing(files: dict[str, Content], to: Path, overwrite: bool, keeps_originals: bool) -> dict[str, bytes]:
    """The files that ``to`` does not have with this content.

    Raises:
        ChatdescError: a place cannot hold a file, or another text would be lost.
    """
    for path in files:
        refuse_place(to, path)
        if keeps_originals:
            refuse_odd_original(to / path)
    contents = {p: c if isinstance(c, bytes) else c.encode("utf-8", "surrogateescape") for p, c in files.items()}
    differing = {path: data for path, data in contents.items() if _differs(to / path, data)}
    existing = [path for path in differing if (to / path).exists()]
    if existing and not overwrite:
        raise ChatdescError(
            f"{to} has other texts already ({some(existing, 3)}); nothing was written. "
            "Choose another --to, or replace them with --overwrite"
        )
    return differing


def _differs(file: Path, data: bytes) -> bool:
    return not file.is_file() or file.read_bytes() != data


def _write(files: dict[str, bytes], to: Path, keeps_originals: bool) -> tuple[str, ...]:
    """Write the files; the copies of originals that were made first."""
    remove_leftovers({(to / path).parent for path in files})
    kept = [path for path in files if keeps_originals and keep_original(to / path)]
    for path, data in files.items():
        write_atomic(to / path, data)
    return tuple(f"{path}.orig" for path in kept)
