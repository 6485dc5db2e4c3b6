"""Texts written where trackers read them, from rows alone: no source dataset is needed.

>>> rows = read_rows("user/lasot-chatdesc", split="test")                                # doctest: +SKIP
>>> export(rows, Path("/data/LaSOT"), "lasot", overwrite=True).written[0]                # doctest: +SKIP
'airplane/airplane-1/nlp.txt'

Texts are as the loaders' ``write_back`` makes them: one line, no comma, no ``#``; a file that is there keeps its line
ending, a new one has none. ``jsonl`` and ``csv`` hold the texts unchanged.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from chatdesc.atomic import write_atomic
from chatdesc.loaders.writeback import layout_path
from chatdesc.rows.schema import Row
from chatdesc.text import clean_for_trackers
from chatdesc.types import ChatdescError

FLAT = ("sequence", "dataset", "split", "category", "manual_text", "text", "text_source", "scope", "status")
COLUMNS = (*FLAT, "ranges", "frames")  # what of a row an export needs
NUMBERED = re.compile(r"(.+)-[0-9]+")
SEPARATORS = re.compile(r'[=;:|"\\]')


@dataclass(frozen=True, slots=True)
class Exported:
    """What was done; paths are relative to the folder written to.

    ``same`` counts files that were there already with the same text, ``skipped`` rows without a text; ``kept`` are the
    originals that stay beside as ``.orig``.
    """

    written: tuple[str, ...]
    same: int = 0
    skipped: int = 0
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """One file per sequence: ``paths`` has its place, and then others where an existing tree may have it."""

    paths: Callable[[Row], list[str]]
    text: Callable[[Row], str]
    keeps_originals: bool = False


def export(rows: Iterable[Row], to: Path, layout: str, overwrite: bool = False) -> Exported:
    """Write the texts of ``rows`` below ``to``, in one of ``LAYOUTS`` or ``TABLES``.

    Nothing is written if any row is refused.

    Raises:
        ChatdescError: an unknown layout, no row or no text, a sequence whose name is no file name or that comes twice,
            or (without ``overwrite``) a file that is there with another text.
    """
    if layout not in (*LAYOUTS, *TABLES):
        raise ChatdescError(f"there is no layout {layout!r}; known are {', '.join((*LAYOUTS, *TABLES))}")
    if to.exists() and not to.is_dir():
        raise ChatdescError(f"{to}: is a file; name a folder")
    if layout in TABLES:
        files, skipped = _table(rows, layout), 0
    else:
        files, skipped = _texts(rows, to, LAYOUTS[layout])
    differing = {path: text for path, text in files.items() if _differs(to / path, text)}
    _refuse_loss(to, differing, overwrite)
    originals = layout in LAYOUTS and LAYOUTS[layout].keeps_originals
    kept = [path for path in differing if originals and _keep_original(to / path)]
    for path, text in differing.items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(to / path, text)
    return Exported(tuple(differing), len(files) - len(differing), skipped, tuple(f"{path}.orig" for path in kept))


def _texts(rows: Iterable[Row], to: Path, layout: Layout) -> tuple[dict[str, str], int]:
    files: dict[str, str] = {}
    skipped = 0
    for row in rows:
        text = layout.text(row)
        if not text:
            skipped += 1
            continue
        path = _place(to, layout.paths(row))
        if files.setdefault(path, text + _ending(to / path)) != text + _ending(to / path):
            raise ChatdescError(f"{path}: two rows have another text for it; choose one --split or --config")
    if not files:
        raise ChatdescError("no row has a text" if skipped else "there is no row to export")
    return files, skipped


def _place(to: Path, paths: list[str]) -> str:
    """The sequence's place: where ``to`` has its folder already, else the layout's own."""
    return next((path for path in paths if "/" in path and (to / path).parent.is_dir()), paths[0])


def _ending(file: Path) -> str:
    """The line ending of a file that is there; none where there is no file."""
    found = re.search(rb"(?:\r\n|\n|\r)?\Z", file.read_bytes()) if file.is_file() else None
    return found[0].decode() if found else ""


def _differs(file: Path, text: str) -> bool:
    return not file.is_file() or file.read_bytes() != text.encode("utf-8", "surrogateescape")


def _refuse_loss(to: Path, paths: Iterable[str], overwrite: bool) -> None:
    for path in paths:
        if (to / path).is_dir():
            raise ChatdescError(f"{to / path}: is a folder; a text belongs there")
    there = [path for path in paths if (to / path).exists()]
    if there and not overwrite:
        more = f" and {len(there) - 3} more" if len(there) > 3 else ""
        raise ChatdescError(
            f"{to} has other texts already ({', '.join(there[:3])}{more}); nothing was written. "
            "Choose another --to, or replace them with --overwrite"
        )


def _keep_original(file: Path) -> bool:
    """Put a dataset's own text beside, unless one is there: the first is the original."""
    beside = file.with_name(file.name + ".orig")
    if not file.exists() or beside.exists():
        return False
    beside.write_bytes(file.read_bytes())
    return True


def _name(value: str) -> str:
    """A sequence or class as a file name.

    Raises:
        ChatdescError: it would lead elsewhere.
    """
    if value in ("", ".", "..") or re.search(r"[/\\\x00-\x1f]|^[A-Za-z]:", value):
        raise ChatdescError(f"{value!r} is no name of a sequence or class: it would be written elsewhere; nothing was")
    return value


def _category(row: Row) -> str:
    """The class folder, as LaSOT names its sequences after it."""
    match = NUMBERED.fullmatch(row["sequence"])
    return match[1] if match else row.get("category") or row["sequence"]


def _lasot_paths(row: Row) -> list[str]:
    name = _name(row["sequence"])
    return [f"{_name(_category(row))}/{name}/nlp.txt", f"{name}/nlp.txt"]


def _tnl2k_paths(row: Row) -> list[str]:
    name, split = _name(row["sequence"]), row.get("split")
    folders = [f"TNL2K_{_name(split)}_subset/{name}", f"{split}/{name}"] if split else []
    return [f"{folder}/language.txt" for folder in [*folders, *_as_published(row), name]]


def _as_published(row: Row) -> list[str]:
    """The sequence's folder in the tree that the row was made from, if its frames say so."""
    frames = row.get("frames") or {}
    first = (frames.get("pattern") or "").replace("%%", "%") or next(iter(frames.get("paths") or []), "")
    folder = PurePosixPath(layout_path(first)).parent.parent
    harmless = not folder.is_absolute() and not {"..", "."} & set(folder.parts) and "\\" not in first
    return [str(folder)] if harmless and folder.name == row["sequence"] else []


def _otb_paths(row: Row) -> list[str]:
    split = row.get("split") if row.get("split") in ("train", "test") else "test"
    return [f"OTB_query_{split}/{_name(row['sequence'])}.txt"]


def _line(row: Row) -> str:
    return clean_for_trackers(row["text"] or "")


def _frame_lines(row: Row) -> str:
    """``<frame> <text>`` for each range of frames (counted from 0), or for frame 0 alone."""
    ranges = row.get("ranges") or [{"start": 0, "text": row["text"]}]
    lines = ((part["start"], clean_for_trackers(part["text"] or "")) for part in ranges)
    return "\n".join(f"{start} {text}" for start, text in lines if text)


def _prompt(row: Row) -> str:
    """A ``key=value`` line whose value holds no character at which such files, or TraX's messages, are cut."""
    text = " ".join(SEPARATORS.sub(" ", _line(row)).split())
    return f"object1={text}" if text else ""


def _table(rows: Iterable[Row], layout: str) -> dict[str, str]:
    text = TABLES[layout](iter(rows))
    return {f"texts.{layout}": text.encode("utf-8", "replace").decode()}


def _jsonl(rows: Iterator[Row]) -> str:
    def shown(row: Row) -> Row:
        ranges = [{key: part[key] for key in ("start", "stop", "text")} for part in row.get("ranges") or []]
        return {name: row.get(name) for name in FLAT} | {"ranges": ranges}

    return _some("".join(json.dumps(shown(row), ensure_ascii=False) + "\n" for row in rows))


def _csv(rows: Iterator[Row]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, FLAT, extrasaction="ignore", lineterminator="\n")
    for row in rows:
        table.writerow({name: row.get(name) for name in FLAT})
    return ",".join(FLAT) + "\n" + _some(out.getvalue())


def _some(lines: str) -> str:
    if not lines:
        raise ChatdescError("there is no row to export")
    return lines


LAYOUTS: dict[str, Layout] = {
    "lasot": Layout(_lasot_paths, _line, keeps_originals=True),
    "lasot_ext": Layout(_lasot_paths, _line, keeps_originals=True),
    "tnl2k": Layout(_tnl2k_paths, _line, keeps_originals=True),
    "otb-lang": Layout(_otb_paths, _line, keeps_originals=True),
    "dtvlt": Layout(lambda row: [f"{_name(row['sequence'])}.txt"], _frame_lines),
    "vots": Layout(lambda row: [f"{_name(row['sequence'])}/referral.txt"], _prompt),
}
TABLES: dict[str, Callable[[Iterator[Row]], str]] = {"jsonl": _jsonl, "csv": _csv}
