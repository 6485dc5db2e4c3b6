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
    """A text file that changes; ``before`` is None where there is none."""

    path: str
    before: bytes | None
    after: bytes

    @property
    def patch(self) -> bytes:
        """The change as a patch."""
        return patch_of(self.path, self.before, self.after)


def change(data: Dataset, row: Row, text: str) -> FileChange | None:
    """The change of a row's text file; None where the file has this text already.

    Raises:
        ChatdescError: there is no such sequence, its file is not as it was when the row was made, or nothing of the
            text can stand in a file.
    """
    path = data.text_path(data.entry(row["sequence"]))
    before = data.text_source.find(path)
    if _words(before) != one_line(row["manual_text"] or ""):
        raise ChatdescError(f"{layout_path(path)}: holds another text than when the row was made")
    if one_line(text) == _words(before):
        return None
    written = clean_for_trackers(text)
    if not written:
        raise ChatdescError(f"{layout_path(path)}: the text has no character that a text file takes")
    after = written.encode() + line_ending(before or b"")
    return None if after == before else FileChange(layout_path(path), before, after)


def commands(data: Dataset, file: Path) -> tuple[str, str]:
    """The commands that apply a patch to the dataset's files, and take it back."""
    base = getattr(data.text_source, "path", None)
    place = shlex.quote(str(Path(base).resolve())) if base is not None else "UNPACKED_COPY"
    ours = shlex.quote(str(file.resolve()))
    return f"git -C {place} apply {ours}", f"git -C {place} apply -R {ours}"


def _words(content: bytes | None) -> str:
    """A file's text as its row has it."""
    return one_line((content or b"").decode("utf-8", "replace"))
