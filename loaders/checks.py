"""A sequence's files as values and problems; every problem names its place and a remedy.

>>> boxes = np.array([[1, 2, 3, 4], [1, 2, 0, 0]], np.float32)
>>> check_boxes("tiger-6/groundtruth.txt", boxes, [], np.array([True, True]))[0].message
'tiger-6/groundtruth.txt:2: box 1,2,0,0 is not positive though the target is marked visible; such frames are not used'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from chatdesc.loaders import parse
from chatdesc.loaders.files import Root
from chatdesc.names import counted
from chatdesc.types import Boxes, DataError, Problem

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
T = TypeVar("T")
FlagFile = tuple[str, Flags | None, list[Problem]]


def read_boxes(root: Root, path: str | None, wanted: str) -> tuple[Boxes, parse.Errors, list[Problem]]:
    """Boxes [N, 4] of a file, its unreadable lines, and a problem where it cannot be read at all.

    Args:
        wanted: the name of the missing file, where ``path`` is None.
    """
    none = np.zeros((0, 4), np.float32)
    if path is None:
        return none, [], [Problem("bad_boxes", f"{wanted}: there is no such file; the target's boxes are needed", True)]
    try:
        boxes, errors = parse.parse_boxes(root.read(path))
    except (OSError, DataError) as error:
        return none, [], [Problem("bad_boxes", f"{path}: {error}", fatal=True)]
    empty = [] if len(boxes) else [Problem("bad_boxes", f"{path}: is empty; download it again", fatal=True)]
    return boxes.astype(np.float32, copy=False), errors, empty


def check_boxes(path: str, boxes: Boxes, errors: parse.Errors, visible: Flags | None, first: int = 0) -> list[Problem]:
    """The problems of boxes [N, 4], one per cause.

    Args:
        path: the file, for the messages.
        errors: lines that could not be parsed, (line, why).
        visible: bool [N], or None where it is not known: a box without a size then counts as absence.
        first: row of the sequence's first frame, whose box must be finite and positive.
    """
    problems: list[Problem] = []
    finite: Flags = np.logical_and.reduce(np.isfinite(boxes), axis=1)
    positive: Flags = np.logical_and.reduce(boxes[:, 2:] > 0, axis=1)
    shown = np.ones(len(boxes), bool) if visible is None else visible
    unread = np.zeros(len(boxes), bool)
    unread[[line - 1 for line, _ in errors]] = True
    if len(boxes) > first and not (finite[first] and positive[first]):
        why = f"the first box ({_box(boxes[first])}) is not finite and positive, so there is no target to describe"
        problems.append(Problem("bad_boxes", f"{path}:{first + 1}: {why}; correct it or leave the sequence out", True))
    problems += bad_lines(path, errors)
    problems += _rows(path, boxes, ~finite & shown & ~unread, "is not finite")
    if visible is not None:
        wrong = finite & ~positive & visible
        problems += _rows(path, boxes, wrong, "is not positive though the target is marked visible")
    return problems


def bad_lines(path: str, errors: parse.Errors) -> list[Problem]:
    """One problem for all lines that cannot be read."""
    if not errors:
        return []
    line, why = errors[0]
    return [Problem("bad_boxes", f"{path}:{line}: {why}{_more(len(errors))}; correct the line")]


def _rows(path: str, boxes: Boxes, wrong: Flags, why: str) -> list[Problem]:
    rows = np.flatnonzero(wrong)
    if not len(rows):
        return []
    where = f"{path}:{rows[0] + 1}: box {_box(boxes[rows[0]])} {why}{_more(len(rows))}"
    return [Problem("bad_boxes", f"{where}; such frames are not used")]


def _box(box: Boxes) -> str:
    return ",".join(f"{value:g}" for value in box)


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def read_flags(root: Root, paths: tuple[str, ...]) -> list[FlagFile]:
    """The flags of each file that marks absence, with its path and its problems; None for an unreadable file."""
    return [(path, *_read(root, path, parse.parse_flags, "bad_visible")) for path in paths]


def read_visible(root: Root, paths: tuple[str, ...], boxes: parse.Numbers) -> tuple[Flags | None, list[Problem]]:
    """Visibility [N] from files that mark absence; None without a file, or with one that cannot be read."""
    return visible(read_flags(root, paths), boxes)


def visible(files: list[FlagFile], boxes: parse.Numbers) -> tuple[Flags | None, list[Problem]]:
    """Visibility [N] of ``boxes`` from ``read_flags``."""
    if not len(boxes):
        return None, []
    problems: list[Problem] = []
    absent: Flags | None = None
    for path, flags, problem in files:
        if flags is None:
            return None, [*problems, *problem]
        if len(flags) != len(boxes):
            problems.append(_odd_count(path, len(flags), len(boxes)))
            flags = _fit(flags, boxes)
        absent = flags if absent is None else absent | flags
    return None if absent is None else ~absent, problems


def _fit(absent: Flags, boxes: parse.Numbers) -> Flags:
    """As many flags as boxes; a frame without one counts as absent where its box has no size."""
    rest = ~(boxes[len(absent) :, 2:] > 0).all(1)
    return np.concatenate([absent[: len(boxes)], rest])


def _odd_count(path: str, flags: int, boxes: int) -> Problem:
    done = "the last are left out" if flags > boxes else "the rest are taken from the boxes"
    return Problem("bad_visible", f"{path}: {counted(flags, 'flag')} for {counted(boxes, 'box')}; {done}")


def _read(root: Root, path: str, parsed: Callable[[bytes], T], kind: str) -> tuple[T | None, list[Problem]]:
    try:
        return parsed(root.read(path)), []
    except ValueError as error:
        return None, [Problem(kind, f"{path}:{error}; it is left out; correct the line")]
    except (OSError, DataError) as error:
        return None, [Problem(kind, f"{path}: {error}")]


def read_attributes(root: Root, path: str | None, names: tuple[str, ...]) -> tuple[dict[str, bool], list[Problem]]:
    """Attributes by name, from a file with one number for each; empty without a file."""
    if path is None:
        return {}, []
    flags, problems = _read(root, path, parse.parse_flags, "bad_attributes")
    if flags is None:
        return {}, problems
    if len(flags) != len(names):
        return {}, [
            Problem("bad_attributes", f"{path}: {counted(len(flags), 'value')} instead of {len(names)}; left out")
        ]
    return {name: bool(flag) for name, flag in zip(names, flags, strict=True)}, []


def read_text(root: Root, path: str, expected: bool = True) -> tuple[str | None, list[Problem]]:
    """A text with all its bytes (undecodable ones as surrogates); None without a file, a problem if it is expected."""
    try:
        data = root.find(path)
    except (OSError, DataError) as error:
        return None, [Problem("missing_text", f"{path}: {error}")]
    if data is None and not expected:
        return None, []
    if data is None:
        return None, [Problem("missing_text", f"{path}: there is no such file; a text can be made all the same")]
    return data.decode("utf-8", "surrogateescape"), _odd_text(path, data)


def _odd_text(path: str, data: bytes) -> list[Problem]:
    lines = [number for number, line in enumerate(data.splitlines(), 1) if line.strip()]
    if not lines:
        return [Problem("missing_text", f"{path}: is empty; a text can be made all the same")]
    problems = []
    if len(lines) > 1:
        problems.append(Problem("bad_text", f"{path}:{lines[1]}: more than one line; they are read as one text"))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line, byte = data.count(b"\n", 0, error.start) + 1, data[error.start]
        problems.append(Problem("bad_text", f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"))
    return problems


def pair(folder: str, images: list[str], rows: int, start: int = 0) -> tuple[list[str], Rows, list[Problem]]:
    """Match images and rows of boxes.

    As many images as rows are paired in order. Where images are missing and their names are numbers, the rows of
    the missing ones are left out, so that a gap does not shift the boxes; otherwise the boxes are cut.

    Returns:
        images in use, the row of each (all rows if there is no image), and problems.
    """
    taken = np.arange(start, max(rows, start))
    if not images:
        why = f"{folder}: there are no images; boxes and texts can be read, frames cannot"
        return [], taken, [Problem("missing_frames", why, fatal=True)]
    if not rows or len(images) == len(taken):
        return images, taken, []
    count = f"{folder}: {counted(len(images), 'image')} for {counted(len(taken), 'box')}"
    if len(images) > len(taken):
        surplus = len(images) - len(taken)
        left = f"{count}; the last {counted(surplus, 'image is', 'images are')} left out"
        return images[: len(taken)], taken, [Problem("extra_frames", left)]
    taken = start + _present(images, len(taken))
    why = f"{count}; boxes without an image are left out, {len(taken)} stay; is the download complete?"
    return images, taken, [Problem("missing_frames", why)]


def _present(images: list[str], rows: int) -> Rows:
    digits = [re.search(r"(?<![0-9])([0-9]{1,18})\.\w+$", name) for name in images]  # more fit no integer
    numbers = np.array([int(d[1]) for d in digits if d], np.intp)
    if len(numbers) == len(images) and (np.diff(numbers) > 0).all() and numbers[-1] - numbers[0] < rows:
        present: Rows = numbers - numbers[0]
        return present
    return np.arange(len(images))
