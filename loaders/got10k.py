"""GOT-10k: ``train``, ``val`` and ``test``, each with ``list.txt`` and ``<sequence>/{groundtruth.txt, 00000001.jpg}``.

>>> import fsspec
>>> from chatdesc.loaders import load
>>> place = "/got/val/GOT-10k_Val_000001"
>>> files = {f"{place}/groundtruth.txt": b"1,2,3,4\\n5,6,7,8\\n", f"{place}/absence.label": b"0\\n1\\n"}
>>> fsspec.filesystem("memory").pipe(files)
>>> sequence = load("got10k", "memory://got", split="val")[0]
>>> sequence.name, sequence.visible.tolist(), sequence.manual_text
('GOT-10k_Val_000001', [True, False], None)

A split's folder may be the root itself. The dataset has no texts: that is no problem of a sequence. ``write_back``
writes them as ``nlp.txt`` into each sequence's folder, and they are read there again. In the test set
``groundtruth.txt`` holds the first frame's box alone; all others are unknown (NaN), and its results are scored by the
evaluation server.
"""

from __future__ import annotations

from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files
from chatdesc.loaders.parse import parse_names

_SPLITS = ("train", "val", "test")
_LIST = "list.txt"


class Got10k(Dataset):
    """GOT-10k: 9335 sequences for training, 180 for validation, 180 for testing."""

    dataset: ClassVar[str] = "got10k"
    layout: ClassVar[str] = "<train, val or test>/<sequence>/groundtruth.txt"
    splits: ClassVar[tuple[str, ...]] = _SPLITS
    has_texts: ClassVar[bool] = False
    withheld: ClassVar[tuple[str, ...]] = ("test",)

    def _index(self) -> list[Entry]:
        top = self.source.entries()
        if parts := [split for split in _SPLITS if top.get(split)]:
            return [entry for split in parts for entry in self._split_folder(f"{split}/", split)]
        return self._split_folder("", self.source.name if self.source.name in _SPLITS else None)

    def _split_folder(self, place: str, split: str | None) -> list[Entry]:
        """The sequences that the list names, or all folders where there is no list."""
        there = self.source.entries(place.rstrip("/"))
        listed = parse_names(self.source.read(f"{place}{_LIST}")) if _LIST in there else []
        names = listed or [name for name, folder in there.items() if folder and not name.startswith(".")]
        return [Entry(name, f"{place}{name}", f"{place}{name}/nlp.txt", split) for name in names]

    def _files(self, entry: Entry) -> Files:
        try:
            there = self.source.entries(entry.folder)
        except FileNotFoundError:
            there = {}
        absence = (f"{entry.folder}/absence.label",) if "absence.label" in there else ()
        return Files(
            boxes=f"{entry.folder}/groundtruth.txt" if "groundtruth.txt" in there else None,
            frames=entry.folder if there else None,
            absent=absence,
            wanted_frames=entry.folder,
        )
