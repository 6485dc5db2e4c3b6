"""Texts written back into a dataset's own files, so that an existing tracker reads them unchanged.

>>> from tempfile import mkdtemp
>>> from chatdesc.loaders import load
>>> from chatdesc.synthetic import render
>>> root, refined = Path(mkdtemp()), Path(mkdtemp())
>>> name, *_ = render(root, count=1, frames=2)
>>> rows = [{"sequence": name, "text": "a red kite, high up"}]
>>> load("lasot", root).write_back(rows, refined).written == (f"{name[:-2]}/{name}/nlp.txt",)
True
>>> load("lasot", root, texts=refined)[name].manual_text
'a red kite high up'

The new tree holds the text files alone, in the dataset's layout: lay it over a copy of the dataset, or read it with the
original's frames and boxes by ``load(name, root, texts=...)``. With ``copy_annotations`` the boxes, visibility,
attributes, split lists and the texts that did not change are copied too, and the tree loads by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatdesc.atomic import keep_original, refuse_links_out, refuse_odd_original, remove_leftovers, write_atomic
from chatdesc.loaders.entry import Entry
from chatdesc.loaders.roots import Root
from chatdesc.text import clean_for_trackers, line_ending
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from chatdesc.loaders.base import Dataset  # has a method that calls this module


@dataclass(frozen=True, slots=True)
class WriteBack:
    """The files written; paths are relative to the target folder.

    Attributes:
        written: the text files.
        skipped: the number of rows without a text.
        kept: copies of originals, ``.orig`` beside the new texts.
        copied: the annotation files.
        failed: the sequences without a text because it failed, so that ``annotate`` would try again.
    """

    written: tuple[str, ...]
    skipped: int = 0
    kept: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def write_back(
    dataset: Dataset,
    rows: Iterable[Mapping[str, Any]],
    to: str | os.PathLike[str],
    in_place: bool = False,
    copy_annotations: bool = False,
) -> WriteBack:
    """Write the texts of ``rows`` in the dataset's layout under the local folder ``to``.

    Each file is replaced at once or not at all, and ends as the original does (a newline, or none; none where there
    was no file). Nothing is written if any row or path is refused.

    Args:
        rows: mappings with ``sequence`` and ``text``; rows whose text is None or blank are counted and left out.
        in_place: allow ``to`` to be the dataset itself; each original stays beside as ``.orig``, and an existing
            ``.orig`` is never overwritten.
        copy_annotations: also copy the other annotation files, where ``to`` does not have them yet.

    Raises:
        ChatdescError: a sequence that the dataset lacks or that comes twice, a path inside the source, or one that a
            link leads out of ``to``.
    """
    texts, skipped = _texts(dataset, rows)
    folder = _folder(to)
    targets = {name: layout_path(dataset.entry(name).text) for name in texts}
    for name, path in targets.items():
        _guard(dataset, dataset.entry(name), folder, path, in_place)
    annotations = list(_annotation_files(dataset)) if copy_annotations else []
    for _, path in annotations:
        refuse_links_out(folder, layout_path(path))
    remove_leftovers({(folder / path).parent for path in targets.values()})
    kept = [f"{path}.orig" for name, path in targets.items() if _write(dataset, name, texts[name], folder / path)]
    copied = _copy(annotations, folder)
    return WriteBack(tuple(targets.values()), skipped, tuple(kept), tuple(copied))


def layout_path(path: str) -> str:
    """A path of the source as it is in an unpacked tree.

    >>> layout_path("bus.zip/bus/bus-1/nlp.txt"), layout_path("bus.zip/bus-1/nlp.txt")
    ('bus/bus-1/nlp.txt', 'bus/bus-1/nlp.txt')
    """
    match = re.match(r"(.*?)\.zip/(.*)", path, re.I | re.S)
    if not match:
        return path
    head, rest = match[1], match[2]
    return rest if rest.startswith(head.rpartition("/")[2] + "/") and "/" not in head else f"{head}/{rest}"


def _texts(dataset: Dataset, rows: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], int]:
    texts: dict[str, str] = {}
    skipped = 0
    for row in rows:
        name = dataset.entry(row["sequence"]).name
        text = clean_for_trackers(row["text"] or "")
        if not text:
            skipped += 1
        elif name in texts:
            raise ChatdescError(f"sequence {name!r} comes twice; give one text for each")
        else:
            texts[name] = text
    return texts, skipped


def _folder(to: str | os.PathLike[str]) -> Path:
    folder = os.fspath(to).removeprefix("file://")
    if "://" in folder:
        raise ChatdescError(f"{folder}: texts are written to a local folder; write there, then upload it")
    folder = os.path.abspath(os.path.expanduser(folder))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ChatdescError(f"{folder}: is a file; name a folder (an archive is not written into)")
    return Path(folder)


def _guard(dataset: Dataset, entry: Entry, folder: Path, path: str, in_place: bool) -> None:
    """Refuse a target that is a file of the source, by whatever spelling or link, or lies outside ``folder``."""
    target = folder / path
    paths = _source_paths(dataset, entry, target)
    if paths and not in_place:
        raise ChatdescError(f"{target}: lies in the dataset itself; write to another folder, or ask for in-place")
    if any(".zip/" in path.lower() for path in paths):
        raise ChatdescError(f"{target}: its original is in an archive, which is not changed; write elsewhere")
    if paths:  # the dataset's own file, which may lie on another disk behind a link
        refuse_odd_original(target)
    else:
        refuse_links_out(folder, path)


def _source_paths(dataset: Dataset, entry: Entry, target: Path) -> list[str]:
    """The paths of a sequence's text in those roots that ``target`` lies in; empty for a target outside."""
    real = _without_links(target)
    texts = ((dataset.source, entry.text), (dataset.text_source, dataset.text_path(entry)))
    return [path for root, path in texts if _holds(root, path, real)]


def _holds(root: Root, path: str, real: str) -> bool:
    """Whether a file lies in a local root, or is its file ``path`` (which may lie elsewhere, behind a link)."""
    base = getattr(root, "path", None)
    if base is None:
        return False
    return real.startswith(os.path.realpath(base) + os.sep) or real == _without_links(Path(base) / path)


def _without_links(file: Path) -> str:
    """A file's path with every link above it resolved; a link itself is replaced, not followed."""
    return os.path.join(os.path.realpath(file.parent), file.name)


def _write(dataset: Dataset, name: str, text: str, target: Path) -> bool:
    """Write one text; True if an original was copied before."""
    entry = dataset.entry(name)
    original = dataset.text_source.find(dataset.text_path(entry)) or b""
    kept = bool(_source_paths(dataset, entry, target)) and keep_original(target)
    write_atomic(target, text.encode("utf-8") + line_ending(original))
    return kept


def _copy(files: list[tuple[Root, str]], folder: Path) -> list[str]:
    copied = []
    for root, path in files:
        target = folder / layout_path(path)
        data = None if os.path.lexists(target) else root.find(path)
        if data is not None:
            write_atomic(target, data)
            copied.append(layout_path(path))
    return copied


def _annotation_files(dataset: Dataset) -> Iterator[tuple[Root, str]]:
    """Root and path of the split lists, and of every sequence's annotations and text."""
    yield from ((dataset.source, path) for path in dataset.lists.values())
    for entry in map(dataset.entry, dataset.names):
        yield from ((dataset.source, path) for path in dataset.files(entry).annotations())
        yield dataset.text_source, dataset.text_path(entry)
