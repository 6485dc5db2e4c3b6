"""TrackingNet: ``TRAIN_0`` to ``TRAIN_11`` and ``TEST``, each with ``anno/<video>.txt`` and ``frames/<video>/0.jpg``.

>>> import fsspec
>>> from chatdesc.loaders import load
>>> files = {"/tn/TRAIN_3/anno/a_0.txt": b"1,2,3,4\\n5,6,7,8\\n", "/tn/TEST/anno/b_0.txt": b"1,2,3,4\\n"}
>>> fsspec.filesystem("memory").pipe(files)
>>> dataset = load("trackingnet", "memory://tn")
>>> [(sequence.name, sequence.split, sequence.manual_text) for sequence in dataset]
[('a_0', 'train', None), ('b_0', 'test', None)]

Frames are numbered from 0 without leading zeros. Parts that were not downloaded are left out, and a part may be the
root itself. A video may also lie as ``zips/<video>.zip``, as it was downloaded. The dataset has no texts: that is no
problem of a sequence. ``write_back`` writes them as ``nlp/<video>.txt`` into each part, and they are read there again.

In the test set ``anno`` holds the first frame's box alone; all others are unknown (NaN), and its results are scored by
the evaluation server.
"""

from __future__ import annotations

import re
from typing import ClassVar

from chatdesc.loaders.base import Dataset
from chatdesc.loaders.entry import Entry, Files
from chatdesc.types import DataError

_PART = re.compile(r"TRAIN_[0-9]+|TEST", re.IGNORECASE)


class TrackingNet(Dataset):
    """TrackingNet: 30132 videos for training, 511 for testing."""

    dataset: ClassVar[str] = "trackingnet"
    layout: ClassVar[str] = "TRAIN_<n>/anno/<video>.txt, TEST/anno/<video>.txt (frames/<video>/<n>.jpg beside)"
    has_texts: ClassVar[bool] = False
    withheld: ClassVar[tuple[str, ...]] = ("test",)

    def _index(self) -> list[Entry]:
        self._listed: dict[str, dict[str, bool]] = {}
        top = self.source.entries()
        if top.get("anno") or top.get("frames"):
            return self._part("", _split(self.source.name))
        parts = [name for name, folder in top.items() if folder and _PART.fullmatch(name)]
        return [entry for part in parts for entry in self._part(f"{part}/", _split(part))]

    def _part(self, place: str, split: str | None) -> list[Entry]:
        """The videos of a part: with a file of boxes, with frames, or with both."""
        boxes = [name[:-4] for name, folder in self._in(f"{place}anno").items() if _is_boxes(name) and not folder]
        frames = [name for name, folder in self._in(f"{place}frames").items() if folder]
        zips = [name[:-4] for name in self._in(f"{place}zips") if name.lower().endswith(".zip")]
        names = dict.fromkeys((*boxes, *frames, *zips))
        return [Entry(name, f"{place}frames/{name}", f"{place}nlp/{name}.txt", split) for name in names]

    def _in(self, folder: str) -> dict[str, bool]:
        """What a folder holds, listed once; nothing where it does not exist."""
        if folder not in self._listed:
            try:
                self._listed[folder] = self.source.entries(folder)
            except (FileNotFoundError, NotADirectoryError):
                self._listed[folder] = {}
        return self._listed[folder]

    def _files(self, entry: Entry) -> Files:
        place = entry.folder.removesuffix(f"frames/{entry.name}")
        boxes = f"{entry.name}.txt"
        return Files(
            boxes=f"{place}anno/{boxes}" if boxes in self._in(f"{place}anno") else None,
            frames=self._frames_of(place, entry.name),
            wanted=f"{place}anno/{boxes}",
            wanted_frames=f"{place}frames/{entry.name}",
        )

    def _frames_of(self, place: str, name: str) -> str | None:
        """A video's folder, or the folder in its zip that holds the images."""
        if self._in(f"{place}frames").get(name):
            return f"{place}frames/{name}"
        zipped = f"{place}zips/{name}.zip"
        if f"{name}.zip" not in self._in(f"{place}zips"):
            return None
        try:
            inside = self.source.entries(zipped)
        except DataError:
            return zipped
        return f"{zipped}/{name}" if inside.get(name) else zipped


def _is_boxes(name: str) -> bool:
    return name.lower().endswith(".txt") and not name.startswith(".")


def _split(part: str) -> str | None:
    """The split of a part's folder; None for a folder of another name."""
    if not _PART.fullmatch(part):
        return None
    return "test" if part.upper() == "TEST" else "train"
