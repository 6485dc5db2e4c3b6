"""Decided texts as a patch of a dataset's own files, as ``write-back`` would write them.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from chatdesc.loaders import load
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.synthetic import render
>>> root = Path(mkdtemp())
>>> name, *_ = render(root, count=1, frames=2)
>>> data = load("synthetic", root)
>>> row = empty_row() | {"sequence": name, "manual_text": data[name].manual_text.strip()}
>>> changed = change(data, row, "a blue kite")
>>> changed.after, changed.path == f"{name[:-2]}/{name}/nlp.txt"
(b'a blue kite', True)
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from chatdesc.checks.patch import patch as patch_of
from chatdesc.loaders.base import Dataset
from chatdesc.loaders.writeback import layout_path
from chatdesc.rows.schema import Row
from chatdesc.text import clean_for_trackers, line_ending
from chatdesc.types import ChatdescError, one_line


@dataclass(frozen=True, slots=True)
class FileChange:
    """A text file that changes.

    Attributes:
        path: in an unpacked tree.
        before: its content; None where there is no such file.
        after: its content with the decided text.
        packed: it lies in an archive.
    """

    path: str
    before: bytes | None
    after: bytes
    packed: bool = False

    @property
    def patch(self) -> bytes:
        """The change as a patch."""
        return patch_of(self.path, self.before, self.after)


def change(data: Dataset, row: Row, text: str) -> FileChange | None:
    """The change of a row's text file; None where the file has this text already.

    Raises:
        ChatdescError: there is no such sequence, its file is not as it was when the row was made or lies behind a
            link, or nothing of the text can stand in a file.
    """
    path = data.text_path(data.entry(row["sequence"]))
    before = data.text_source.find(path)
    if _words(before) != one_line(row["manual_text"] or ""):
        raise ChatdescError(f"{layout_path(path)}: holds another text than when the row was made")
    if one_line(text) == _words(before):
        return None
    _refuse_links(data, path)
    written = clean_for_trackers(text)
    if not written:
        raise ChatdescError(f"{layout_path(path)}: the text has no character that a text file takes")
    after = written.encode() + line_ending(before or b"")
    return None if after == before else FileChange(layout_path(path), before, after, _is_packed(data, path))


def commands(data: Dataset, file: Path, packed: bool) -> tuple[str, str]:
    """The commands that apply a patch to the dataset's files, and take it back; ``packed``: some are in an archive."""
    base = _folder(data)
    place = "UNPACKED_COPY" if packed or base is None else shlex.quote(str(base.resolve()))
    ours = shlex.quote(str(file.resolve()))
    return f"git -C {place} apply {ours}", f"git -C {place} apply -R {ours}"


def _folder(data: Dataset) -> Path | None:
    """The folder of the text files; None where they are all in one archive, or far away."""
    base = getattr(data.text_source, "path", None)
    return None if base is None else Path(base)


def _is_packed(data: Dataset, path: str) -> bool:
    return _folder(data) is None or path != layout_path(path)


def _refuse_links(data: Dataset, path: str) -> None:
    """Refuse a file that a link leads to: git and patch follow none, and git applies all of a patch or nothing."""
    base = _folder(data)
    if base is None or _is_packed(data, path):
        return
    for place in (base / path, *(base / path).parents):
        if place == base:
            return
        if place.is_symlink():
            raise ChatdescError(f"{place}: is a link, which `git apply` does not follow; take it with write-back")


def _words(content: bytes | None) -> str:
    """A file's text as its row has it."""
    return one_line((content or b"").decode("utf-8", "replace"))
