"""Ground truth alone, as evaluation toolkits ship it: a folder of ``<sequence>.txt``.

>>> import fsspec
>>> from chatdesc.loaders import load
>>> fsspec.filesystem("memory").pipe({"/truth/annos/Biker.txt": b"1,2,3,4\\n", "/truth/annos/absent/Biker.txt": b"0"})
>>> sequence = load("folder", "memory://truth")["Biker"]
>>> sequence.boxes.shape, sequence.visible.tolist(), sequence.status
((1, 4), [True], 'missing_frames')

The files may lie in ``annos/`` or ``gt_rect/`` of the root. Marks of absence are in ``absent/<sequence>.txt``, within
that folder or beside it. Without frames and texts, such a dataset can be evaluated, not annotated.
"""

from __future__ import annotations

from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files

_PLACES = ("", "annos", "gt_rect", "annos/gt_rect")
_LISTS = ("testing_set.txt", "training_set.txt")


class Folder(Dataset):
    """Boxes, and flags of absence where they exist."""

    dataset: ClassVar[str] = "folder"
    layout: ClassVar[str] = "<sequence>.txt, with or without absent/<sequence>.txt"
    lists: ClassVar[dict[str, str]] = {"train": "training_set.txt", "test": "testing_set.txt"}

    def _index(self) -> list[Entry]:
        splits = self._splits()
        for place in _PLACES:
            if not self._is_folder(place):
                continue
            files = self.source.entries(place)
            names = [n[:-4] for n, folder in files.items() if self._is_truth(n) and not folder]
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
        """The path of the marks of absence, by file name."""
        for parent in dict.fromkeys((place, place.rpartition("/")[0])):
            folder = f"{parent}/absent".lstrip("/")
            if self._is_folder(folder):
                return {name: f"{folder}/{name}" for name in self.source.entries(folder)}
        return {}

    def _files(self, entry: Entry) -> Files:
        name = entry.folder.removeprefix(self._place)
        flags = self._absent.get(name)
        return Files(boxes=entry.folder, absent=(flags,) if flags else (), wanted=name)
