"""LaSOT and its extension: ``<class>/<class-N>/{groundtruth.txt, nlp.txt, full_occlusion.txt, out_of_view.txt, img}``.

>>> import fsspec
>>> from chatdesc.loaders import load
>>> place = "/lasot/airplane/airplane-15"
>>> files = {f"{place}/groundtruth.txt": b"1,2,3,4\\n", f"{place}/nlp.txt": b"a white airplane"}
>>> fsspec.filesystem("memory").pipe(files)
>>> sequence = load("lasot", "memory://lasot")["airplane-15"]
>>> sequence.category, sequence.manual_text, sequence.visible
('airplane', 'a white airplane', None)

Also read: all sequences in one folder, ``airplane.zip`` beside or instead of ``airplane/``, the evaluation
toolkit's files in the dataset's folders (``absent.toolkit.txt``, ``att.toolkit.txt``) and its own folder of annotations
(``annos/airplane-1.txt, annos/absent/airplane-1.txt, annos/att/airplane-1.txt``).

The split comes from ``testing_set.txt`` and ``training_set.txt`` at the root; it is None for a sequence in neither. A
target is visible where it is neither fully occluded nor out of view. Absent frames often carry a box all the same.
"""

from __future__ import annotations

import re
from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files
from chatdesc.types import DataError

_SEQUENCE = re.compile(r"(.+)-[0-9]+")


class Lasot(Dataset):
    """LaSOT: 1400 sequences of 70 classes."""

    dataset: ClassVar[str] = "lasot"
    layout: ClassVar[str] = "<class>/<class-N>/groundtruth.txt, <class-N>/groundtruth.txt or <class>.zip"
    lists: ClassVar[dict[str, str]] = {"train": "training_set.txt", "test": "testing_set.txt"}
    # The order in the evaluation toolkit's files.
    attributes: ClassVar[tuple[str, ...]] = tuple("IV POC DEF MB CM ROT BC VC SV FOC FM OV LR ARC".split())

    def _index(self) -> list[Entry]:
        splits, top = self._splits(), self.source.entries()
        entries: list[Entry] = []
        for name, folder in top.items():
            if folder and _SEQUENCE.fullmatch(name):
                entries.append(self._entry(name, name, splits))
            elif self._may_hold(name, folder):
                entries += self._class(name, splits)
        for folder_name in ("annos", ""):
            if not entries and (not folder_name or top.get(folder_name)):
                entries = self._toolkit(folder_name, splits)
        return entries

    def _may_hold(self, name: str, folder: bool) -> bool:
        if not folder and not name.lower().endswith(".zip"):
            return False
        classes = {wanted.rpartition("-")[0] for wanted in self._wanted}
        # A zip's directory takes long to read: those of other classes stay closed.
        return folder or not classes or name[:-4] in classes

    def _class(self, folder: str, splits: dict[str, str]) -> list[Entry]:
        """Sequences of a class folder or zip; a zip may hold the class folder itself."""
        try:
            children = self.source.entries(folder)
        except DataError:
            return []
        names = [name for name, is_folder in children.items() if is_folder and _SEQUENCE.fullmatch(name)]
        if names or not folder.lower().endswith(".zip"):
            return [self._entry(f"{folder}/{name}", name, splits) for name in names]
        inner = [f"{folder}/{name}" for name, is_folder in children.items() if is_folder]
        return [entry for child in inner for entry in self._class(child, splits)]

    def _entry(self, folder: str, name: str, splits: dict[str, str]) -> Entry:
        category = name.rpartition("-")[0]
        return Entry(name, folder, f"{folder}/nlp.txt", splits.get(name), category)

    def _toolkit(self, folder: str, splits: dict[str, str]) -> list[Entry]:
        names = [name[:-4] for name in self.source.entries(folder) if name.endswith(".txt")]
        place = f"{folder}/" if folder else ""
        return [
            Entry(n, f"{place}{n}.txt", f"{n.rpartition('-')[0]}/{n}/nlp.txt", splits.get(n), n.rpartition("-")[0])
            for n in names
            if _SEQUENCE.fullmatch(n)
        ]

    def _files(self, entry: Entry) -> Files:
        if entry.folder.endswith(".txt"):
            return self._toolkit_files(entry)
        there, place = self.source.entries(entry.folder), f"{entry.folder}/"
        attributes = next((name for name in ("att.toolkit.txt", "att.txt") if name in there), None)
        return Files(
            boxes=f"{place}groundtruth.txt" if "groundtruth.txt" in there else None,
            frames=f"{place}img" if there.get("img") else None,
            absent=tuple(place + name for name in self._absent(there)),
            attributes=place + attributes if attributes else None,
        )

    @staticmethod
    def _absent(there: dict[str, bool]) -> tuple[str, ...]:
        """The dataset's own two files, else the toolkit's one."""
        if "full_occlusion.txt" in there and "out_of_view.txt" in there:
            return ("full_occlusion.txt", "out_of_view.txt")
        return next(((name,) for name in ("absent.toolkit.txt", "absent.txt") if name in there), ())

    def _toolkit_files(self, entry: Entry) -> Files:
        place, _, name = entry.folder.rpartition("/")
        place = f"{place}/" if place else ""
        absent, attributes = f"{place}absent/{name}", f"{place}att/{name}"
        return Files(
            boxes=entry.folder,
            absent=(absent,) if self.source.find(absent) is not None else (),
            attributes=attributes if self.source.find(attributes) is not None else None,
        )


class Synthetic(Lasot):
    """The scenes of ``chatdesc demo``, in LaSOT's layout."""

    dataset: ClassVar[str] = "synthetic"


class LasotExt(Lasot):
    """15 more classes, all for testing; the archive has no texts."""

    dataset: ClassVar[str] = "lasot_ext"
    lists: ClassVar[dict[str, str]] = {}
    splits: ClassVar[tuple[str, ...]] = ("test",)

    def _entry(self, folder: str, name: str, splits: dict[str, str]) -> Entry:
        return super()._entry(folder, name, {name: "test"})
