"""Text files below a folder or in a zip, by the layout that each belongs to.

>>> files = ["LaSOT/bus/bus-2/nlp.txt", "LaSOT/lasot_train_concise/bus-1.txt", "LaSOT/bus/bus-2/groundtruth.txt"]
>>> [layout_of(path) for path in files]
['lasot', 'dtvlt', None]
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import PurePosixPath

from chatdesc.loaders.entry import is_image
from chatdesc.loaders.files import Root
from chatdesc.types import ChatdescError

MAX_DEPTH = 6  # of a text file; a dataset's own is at most four folders deep
MAX_ENTRIES = 2_000_000
OF_PICTURES = frozenset("img imgs color rgb ir depth frames images jpegimages".split())  # folders without texts
STYLED = re.compile(r".+_(?:concise|detailed)", re.I)  # a folder of DTVLT
PART = re.compile(r".+_p[0-9]+", re.I)  # between it and the files, in TNL2K's two-level tree
QUERIES = re.compile(r"OTB_query_(?:train|test)", re.I)
PARSED, REFINED = re.compile(r".+_parsed_text\.json"), re.compile(r".+_qwen_refine_.+\.json")
TABLES = {"texts.json": "json", "texts.jsonl": "jsonl", "texts.csv": "csv"}
PER_SEQUENCE = {"nlp.txt": "lasot", "language.txt": "tnl2k", "sequence": "vots"}
FLAT = "flat"  # a folder of nothing but NAME.txt, whose lines say which layout it is


def layout_of(path: str) -> str | None:
    """The layout that a file belongs to; the path begins with the source's own name."""
    *folders, name = PurePosixPath(path).parts
    parent = folders[-1] if folders else ""
    if layout := PER_SEQUENCE.get(name):
        return layout
    if name.endswith(".parquet"):
        return "rows"
    if name == "info.json" and parent == "meta":
        return "lerobot"
    if PARSED.fullmatch(name) or REFINED.fullmatch(name):
        return "dpu-vlt"
    if len(folders) == 1 and name in TABLES:
        return TABLES[name]
    if not name.endswith(".txt"):
        return None
    if QUERIES.fullmatch(parent):
        return "otb-lang"
    styled = folders[-2] if PART.fullmatch(parent) and len(folders) > 1 else parent
    return "dtvlt" if STYLED.fullmatch(styled) else FLAT if len(folders) == 1 else None


def files_by_layout(root: Root) -> dict[str, list[str]]:
    """The paths of text files, relative to the root, by layout.

    Raises:
        ChatdescError: the tree is too large, or a link leads out of it.
    """
    found: dict[str, list[str]] = {}
    for path in walk(root):
        if layout := layout_of(f"{root.name}/{path}"):
            found.setdefault(layout, []).append(path)
    if "lerobot" in found:
        found.pop("rows", None)  # its columns
    if set(found) - {FLAT}:
        found.pop(FLAT, None)  # lists of splits and the like, beside the texts
    return {layout: sorted(paths) for layout, paths in found.items()}


def walk(root: Root) -> Iterator[str]:
    """The files below a root that are no pictures; folders of pictures and hidden ones are not entered.

    Raises:
        ChatdescError: there are more than MAX_ENTRIES, or a folder cannot be read.
    """
    waiting, seen = deque([("", 0)]), 0
    while waiting:
        folder, depth = waiting.popleft()
        for name, is_folder in sorted(_entries(root, folder).items()):
            seen += 1
            if seen > MAX_ENTRIES:
                raise ChatdescError(f"{root.name}: holds too many files to be searched; name the folder of the texts")
            path = f"{folder}/{name}" if folder else name
            if is_folder and depth < MAX_DEPTH and not name.startswith(".") and name.lower() not in OF_PICTURES:
                waiting.append((path, depth + 1))
            elif not is_folder and not name.startswith(".") and not is_image(name):
                yield path


def _entries(root: Root, folder: str) -> dict[str, bool]:
    try:
        return root.entries(folder)
    except OSError as error:
        raise ChatdescError(f"{root.name}/{folder}: cannot be read ({error.strerror}); may you read it?") from None
