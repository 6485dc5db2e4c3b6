"""What all export layouts share: rows collected into files, and what a row may name.

>>> row = {"sequence": "bus-2", "text": "a red bus", "frames": {"pattern": "bus/%08d.jpg", "first": 1, "paths": []}}
>>> frame_path(row, 2), texts_over_time(row)
('bus/00000003.jpg', [(0, 'a red bus')])
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from chatdesc.atomic import refuse_links_out
from chatdesc.names import LONGEST
from chatdesc.rows.schema import Row
from chatdesc.types import ChatdescError

Content = str | bytes

MOST_FRAMES = 1_000_000  # of a sequence, so that a wrong number does not fill the memory
BESIDE = len(".orig")
CONTROLS = re.compile(r"[\x00-\x1f]")
NUMBER = re.compile(r"(?:[^%]|%%)*%(?:0[1-9][0-9]?)?d(?:[^%]|%%)*")


class RowRefused(ChatdescError):
    """A row that a layout cannot hold; the message names the sequence and the reason."""


class Collector(Protocol):
    """Collects rows and makes files of them."""

    def add(self, row: Row) -> bool:
        """Take a row; False where it has no text for this layout.

        Raises:
            RowRefused: this row alone cannot be written.
            ChatdescError: the rows together cannot.
        """
        ...

    def files(self) -> dict[str, Content]:
        """Contents by path, relative to the target folder."""
        ...


def file_name(value: str) -> str:
    """A sequence, class, split or dataset as a file name.

    Raises:
        RowRefused: it would lead elsewhere, or no file system takes it.
    """
    if value in ("", ".", "..") or re.search(r"[/\\\x00-\x1f]|^[A-Za-z]:", value):
        raise RowRefused(f"{value!r} is no name of a sequence or class: it would be written elsewhere")
    return value


def refuse_part(part: str) -> None:
    """Refuse a file's name that no file system takes.

    Raises:
        RowRefused: it holds a control character or half a character, or is too long.
    """
    if CONTROLS.search(part):
        raise RowRefused(f"{part!r} holds a control character, so it is no name for a file")
    try:
        length = len(os.fsencode(part))
    except UnicodeEncodeError:
        raise RowRefused(f"{part!r} holds half a character, so no file can have this name") from None
    if length + BESIDE > LONGEST:
        raise RowRefused(f"{part[:40]!r}... has {length} bytes; a file's name may have {LONGEST - BESIDE}")


def refuse_place(to: Path, path: str) -> None:
    """Refuse a path below ``to`` that no file system takes, that leads out through a link, or that is taken.

    Raises:
        RowRefused: the message says which.
    """
    for part in path.split("/"):
        refuse_part(part)
    try:
        refuse_links_out(to, path)
    except ChatdescError as error:
        raise RowRefused(str(error)) from None
    target = to / path
    if target.is_dir():
        raise RowRefused(f"{target}: is a folder; a text belongs there")
    for parent in target.relative_to(to).parents:
        if (to / parent).exists() and not (to / parent).is_dir():
            raise RowRefused(f"{to / parent}: is a file; a folder belongs there")


def texts_over_time(row: Row) -> list[tuple[int, str]]:
    """First frame (counted from 0) and text of each range that has one, else the row's text from frame 0 on."""
    parts: list[tuple[int, str | None]] = [(part["start"], part.get("text")) for part in row.get("ranges") or []]
    return [(start, text) for start, text in parts or [(0, row["text"])] if text and text.strip()]


def frame_path(row: Row, frame: int) -> str:
    """The path of a frame (counted from 0) relative to the dataset's root; empty where the row does not say.

    Raises:
        RowRefused: the pattern is none.
    """
    frames = row.get("frames")
    pattern = frames.get("pattern") if frames else None
    if not frames or not pattern:
        paths = (frames.get("paths") if frames else None) or []
        return paths[frame] if frame < len(paths) else ""
    if not NUMBER.fullmatch(pattern):
        raise RowRefused(f"frames.pattern {pattern[:80]!r} is no path with one number, such as img/%08d.jpg")
    return pattern % ((frames.get("first") or 0) + frame)


def frame_count(row: Row) -> int:
    """How many frames a sequence has; 0 where the row does not say.

    Raises:
        RowRefused: no sequence has so many, or a text begins before the first or after the last.
    """
    count = row.get("num_frames") or 0
    starts = [start for start, _ in texts_over_time(row)]
    if not 0 <= count <= MOST_FRAMES:
        raise RowRefused(f"num_frames is {count}; 0 to {MOST_FRAMES} are possible")
    if any(not 0 <= start < (count or MOST_FRAMES) for start in starts):
        raise RowRefused(f"its texts begin at frames {min(starts)} to {max(starts)}, and num_frames is {count}")
    return count
