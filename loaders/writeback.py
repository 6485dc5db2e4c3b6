"""Texts written back into a dataset's own files, so that an existing tracker reads them unchanged.

>>> dataset = chatdesc.load("lasot", "/data/LaSOT", split="test")
>>> done = dataset.write_back(rows, "/data/LaSOT_refined")     # rows: mappings with "sequence" and "text"
>>> done.written[0], done.skipped
('airplane/airplane-1/nlp.txt', 0)

The new tree holds the text files alone, in the dataset's layout: lay it over a copy of the dataset, or read it with the
original's frames and boxes by ``load(name, root, texts="/data/LaSOT_refined")``. With ``copy_annotations`` the
boxes, visibility, attributes, split lists and the texts that did not change go along, and the tree loads by itself.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatdesc.text import clean_for_trackers as clean_for_trackers
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from chatdesc.loaders.base import Dataset, Entry
    from chatdesc.loaders.roots import Root


@dataclass(frozen=True, slots=True)
class WriteBack:
    """What was done; paths are relative to the folder written to.

    ``written`` are the text files, ``kept`` the originals that stay beside as ``.orig``, ``copied`` the annotation
    files; ``skipped`` counts rows without a text.
    """

    written: tuple[str, ...]
    skipped: int = 0
    kept: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()


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
        in_place: allow ``to`` to be the dataset itself; each original stays beside as ``.orig``, and an ``.orig``
            that is there already is never overwritten.
        copy_annotations: also copy the other annotation files, where ``to`` does not have them yet.

    Raises:
        ChatdescError: a sequence that the dataset lacks or that comes twice, or a path inside the source.
    """
    texts, skipped = _texts(dataset, rows)
    folder = _folder(to)
    paths = {name: layout_path(dataset.entry(name).text) for name in texts}
    for name, path in paths.items():
        _guard(dataset, dataset.entry(name), os.path.join(folder, path), in_place)
    kept = [orig for name, path in paths.items() if (orig := _write_text(dataset, name, texts[name], folder, path))]
    copied = _copy(dataset, folder) if copy_annotations else []
    return WriteBack(tuple(paths.values()), skipped, tuple(kept), tuple(copied))


def layout_path(path: str) -> str:
    """A path of the source as it is in an unpacked tree: ``a.zip/a/a-1/x`` and ``a.zip/a-1/x`` give ``a/a-1/x``."""
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


def _folder(to: str | os.PathLike[str]) -> str:
    folder = os.fspath(to).removeprefix("file://")
    if "://" in folder:
        raise ChatdescError(f"{folder}: texts are written to a local folder; write there, then upload it")
    folder = os.path.abspath(os.path.expanduser(folder))
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise ChatdescError(f"{folder}: is a file; name a folder (an archive is not written into)")
    return folder


def _guard(dataset: Dataset, entry: Entry, target: str, in_place: bool) -> None:
    """Refuse a target that is a file of the source, by whatever spelling or link."""
    # The file itself may be a link into the source: it is replaced, not followed.
    real = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
    for root, path in ((dataset.source, entry.text), (dataset.text_source, dataset.text_path(entry))):
        inside = _inside(root, real) or real == _real_file(root, path)
        if inside and not in_place:
            raise ChatdescError(f"{target}: lies in the dataset itself; write to another folder, or ask for in-place")
        if inside and ".zip/" in path.lower():
            raise ChatdescError(f"{target}: its original is in an archive, which is not changed; write elsewhere")


def _inside(root: Root, real: str) -> bool:
    base = getattr(root, "path", None)
    return base is not None and real.startswith(os.path.realpath(base) + os.sep)


def _real_file(root: Root, path: str) -> str | None:
    """A file of a local root with every link above it resolved."""
    base = getattr(root, "path", None)
    full = os.path.join(base or "", path)
    return os.path.join(os.path.realpath(os.path.dirname(full)), os.path.basename(full)) if base is not None else None


def _write_text(dataset: Dataset, name: str, text: str, folder: str, path: str) -> str | None:
    """Write one text; the path of the original that was kept, if any."""
    entry, target = dataset.entry(name), os.path.join(folder, path)
    before = dataset.text_source.find(dataset.text_path(entry)) or b""
    ending = re.search(rb"(?:\r\n|\n|\r)?\Z", before)
    kept = _keep(dataset, entry, target)
    _replace(target, text.encode("utf-8") + (ending[0] if ending else b""))
    return path + ".orig" if kept else None


def _keep(dataset: Dataset, entry: Entry, target: str) -> bool:
    """Put the original beside, if the target is one and none is there yet."""
    real = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
    roots = ((dataset.source, entry.text), (dataset.text_source, dataset.text_path(entry)))
    ours = any(_inside(root, real) or real == _real_file(root, path) for root, path in roots)
    if not ours or not os.path.exists(target) or os.path.exists(target + ".orig"):
        return False
    with open(target, "rb") as file:
        _replace(target + ".orig", file.read())
    return True


def _replace(target: str, data: bytes) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    part = f"{target}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
    finally:
        if os.path.exists(part):
            os.remove(part)


def _copy(dataset: Dataset, folder: str) -> list[str]:
    paths = [(dataset.source, path) for path in dataset.lists.values()]
    for name in dataset.names:
        entry = dataset.entry(name)
        paths += [(dataset.source, path) for path in dataset.files(entry).annotations()]
        paths.append((dataset.text_source, dataset.text_path(entry)))
    copied = []
    for root, path in paths:
        target = os.path.join(folder, layout_path(path))
        data = None if os.path.lexists(target) else root.find(path)
        if data is not None:
            _replace(target, data)
            copied.append(layout_path(path))
    return copied
