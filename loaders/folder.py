"""Ground truth alone: one ``<sequence>.txt`` each in a folder, with ``absent/<sequence>.txt`` where that is known.

>>> dataset = chatdesc.load("folder", "/data/annos")        # what evaluation toolkits ship as ``annos``
>>> dataset["Biker"].boxes.shape, dataset["Biker"].status
((142, 4), 'missing_frames')

The files may lie in ``annos/`` or ``gt_rect/`` of the root; ``absent/`` lies within that folder or beside it. There are
no frames and no texts, so such a dataset can be evaluated, not annotated.
"""

from __future__ import annotations

from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files

_PLACES = ("", "annos", "gt_rect", "annos/gt_rect")
_LISTS = ("testing_set.txt", "training_set.txt")


class Folder(Dataset):
    dataset: ClassVar[str] = "folder"
    layout: ClassVar[str] = "<sequence>.txt, with or without absent/<sequence>.txt"
    lists: ClassVar[dict[str, str]] = {"train": "training_set.txt", "test": "testing_set.txt"}

    def _index(self) -> list[Entry]:
        splits = self._splits()
        for place in _PLACES:
            if not self._is_folder(place):
                continue
            there = self.source.entries(place)
            names = [n[:-4] for n, folder in there.items() if self._is_truth(n) and not folder]
            if names:
                self._place = f"{place}/" if place else ""
                self._absent = self._flags(place)
                return [Entry(n, f"{self._place}{n}.txt", f"{n}/nlp.txt", splits.get(n)) for n in names]
        return []

    def _is_folder(self, path: str) -> bool:
        parent, _, name = path.rpartition("/")
        return not path or (self._is_folder(parent) and bool(self.source.entries(parent).get(name)))

    @staticmethod
    def _is_truth(name: str) -> bool:
        return name.lower().endswith(".txt") and not name.startswith(".") and name not in _LISTS

    def _flags(self, place: str) -> dict[str, str]:
        """Per file name the path of its marks of absence."""
        for parent in dict.fromkeys((place, place.rpartition("/")[0])):
            folder = f"{parent}/absent".lstrip("/")
            if self._is_folder(folder):
                return {name: f"{folder}/{name}" for name in self.source.entries(folder)}
        return {}

    def _files(self, entry: Entry) -> Files:
        name = entry.folder.removeprefix(self._place)
        flags = self._absent.get(name)
        return Files(boxes=entry.folder, absent=(flags,) if flags else (), wanted=name)
