"""TNL2K: ``<split>/<sequence>/{imgs, groundtruth.txt, language.txt, attributes.txt}``, or one folder deeper.

>>> import fsspec
>>> from chatdesc.loaders import load
>>> place = "/tnl2k/TNL2K_train_subset/Cat_1"
>>> fsspec.filesystem("memory").pipe({f"{place}/groundtruth.txt": b"1,2,3,4\\n", f"{place}/language.txt": b"the cat"})
>>> sequence = load("tnl2k", "memory://tnl2k", split="train")["Cat_1"]
>>> sequence.manual_text, sequence.split
('the cat', 'train')

The split comes from the folders' names (``TNL2K_train_subset``, ``TNL2K_test_subset``), otherwise from the published
lists (``TNL2K_train_set.txt``, ``TNL2K_testing_set.txt``) at the root. ``monitor_manypeople`` is in both lists: its
folder decides; by the lists alone it is test, so that nobody trains on a test sequence by accident.

An absence file marks absent frames with 1; their boxes are 0,0,0,0. Without one, visibility is unknown and a box
without a size counts as absence.
"""

from __future__ import annotations

from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files, split_of
from chatdesc.types import DataError

_DEPTH = 3  # split / part / sequence
_SIGNS = ("groundtruth.txt", "language.txt", "imgs")


class Tnl2k(Dataset):
    """TNL2K: 1300 sequences for training, 700 for testing."""

    dataset: ClassVar[str] = "tnl2k"
    layout: ClassVar[str] = "<split>/<sequence>/groundtruth.txt, one folder deeper or less (imgs/, language.txt beside)"
    lists: ClassVar[dict[str, str]] = {"train": "TNL2K_train_set.txt", "test": "TNL2K_testing_set.txt"}
    # The order in the evaluation toolkit's files.
    attributes: ClassVar[tuple[str, ...]] = tuple("CM ROT DEF FOC IV OV POC VC SV BC MB ARC LR FM AS TC MS".split())

    def _index(self) -> list[Entry]:
        self._by_list = self._splits()
        return self._visit("", split_of(self.source.name), 0)

    def _visit(self, folder: str, split: str | None, depth: int) -> list[Entry]:
        try:
            there = self.source.entries(folder)
        except (OSError, DataError):
            # The sequence itself will say why.
            return [self._entry(folder, split)]
        if folder and any(sign in there for sign in _SIGNS):
            return [self._entry(folder, split)]
        if depth == _DEPTH:
            return []
        split = (split_of(folder.rpartition("/")[2]) if folder else None) or split
        inside = [name for name, is_folder in there.items() if is_folder or name.lower().endswith(".zip")]
        return [e for name in inside for e in self._visit(f"{folder}/{name}".strip("/"), split, depth + 1)]

    def _entry(self, folder: str, split: str | None) -> Entry:
        name = folder.rpartition("/")[2]
        return Entry(name, folder, f"{folder}/language.txt", split or self._by_list.get(name))

    def _files(self, entry: Entry) -> Files:
        there, place = self.source.entries(entry.folder), entry.folder

        def first(*names: str) -> str | None:
            return next((f"{place}/{name}" for name in names if name in there), None)

        absent = first("absent.toolkit.txt", "absent.txt")
        return Files(
            boxes=first("groundtruth.txt"),
            frames=next((f"{place}/{n}" for n in ("imgs", "img") if there.get(n)), None),
            absent=(absent,) if absent else (),
            attributes=first("attributes.txt", "attributes.toolkit.txt"),
        )
