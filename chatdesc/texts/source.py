"""A source of texts by what it is: a run, rows, a table, or a tree of text files.

``SOURCE#PART`` says what to take where a source has several things: ``manual`` (of a run or of rows, instead of the
texts to use), a layout's name (of a folder that has several layouts), or a configuration of a repository.

>>> split_part("runs/lasot#manual"), split_part("user/texts#lasot,manual")
(('runs/lasot', ('manual',)), ('user/texts', ('lasot', 'manual')))
"""

from __future__ import annotations

from pathlib import Path

from chatdesc.names import between_commas
from chatdesc.rows.sources import REPOSITORY
from chatdesc.rows.store import is_run
from chatdesc.texts.files import json_of
from chatdesc.texts.mappings import of_mapping
from chatdesc.texts.of_rows import read_row_texts
from chatdesc.texts.said import Said
from chatdesc.types import ChatdescError


def read_source(source: str) -> Said:
    """The texts of a source.

    Raises:
        ChatdescError: it is nothing that holds texts, or holds several things; the message says what to write.
    """
    place, parts = split_part(source)
    words = "manual" if "manual" in parts else "refined"
    if is_run(place) or (not Path(place).expanduser().exists() and REPOSITORY.fullmatch(place)):
        return read_row_texts(place, words)
    if Path(place).is_dir():
        return read_row_texts(place, words)
    content = json_of(Path(place))
    if not isinstance(content, dict):
        raise ChatdescError(f"{place}: not an object")
    return of_mapping(content, Path(place).name)


def split_part(source: str) -> tuple[str, tuple[str, ...]]:
    """A source's place, and what follows ``#`` in it; a path that exists is a place as a whole."""
    place, mark, parts = source.rpartition("#")
    if not mark or Path(source).expanduser().exists():
        return source, ()
    return place, tuple(between_commas(parts))
