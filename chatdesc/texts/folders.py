"""Texts of a folder, by the layout that its files have; a folder with several layouts needs one to be named.

>>> from tempfile import mkdtemp
>>> from chatdesc.loaders.files import open_root
>>> place = Path(mkdtemp(), "OTB")
>>> (place / "OTB_query_test").mkdir(parents=True)
>>> _ = (place / "OTB_query_test" / "Biker.txt").write_text("the man's head")
>>> read_folder(open_root(str(place)), place).texts["Biker"].candidates
("the man's head",)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chatdesc.loaders.files import Root
from chatdesc.names import counted, near
from chatdesc.texts.files import json_of, text_of
from chatdesc.texts.lerobot_columns import read_lerobot
from chatdesc.texts.mappings import of_mapping
from chatdesc.texts.of_rows import Words, read_row_texts
from chatdesc.texts.per_sequence import LAYOUTS, flat_layout, read_files
from chatdesc.texts.records import of_csv, of_lines
from chatdesc.texts.said import Said, SequenceTexts
from chatdesc.texts.tree import FLAT, PARSED, REFINED, TABLES, files_by_layout
from chatdesc.types import ChatdescError

ALSO = {"lasot_ext": "lasot"}  # layouts of `chatdesc export` that are another's
OF_ROWS = frozenset({"rows", "jsonl", "csv"})  # what has manual texts and texts to use
ALL = (*LAYOUTS, "dpu-vlt", "lerobot", *TABLES.values())


def read_folder(root: Root, place: Path, words: Words | None = None, part: str | None = None) -> Said:
    """The texts of a folder or zip.

    Args:
        root: the folder, opened; ``place`` is its path.
        words: of rows, which of both texts; None takes those to use.
        part: a layout, or of a dataset folder a configuration.

    Raises:
        ChatdescError: it has no texts, or several layouts and ``part`` names none; or a file cannot be read.
    """
    found = files_by_layout(root)
    layout = _chosen(found, root.name, part and ALSO.get(part, part))
    if words == "manual" and layout not in OF_ROWS:
        raise ChatdescError(f"{root.name}: says not which texts are manual ones; leave #manual out")
    if layout == "rows":
        return read_row_texts(str(place), words or "refined", part)
    if layout == FLAT:
        layout = part if part and part in LAYOUTS else flat_layout(root, found[FLAT])
        return read_files(root, found[FLAT], layout)
    if layout in LAYOUTS:
        return read_files(root, found[layout], layout)
    if not place.is_dir():
        raise ChatdescError(f"{place.name}: only layouts with a file per sequence are read from a zip; unpack it")
    return _of_whole(layout, place, found[layout], words or "refined")


def _chosen(found: Mapping[str, list[str]], name: str, part: str | None) -> str:
    """The layout to read."""
    if not found:
        raise ChatdescError(
            f"{name}: holds no texts in a layout that is known ({', '.join(ALL)}); name the file if it is in a table"
        )
    if part is not None and part in found:
        return part
    if len(found) == 1 and (part is None or "rows" in found or (FLAT in found and part in ("otb-lang", "dtvlt"))):
        return next(iter(found))
    there = ", ".join(f"{layout} ({counted(len(paths), 'file')})" for layout, paths in found.items())
    if part is not None:
        raise ChatdescError(f"{name}#{part}: there are no texts in this layout; it has {there}{near(part, found)}")
    choice = " or ".join(f"{name}#{layout}" for layout in found)
    raise ChatdescError(f"{name}: holds texts in several layouts: {there}; say {choice}")


def _of_whole(layout: str, place: Path, paths: list[str], words: Words) -> Said:
    if layout == "lerobot":
        return read_lerobot(place)
    if layout == "dpu-vlt":
        return _of_caches(place, paths)
    [path] = paths
    if layout == "json":
        return of_mapping(json_of(place / path), path)
    return (of_csv if layout == "csv" else of_lines)(text_of(place / path), path, words)


def _of_caches(place: Path, paths: list[str]) -> Said:
    """DPU-VLT's caches: the anchors, which its tracker looks up first, and the parsed texts where there are none."""
    anchors = _merged(place, [path for path in paths if REFINED.fullmatch(Path(path).name)])
    parsed = _merged(place, [path for path in paths if PARSED.fullmatch(Path(path).name)])
    other = sum(name in anchors and anchors[name] != texts for name, texts in parsed.items())
    note = (
        f"of {counted(other, 'sequence')} both caches have texts, and they differ: the refined ones are taken; name a "
        "file to take the others"
    )
    return Said(parsed | anchors, (note,) if other else ())


def _merged(place: Path, paths: list[str]) -> dict[str, SequenceTexts]:
    texts: dict[str, SequenceTexts] = {}
    for path in paths:
        content = json_of(place / path)
        if not isinstance(content, dict):
            raise ChatdescError(f"{path}: is no cache of DPU-VLT, which is a JSON object")
        for name, said in of_mapping(content, path).texts.items():
            if texts.setdefault(name, said) != said:
                raise ChatdescError(f"{path}: {name!r} has other texts in another file of the folder; name one file")
    return texts
