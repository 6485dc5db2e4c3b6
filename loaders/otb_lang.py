"""OTB-lang (OTB99): texts in ``OTB_query_{train,test}/*.txt``, frames in ``OTB_videos/<video>/img``.

>>> import fsspec
>>> from chatdesc.loaders import load
>>> fsspec.filesystem("memory").pipe({
...     "/otb/OTB_query_test/Jogging_2.txt": b"the woman in white",
...     "/otb/OTB_videos/Jogging/groundtruth_rect.2.txt": b"1,2,3,4\\n"})
>>> dataset = load("otb-lang", "memory://otb", split="test")       # frames of OTB-100 itself: texts="memory://otb"
>>> dataset.names, dataset["jogging-2"].manual_text
(('Jogging_2',), 'the woman in white')

The frames may lie in ``OTB_videos`` or in the root. A sequence has the name of its text file. A video without text has
the name of its folder, with ``-1`` and ``-2`` for two targets (Jogging, Skating2); ``Human4-2`` is the second target of
its video. Case and separators do not count in names (``Jogging_1`` is ``jogging1``); ``Skating3`` is the other target
of ``Skating2``.

Some ground truths cover a part of the images (David: 300 to 770; of Tiger1 also the first five boxes are dropped):
``RANGES``. The other images of these videos are not used, which is no problem. Visibility is not annotated. A new text
for a sequence without one is written to ``OTB_query_test``.
"""

from __future__ import annotations

import re
from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files
from chatdesc.loaders.files import Root
from chatdesc.types import DataError

RANGES: dict[str, tuple[int, int]] = {
    "david": (300, 770),
    "blurcar1": (247, 988),
    "blurcar3": (3, 359),
    "blurcar4": (18, 397),
    "diving": (1, 215),
    "football1": (1, 74),
    "freeman3": (1, 460),
    "freeman4": (1, 283),
    "tiger1": (6, 354),
}
# Spellings of targets in videos of two (or of the second alone): key -> video, target.
TARGETS: dict[str, tuple[str, int]] = {
    "jogging": ("jogging", 1),
    "jogging1": ("jogging", 1),
    "jogging2": ("jogging", 2),
    "skating2": ("skating2", 1),
    "skating21": ("skating2", 1),
    "skating22": ("skating2", 2),
    "skating3": ("skating2", 2),
    "human4": ("human4", 2),
    "human42": ("human4", 2),
}
QUERIES: dict[str, str] = {"OTB_query_train": "train", "OTB_query_test": "test"}
Target = tuple[str, int]


class OtbLang(Dataset):
    """OTB-lang: a sentence for each of 99 targets of OTB-100."""

    dataset: ClassVar[str] = "otb-lang"
    layout: ClassVar[str] = "OTB_query_train/, OTB_query_test/, OTB_videos/<video>/groundtruth_rect.txt or <video>/img"

    def _index(self) -> list[Entry]:
        texts = _texts(self.text_source)
        found = [
            Entry(path.rpartition("/")[2][:-4], "", path, split, target=key[1]) for key, (path, split) in texts.items()
        ]
        entries = dict(zip(texts, found, strict=True))
        for key, (folder, name) in self._videos().items():
            entry = entries.get(key) or Entry(name, "", f"OTB_query_test/{name}.txt", target=key[1])
            entries[key] = Entry(entry.name, folder, entry.text, entry.split, target=key[1])
        return [e if e.folder else self._nowhere(e) for e in entries.values()]

    @staticmethod
    def _nowhere(entry: Entry) -> Entry:
        return Entry(entry.name, f"OTB_videos/{entry.name}", entry.text, entry.split, target=entry.target)

    def _find(self, name: str) -> str | None:
        if name in self._entries:
            return name
        return next((known for known in self._entries if target_of(known) == target_of(name)), None)

    def _videos(self) -> dict[Target, tuple[str, str]]:
        """Folder and name of every target with frames or boxes."""
        top = self.source.entries()
        inside = "OTB_videos/" if top.get("OTB_videos") else ""
        names = self.source.entries("OTB_videos") if inside else top
        folders = [name for name, is_folder in names.items() if is_folder and (inside or self._is_video(name))]
        videos: dict[Target, tuple[str, str]] = {}
        # A folder of one target ("Jogging_2", "Skating3") goes before the video's own.
        for name in sorted(folders, key=lambda n: (_bare(n), n)):
            for key, shown in _targets(name):
                videos.setdefault(key, (inside + name, shown))
        return videos

    def _is_video(self, name: str) -> bool:
        if name in QUERIES or name.startswith((".", "__")):
            return False
        try:
            files = self.source.entries(name)
        except DataError:
            return True
        return "img" in files or any(file.startswith("groundtruth") for file in files)

    def _files(self, entry: Entry) -> Files:
        try:
            there = self.source.entries(entry.folder)
        except FileNotFoundError:
            there = {}
        wanted = self._wanted_files(entry, there)
        boxes = next((name for name in wanted if name in there), None)
        return Files(
            boxes=f"{entry.folder}/{boxes}" if boxes else None,
            frames=f"{entry.folder}/img" if there.get("img") else None,
            wanted=wanted[0],
        )

    def _wanted_files(self, entry: Entry, there: dict[str, bool]) -> tuple[str, ...]:
        plain = ("groundtruth_rect.txt", "groundtruth.txt")
        if not entry.target:
            return plain
        own = f"groundtruth_rect.{entry.target}.txt"
        folder = entry.folder.rpartition("/")[2]
        only = not _bare(folder) or _key(folder) == "human4"
        # In a folder of two targets the plain file is not the second's.
        first = entry.target == 1 and "groundtruth_rect.2.txt" not in there
        return (own, *plain) if only or first else (own,)

    def _skip(self, entry: Entry, rows: int) -> int:
        first, last = RANGES.get(_key(entry.name), (1, 0))
        return first - 1 if rows == last else 0

    def _range(self, entry: Entry, images: list[str], rows: int) -> tuple[list[str], int]:
        start = self._skip(entry, rows)
        if _key(entry.name) not in RANGES or len(images) == rows - start:
            return images, start
        first, last = RANGES[_key(entry.name)]
        numbers = {name: re.search(r"(?<![0-9])([0-9]{1,18})\.\w+$", name) for name in images}
        inside = [name for name, number in numbers.items() if number and first <= int(number[1]) <= last]
        return inside or images, start


def target_of(name: str) -> Target:
    """The video and target of a name in any spelling; target 0 in a video of one.

    >>> target_of("Jogging_2"), target_of("skating3"), target_of("Man")
    (('jogging', 2), ('skating2', 2), ('man', 0))
    """
    key = _key(name)
    return TARGETS.get(key, (key, 0))


def _key(name: str) -> str:
    return re.sub(r"[\s._-]+", "", name).lower()


def _bare(name: str) -> bool:
    """Whether a folder is a whole video of several targets, rather than one target's."""
    return _key(name) in {video for video, _ in TARGETS.values()}


def _targets(folder: str) -> list[tuple[Target, str]]:
    """The targets of a folder, and their names if they have no text."""
    video, target = target_of(folder)
    if not _bare(folder):
        return [((video, target), folder)]
    numbers = sorted({number for name, number in TARGETS.values() if name == video})
    return [((video, number), f"{folder}-{number}") for number in numbers]


def _texts(root: Root) -> dict[Target, tuple[str, str]]:
    """Path and split of the text of every target."""
    texts: dict[Target, tuple[str, str]] = {}
    for folder, split in QUERIES.items():
        names = root.entries(folder) if root.entries().get(folder) else {}
        # The exact spelling ("Skating2-1") goes before the short one ("Skating2").
        for name in sorted(names, key=lambda n: (_bare(n[:-4]), n)):
            if name.lower().endswith(".txt") and not name.startswith("."):
                texts.setdefault(target_of(name[:-4]), (f"{folder}/{name}", split))
    return texts
