"""Hostile rows between sound ones, given to every export layout and written as a dataset.

Wrong: a file outside the target folder; files although the export was refused; a refusal that blames the disk; after an
export that is done, the text of a sound row is not where a reader of the layout finds it; a refused row that cannot be
left out, so that it blocks the sound ones; a cell of CSV that a spreadsheet takes for a formula; a second export of the
same rows that finds other texts.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

from pyarrow import parquet

from chatdesc.rows.schema import empty_row
from chatdesc.share import export as exporting
from chatdesc.share.dataset import write_dataset
from chatdesc.types import ChatdescError
from tests.fuzz.command import crashed
from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.scene import first, fresh, published
from tests.standins import readers
from tests.standins.hostile_values import ROWS, sound

LAYOUTS = (*exporting.layouts(), "dataset")
FIGURES, NUMBER = "hostile rows x layouts", len(ROWS) * len(LAYOUTS)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All pairs of a row and a layout, in an order that the seed decides; at most ``tries``."""
    pairs = drawn([(name, layout) for name in ROWS for layout in LAYOUTS], seed, tries)
    outcome = Outcome()
    for name, layout in pairs:
        _one(outcome, name, layout)
    return outcome


def _one(outcome: Outcome, name: str, layout: str) -> None:
    folder, (before, after) = fresh(), sound()
    to = folder / "a" / "b" / "to"
    rows = [before, empty_row() | before | ROWS[name], after]
    try:
        _write(rows, to, layout)
    except ChatdescError as error:
        left = [path.name for path in to.rglob("*") if path.is_file()]
        wrong = f"refused ({str(error)[:60]}) with {left[:3]} written" if left else _without(rows, to, layout)
        crash = "" if len(str(error)) < 2000 else "a message of more than 2000 characters"
    except OSError as error:
        wrong, crash = f"a fault of the row is told as one of the machine: {crashed(error)}", ""
    except Exception as error:
        wrong, crash = "", crashed(error)
    else:
        wrong, crash = first((_missing(to, layout, (before, after)), _formula(to) if layout == "csv" else "")), ""
    outside = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and to not in path.parents]
    outcome.add(f"{name}, {layout}", f"outside: {outside}" if outside else wrong, crash)


def _without(rows: list[dict], to: Path, layout: str) -> str:
    """Whether a row that is refused blocks the others though it is to be left out."""
    try:
        _write(rows, to, layout)
    except ChatdescError as error:
        return f"blocks the sound rows: {str(error)[:100]}"
    return _missing(to, layout, (rows[0], rows[-1]))


def _write(rows: list[dict], to: Path, layout: str) -> None:
    if layout == "dataset":
        write_dataset(rows, to, dataset="lasot")
        return
    exporting.export(rows, to, layout)
    if exporting.export(rows, to, layout).written:
        raise AssertionError("a second export of the same rows finds other texts")


def _missing(to: Path, layout: str, rows: tuple[dict, ...]) -> str:
    """The sound rows whose text a reader of the layout does not find."""
    gone = [row["sequence"] for row in rows if row["text"] not in _read(to, layout, row["sequence"])]
    return f"the text of {', '.join(gone)} is not there" if gone else ""


def _read(to: Path, layout: str, name: str) -> list[str]:
    if layout == "dataset":
        return [row["text"] for row in published(to).values() if row["sequence"] == name]
    if layout == "json":
        return json.loads((to / "texts.json").read_text(encoding="utf-8"))[name]
    if layout == "jsonl":
        rows = map(json.loads, (to / "texts.jsonl").read_text(encoding="utf-8").strip().split("\n"))
        return [row["text"] for row in rows if row["sequence"] == name]
    if layout == "csv":
        with (to / "texts.csv").open(newline="", encoding="utf-8") as file:
            return [row["text"] for row in csv.DictReader(file) if row["sequence"] == name]
    if layout == "dtvlt":
        return [text for file in to.rglob(f"{name}.txt") for _, text in readers.dtvlt(file)]
    if layout == "dpu-vlt":
        return [text for file in to.rglob("*.json") for text in _texts(json.loads(file.read_text(encoding="utf-8")))]
    if layout == "lerobot":
        tables = (parquet.read_table(file).to_pylist() for file in to.rglob("*.parquet"))
        return [text for table in tables for text in _texts(table)]
    if layout == "vots":
        return readers.vots_prompts(readers.vots(to / name / "sequence"))
    pattern = f"{name}.txt" if layout == "otb-lang" else f"{name}/*.txt"
    return [file.read_text(encoding="utf-8") for file in to.rglob(pattern)]


def _texts(value: object) -> list[str]:
    """All texts within JSON values."""
    if isinstance(value, dict | list):
        return [text for part in (value.values() if isinstance(value, dict) else value) for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def _formula(to: Path) -> str:
    with (to / "texts.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    found = [cell for cell in cells if cell.startswith(FORMULA)]
    return f"a formula: {found[0][:30]!r}" if found else ""
