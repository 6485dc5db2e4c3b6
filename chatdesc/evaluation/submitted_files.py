"""The files of results for a server: found by their exact names, and checked line by line.

>>> checked_boxes("a_0.txt", b"1,2,3,4\\n1 2 nan 4\\n1,2,3,-4\\n", frames=4).problems
('a_0.txt:2: 1,2,nan,4 holds a number that is not finite (and 1 more line)', 'a_0.txt: 3 rows for 4 frames')
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.results import BESIDE
from chatdesc.loaders.roots import Root
from chatdesc.names import counted, natural

FIELD = re.compile(r"\s*[,;]\s*|\s+")
REPEATED = re.compile(r"_[0-9]{3}")
TIMES, BESIDE_BOXES = -1, -2  # in place of a repetition
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Submitted:
    """Paths of a sequence's boxes by repetition, counted from 1, and of its times."""

    boxes: dict[int, str] = field(default_factory=dict)
    times: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class CheckedFile:
    """A file's lines as the server takes them, its first box [1, 4] xywh (or none), and what is wrong."""

    text: bytes
    problems: tuple[str, ...] = ()
    first: Floats = field(default_factory=lambda: np.zeros((0, 4)))


def find_files(root: Root, names: Collection[str]) -> tuple[dict[str, Submitted], list[str]]:
    """Files by sequence, and the text files that belong to none or come twice.

    ``SEQUENCE.txt`` or ``SEQUENCE/SEQUENCE_001.txt``, and ``_time.txt`` in the same way; all may lie in one folder.
    """
    known = set(names)
    found: dict[str, Submitted] = {}
    extra = []
    for path in sorted(_texts(root, known), key=natural):
        name, repetition = _meaning(path, known)
        files = found.setdefault(name, Submitted()) if name else Submitted()
        if repetition == BESIDE_BOXES:
            continue
        if not name or (repetition in files.boxes or (repetition == TIMES and files.times)):
            extra.append(path)
        elif repetition == TIMES:
            files.times = path
        else:
            files.boxes[repetition] = path
    return found, extra


def _texts(root: Root, known: Collection[str]) -> list[str]:
    """Text files at the top and in folders; of a single folder that is no sequence, those in it."""
    place, entries = "", root.entries("")
    while True:
        inside = [name for name, folder in entries.items() if folder and not name.startswith(("_", "."))]
        files = [name for name, folder in entries.items() if not folder and _is_text(name)]
        if files or len(inside) != 1 or inside[0] in known:
            break
        place = f"{place}{inside[0]}/"
        entries = root.entries(place.rstrip("/"))
    deeper = [f"{name}/{file}" for name in inside for file in _files_in(root, place + name)]
    return [place + path for path in (*files, *deeper)]


def _files_in(root: Root, folder: str) -> list[str]:
    return [name for name, inner in root.entries(folder).items() if not inner and _is_text(name)]


def _is_text(name: str) -> bool:
    return name.lower().endswith(".txt") and not name.startswith(".")


def _meaning(path: str, known: Collection[str]) -> tuple[str, int]:
    """The sequence that a file is of (empty if of none), and its repetition, TIMES or BESIDE_BOXES."""
    stem = path.rpartition("/")[2][:-4]
    if stem in known:
        return stem, 1
    if stem.endswith("_time") and stem[:-5] in known:
        return stem[:-5], TIMES
    if stem[:-4] in known and REPEATED.fullmatch(stem[-4:]):
        return stem[:-4], int(stem[-3:])
    if any(stem.lower().endswith(end) and stem[: -len(end)] in known for end in BESIDE):
        return "", BESIDE_BOXES
    return "", 0


def checked_boxes(path: str, data: bytes, frames: int) -> CheckedFile:
    """Check one box per frame: four finite numbers x, y, width, height, no negative size."""

    def wrong(values: list[float]) -> str:
        return "has a negative size" if min(values[2:]) < 0 else ""

    return _checked(path, data, frames, 4, "4 numbers", wrong)


def checked_times(path: str, data: bytes, frames: int, repetitions: int) -> CheckedFile:
    """Check one running time in seconds per frame and repetition."""

    def wrong(values: list[float]) -> str:
        return "is negative" if min(values) < 0 else ""

    return _checked(path, data, frames, repetitions, "1 number per repetition", wrong)


def _checked(
    path: str, data: bytes, frames: int, columns: int, wanted: str, wrong: Callable[[list[float]], str]
) -> CheckedFile:
    lines = data.decode("utf-8-sig", "replace").rstrip().splitlines()
    rows = [FIELD.split(line.strip()) if line.strip() else [] for line in lines]
    faults = [(number, fault) for number, row in enumerate(rows, 1) if (fault := _fault(row, columns, wanted, wrong))]
    problems = []
    if faults:
        more = f" (and {counted(len(faults) - 1, 'more line')})" if len(faults) > 1 else ""
        problems.append(f"{path}:{faults[0][0]}: {faults[0][1]}{more}")
    if len(rows) != frames:
        problems.append(f"{path}: {counted(len(rows), 'row')} for {counted(frames, 'frame')}")
    text = "".join(",".join(row) + "\n" for row in rows).encode()
    first = np.array([rows[0]], np.float64) if rows and columns == 4 and not faults else np.zeros((0, 4))
    return CheckedFile(text, tuple(problems), first)


def _fault(row: list[str], columns: int, wanted: str, wrong: Callable[[list[float]], str]) -> str:
    """Why a line is none, empty if it is one."""
    shown = ",".join(row)[:60] or "an empty line"
    if len(row) != columns:
        return f"{shown} is not {wanted}"
    try:
        values = [_number(text) for text in row]
    except ValueError:
        return f"{shown} holds something that is no number"
    if not all(map(math.isfinite, values)):
        return f"{shown} holds a number that is not finite"
    why = wrong(values)
    return f"{shown} {why}" if why else ""


def _number(text: str) -> float:
    """A number as every reader takes it; Python also takes "1_0" and digits of other scripts."""
    if not text.isascii() or "_" in text:
        raise ValueError(text)
    return float(text)
