"""Layouts with one file per sequence: the datasets' own, DTVLT's and that of the VOTS toolkit.

>>> from chatdesc.rows.schema import empty_row
>>> texts = TextPerSequence(Path("to"), LAYOUTS["vots"])
>>> texts.add(empty_row() | {"sequence": "bus-2", "text": "a red bus; far away"})
True
>>> print(texts.files()["bus-2/sequence"], end="")
channels.color=color/%08d.jpg
format=default
fps=30
name=bus-2
prompts=a red bus far away
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from chatdesc.loaders.writeback import layout_path
from chatdesc.rows.schema import Row
from chatdesc.share.collect import Content, RowRefused, file_name, frame_path, refuse_place, texts_over_time
from chatdesc.text import clean_for_trackers, line_ending
from chatdesc.types import ChatdescError

NUMBERED = re.compile(r"(.+)-[0-9]+")
PART = re.compile(r"_p[0-9]+$")  # a folder between split and sequence in TNL2K's two-level tree
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
SEPARATORS = re.compile(r'[=;:|"\\]')


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


class TextPerSequence:
    """Collects the files of a layout; ``to`` may be a tree that has some of them already."""

    def __init__(self, to: Path, layout: Layout) -> None:
        self._to, self._layout = to, layout
        self._files: dict[str, Content] = {}

    def add(self, row: Row) -> bool:
        """Take a row; False where it has no text.

        Raises:
            RowRefused: its name or place.
            ChatdescError: another row has another text for its file.
        """
        text = self._layout.text(row)
        if not text:
            return False
        path = _place(self._to, self._layout.paths(row))
        refuse_place(self._to, path)
        content = _content(self._to / path, text, self._layout)
        if self._files.setdefault(path, content) != content:
            raise ChatdescError(f"{path}: two rows have another text for it; choose one --split or --config")
        return True

    def files(self) -> dict[str, Content]:
        """Contents by path."""
        return self._files


def _place(to: Path, paths: list[str]) -> str:
    """The sequence's place: where ``to`` has its folder already, else the layout's own."""
    return next((path for path in paths if "/" in path and _is_folder((to / path).parent)), paths[0])


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except (OSError, ValueError):  # a name that is too long, or holds half a character
        return False


def _content(file: Path, text: str, layout: Layout) -> str:
    if layout.merged is None or not file.is_file():
        return text + (line_ending(file.read_bytes()).decode() if file.is_file() else "")
    return layout.merged(file.read_text(encoding="utf-8", errors="surrogateescape"), text)


def _category(row: Row) -> str:
    """The class folder: LaSOT names sequences after it."""
    match = NUMBERED.fullmatch(row["sequence"])
    return match[1] if match else row.get("category") or row["sequence"]


def _lasot_paths(row: Row) -> list[str]:
    name = file_name(row["sequence"])
    return [f"{file_name(_category(row))}/{name}/nlp.txt", f"{name}/nlp.txt"]


def _tnl2k_paths(row: Row) -> list[str]:
    name, split = file_name(row["sequence"]), row.get("split")
    folders = [f"TNL2K_{file_name(split)}_subset/{name}", f"{split}/{name}"] if split else []
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
    return [f"OTB_query_{split}/{file_name(row['sequence'])}.txt"]


def _line(row: Row) -> str:
    return clean_for_trackers(row["text"] or "")


def _dtvlt_paths(row: Row) -> list[str]:
    """``lasot_train_concise/NAME.txt``; in TNL2K's two-level tree with the part's folder in between."""
    parts = [p.parent.name for p in map(PurePosixPath, _as_published(row)) if PART.search(p.parent.name)]
    return ["/".join([_dtvlt_folder(row), *parts, f"{file_name(row['sequence'])}.txt"])]


def _dtvlt_folder(row: Row) -> str:
    """``lasot_train_concise``; GOT-10k's is below the split's folder, ``train/got-10k_train_concise``."""
    dataset, split = file_name(row.get("dataset") or "dataset"), file_name(row.get("split") or "train")
    if dataset.lower().replace("-", "") == "got10k":
        return f"{split}/got-10k_{split}_{_style(row)}"
    return f"{dataset}_{split}_{_style(row)}"


def _style(row: Row) -> str:
    """The style of a row's texts, ``concise`` where the row does not record it."""
    made = row.get("provenance")
    if not made or not made.get("settings"):
        return "concise"
    try:
        style = json.loads(made["settings"]).get("style", "concise")
    except (ValueError, RecursionError, AttributeError):
        raise RowRefused("provenance.settings is no JSON object") from None
    return file_name(str(style))


def texts_by_key(row: Row) -> dict[int, str]:
    """Texts as trackers take them by the frame (counted from 0) after which they are in force.

    The readers take the last text whose frame is *before* the current one (``bisect_left`` in DUTrack and DPU-VLT). So
    the text of a later range stands at the frame before its first.
    """
    by_key: dict[int, str] = {}
    for start, text in texts_over_time(row):
        if line := clean_for_trackers(text):
            by_key.setdefault(max(0, start - 1), line)  # a first range of one frame keeps its text
    return by_key


def _frame_lines(row: Row) -> str:
    """``<frame> <text>`` for each range of frames, or for frame 0 alone."""
    return "\n".join(f"{key} {line}" for key, line in texts_by_key(row).items())


def _properties(row: Row) -> str:
    """The properties file of a VOTS sequence with the text as its only prompt."""
    if not (prompt := _prompt(row)):
        return ""
    suffix = PurePosixPath(frame_path(row, 0)).suffix
    channels = f"channels.color=color/%08d{suffix if SUFFIX.fullmatch(suffix) else '.jpg'}"
    lines = (channels, "format=default", "fps=30", f"name={file_name(row['sequence'])}", f"prompts={prompt}")
    return "".join(f"{line}\n" for line in lines)


def _prompt(row: Row) -> str:
    """A text without ``;`` and without the characters that the toolkit escapes but never unescapes."""
    return " ".join(SEPARATORS.sub(" ", _line(row)).split())


def _with_prompts(properties: str, text: str) -> str:
    """A properties file with the prompts of another one; all its other lines stay."""
    [prompts] = [line for line in text.split("\n") if line.startswith("prompts=")]
    old = (line.rstrip("\r") for line in properties.rstrip("\r\n").split("\n"))
    lines = [line for line in old if line.partition("=")[0].strip() != "prompts"]
    return "".join(f"{line}\n" for line in (*lines, prompts))


LAYOUTS: dict[str, Layout] = {
    "lasot": Layout(_lasot_paths, _line, keeps_originals=True),
    "lasot_ext": Layout(_lasot_paths, _line, keeps_originals=True),
    "tnl2k": Layout(_tnl2k_paths, _line, keeps_originals=True),
    "otb-lang": Layout(_otb_paths, _line, keeps_originals=True),
    "dtvlt": Layout(_dtvlt_paths, _frame_lines, keeps_originals=True),
    "vots": Layout(lambda row: [f"{file_name(row['sequence'])}/sequence"], _properties, True, _with_prompts),
}


def layout_for(dataset: str) -> str:
    """The layout in which most readers of a dataset take texts.

    >>> layout_for("tnl2k"), layout_for("got10k"), layout_for("trackingnet")
    ('tnl2k', 'dtvlt', 'json')
    """
    return dataset if dataset in LAYOUTS else {"got10k": "dtvlt", "trackingnet": "json"}.get(dataset, "lasot")
