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
ending, a new one has none. ``json``, ``jsonl`` and ``csv`` hold the texts unchanged, but for an apostrophe in the CSV
before a text that a spreadsheet would take for a formula.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from chatdesc.atomic import keep_original, refuse_links_out, refuse_odd_original, remove_leftovers, write_atomic
from chatdesc.loaders.writeback import layout_path
from chatdesc.names import LONGEST, some
from chatdesc.rows.schema import Row
from chatdesc.tables import sheet_cell
from chatdesc.text import clean_for_trackers, line_ending
from chatdesc.types import ChatdescError

FLAT = ("sequence", "dataset", "split", "category", "manual_text", "text", "text_source", "scope", "status")
COLUMNS = (*FLAT, "ranges", "frames", "provenance")  # the columns that an export reads
NUMBERED = re.compile(r"(.+)-[0-9]+")
PART = re.compile(r"_p[0-9]+$")  # a folder between split and sequence in TNL2K's two-level tree
SEPARATORS = re.compile(r'[=;:|"\\]')


@dataclass(frozen=True, slots=True)
class Exported:
    """The files written; paths are relative to the target folder.

    Attributes:
        written: the files that are new or have another text now.
        same: the number of files that had the same text before.
        skipped: the number of rows without a text.
        kept: copies of originals, ``.orig`` beside the new texts.
    """

    written: tuple[str, ...]
    same: int = 0
    skipped: int = 0
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """One file per sequence.

    Attributes:
        paths: the file's place, and then other places where an existing tree may have it.
        text: the file's content.
        keeps_originals: whether a file that is replaced is copied to ``.orig`` first.
        merged: the content of a file that exists with the new text in it, where it holds more than the text.
    """

    paths: Callable[[Row], list[str]]
    text: Callable[[Row], str]
    keeps_originals: bool = False
    merged: Callable[[str, str], str] | None = None


def export(rows: Iterable[Row], to: Path, layout: str, overwrite: bool = False) -> Exported:
    """Write the texts of ``rows`` below ``to``, in one of ``LAYOUTS`` or ``TABLES``.

    Nothing is written if any row is refused.

    Raises:
        ChatdescError: an unknown layout, no row or no text, a sequence whose name is no file name or that comes twice,
            a link out of ``to``, or (without ``overwrite``) a file with another text.
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
    originals = layout in LAYOUTS and LAYOUTS[layout].keeps_originals
    _refuse_loss(to, differing, overwrite, originals)
    remove_leftovers({(to / path).parent for path in files})
    kept = [path for path in differing if originals and keep_original(to / path)]
    for path, text in differing.items():
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
        paths = layout.paths(row)
        for part in "/".join(paths).split("/"):
            _refuse_long(part)
        path = _place(to, paths)
        content = _content(to / path, text, layout)
        if files.setdefault(path, content) != content:
            raise ChatdescError(f"{path}: two rows have another text for it; choose one --split or --config")
    if not files:
        raise ChatdescError("no row has a text" if skipped else "there is no row to export")
    return files, skipped


def _place(to: Path, paths: list[str]) -> str:
    """The sequence's place: where ``to`` has its folder already, else the layout's own."""
    return next((path for path in paths if "/" in path and (to / path).parent.is_dir()), paths[0])


def _content(file: Path, text: str, layout: Layout) -> str:
    if layout.merged is None or not file.is_file():
        return text + _ending(file)
    return layout.merged(file.read_text(encoding="utf-8", errors="surrogateescape"), text)


def _ending(file: Path) -> str:
    return line_ending(file.read_bytes()).decode() if file.is_file() else ""


def _differs(file: Path, text: str) -> bool:
    return not file.is_file() or file.read_bytes() != text.encode("utf-8", "surrogateescape")


def _refuse_loss(to: Path, paths: Iterable[str], overwrite: bool, originals: bool) -> None:
    for path in paths:
        refuse_links_out(to, path)
        if (to / path).is_dir():
            raise ChatdescError(f"{to / path}: is a folder; a text belongs there")
        if originals:
            refuse_odd_original(to / path)
    existing = [path for path in paths if (to / path).exists()]
    if existing and not overwrite:
        raise ChatdescError(
            f"{to} has other texts already ({some(existing, 3)}); nothing was written. "
            "Choose another --to, or replace them with --overwrite"
        )


def _name(value: str) -> str:
    """A sequence or class as a file name.

    Raises:
        ChatdescError: it would lead elsewhere.
    """
    odd = not isinstance(value, str) or value in ("", ".", "..") or re.search(r"[/\\\x00-\x1f]|^[A-Za-z]:", value)
    if odd:
        raise ChatdescError(f"{value!r} is no name of a sequence or class: it would be written elsewhere; nothing was")
    return value


def _refuse_long(part: str) -> None:
    """Refuse a part of a path that no file system takes.

    Raises:
        ChatdescError: it is too long, or no text.
    """
    try:
        size = len(part.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise ChatdescError(f"{part!r} holds half a character and can be no file's name; nothing was written") from None
    if size > LONGEST:
        raise ChatdescError(f"{part[:60]!r}... is too long for a file's name ({size} bytes); nothing was written")


def _category(row: Row) -> str:
    """The class folder: LaSOT names sequences after it."""
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
    """The sequence's folder in the tree that the row was made from, if the paths of its frames have it."""
    frames = row.get("frames")
    if not frames:
        return []
    first = (frames.get("pattern") or "").replace("%%", "%") or next(iter(frames.get("paths") or []), "")
    folder = PurePosixPath(layout_path(first)).parent.parent
    harmless = not folder.is_absolute() and not {"..", "."} & set(folder.parts) and "\\" not in first
    return [str(folder)] if harmless and folder.name == row["sequence"] else []


def _otb_paths(row: Row) -> list[str]:
    split = row.get("split") if row.get("split") in ("train", "test") else "test"
    return [f"OTB_query_{split}/{_name(row['sequence'])}.txt"]


def _line(row: Row) -> str:
    return clean_for_trackers(row["text"] or "")


def _dtvlt_paths(row: Row) -> list[str]:
    """``lasot_train_concise/NAME.txt``; in TNL2K's two-level tree with the part's folder in between."""
    split, style = row.get("split") or "train", _style(row)
    folder = f"{_name(row.get('dataset') or 'dataset')}_{_name(split)}_{style}"
    parts = [p.parent.name for p in map(PurePosixPath, _as_published(row)) if PART.search(p.parent.name)]
    return ["/".join([folder, *parts, f"{_name(row['sequence'])}.txt"])]


def _style(row: Row) -> str:
    """The style of a row's texts, ``concise`` where the row does not record it."""
    made = row.get("provenance")
    try:
        settings = json.loads(made["settings"]) if made and made.get("settings") else {}
    except ValueError:
        settings = {}
    return _name(str(settings.get("style", "concise"))) if isinstance(settings, dict) else "concise"


def _frame_lines(row: Row) -> str:
    """``<frame> <text>`` for each range of frames (counted from 0), or for frame 0 alone.

    The readers take the last text whose frame is *before* the current one (``bisect_left`` in DUTrack and DPU-VLT). So
    the text of a later range stands at the frame before its first.
    """
    texts = [(part["start"], part["text"]) for part in row.get("ranges") or []] or [(0, row["text"] or "")]
    by_key: dict[int, str] = {}
    for start, text in texts:
        if line := clean_for_trackers(text or ""):
            by_key.setdefault(max(0, start - 1), line)  # a first range of one frame keeps its text
    return "\n".join(f"{key} {line}" for key, line in by_key.items())


def _properties(row: Row) -> str:
    """The properties file of a VOTS sequence with the text as its only prompt."""
    if not (prompt := _prompt(row)):
        return ""
    frames = row.get("frames")
    suffix = PurePosixPath(frames["pattern"] or "").suffix if frames else ""
    channels = f"channels.color=color/%08d{suffix or '.jpg'}"
    lines = (channels, "format=default", "fps=30", f"name={_name(row['sequence'])}", f"prompts={prompt}")
    return "".join(f"{line}\n" for line in lines)


def _prompt(row: Row) -> str:
    """A text without ``;`` and without the characters that the toolkit escapes but never unescapes."""
    return " ".join(SEPARATORS.sub(" ", _line(row)).split())


def _with_prompts(properties: str, text: str) -> str:
    """A properties file with the prompts of another one; all its other lines stay."""
    [prompts] = [line for line in text.splitlines() if line.startswith("prompts=")]
    lines = [line for line in properties.splitlines() if line.partition("=")[0].strip() != "prompts"]
    return "".join(f"{line}\n" for line in (*lines, prompts))


def _table(rows: Iterable[Row], layout: str) -> dict[str, str]:
    text = TABLES[layout](iter(rows))
    return {f"texts.{layout}": text.encode("utf-8", "replace").decode()}


def _json(rows: Iterator[Row]) -> str:
    """``{sequence: [texts]}``, a text per range; sequences without a text are left out."""
    filled: dict[str, list[str]] = {}
    for row in rows:
        texts = [part["text"] for part in row.get("ranges") or []] or [row["text"] or ""]
        known = [text for text in texts if text]
        if known and filled.setdefault(row["sequence"], known) != known:
            raise ChatdescError(f"{row['sequence']}: two rows have another text for it; choose one --split or --config")
    return _not_empty(json.dumps(filled, ensure_ascii=False, indent=1) + "\n" if filled else "")


def _jsonl(rows: Iterator[Row]) -> str:
    def shown(row: Row) -> dict[str, object]:
        ranges = [{key: part[key] for key in ("start", "stop", "text")} for part in row.get("ranges") or []]
        return {name: row.get(name) for name in FLAT} | {"ranges": ranges}

    return _not_empty("".join(json.dumps(shown(row), ensure_ascii=False) + "\n" for row in rows))


def _csv(rows: Iterator[Row]) -> str:
    out = io.StringIO()
    table = csv.DictWriter(out, FLAT, extrasaction="ignore", lineterminator="\n")
    for row in rows:
        table.writerow({name: sheet_cell(row.get(name)) for name in FLAT})
    return ",".join(FLAT) + "\n" + _not_empty(out.getvalue())


def _not_empty(lines: str) -> str:
    if not lines:
        raise ChatdescError("there is no row to export")
    return lines


LAYOUTS: dict[str, Layout] = {
    "lasot": Layout(_lasot_paths, _line, keeps_originals=True),
    "lasot_ext": Layout(_lasot_paths, _line, keeps_originals=True),
    "tnl2k": Layout(_tnl2k_paths, _line, keeps_originals=True),
    "otb-lang": Layout(_otb_paths, _line, keeps_originals=True),
    "dtvlt": Layout(_dtvlt_paths, _frame_lines),
    "vots": Layout(lambda row: [f"{_name(row['sequence'])}/sequence"], _properties, True, _with_prompts),
}
TABLES: dict[str, Callable[[Iterator[Row]], str]] = {"json": _json, "jsonl": _jsonl, "csv": _csv}
