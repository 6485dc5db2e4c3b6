"""What all datasets share: names, lookup, and a sequence built from its files when it is asked for.

A dataset of its own says where things are: ``_index`` lists the sequences, ``_files`` the files of one.

>>> class Plain(Dataset):                                      # NAME/groundtruth.txt, nothing else
...     dataset, layout = "plain", "NAME/groundtruth.txt"
...     def _index(self):
...         return [Entry(name, name, f"{name}/text.txt") for name in self.source.entries()]
...     def _files(self, entry):
...         return Files(boxes=f"{entry.folder}/groundtruth.txt")
>>> import fsspec
>>> fsspec.filesystem("memory").pipe({"/plain/bus-1/groundtruth.txt": b"1,2,3,4\\n5,6,7,8\\n"})
>>> dataset = Plain("memory://plain")
>>> len(dataset), dataset.names, dataset[0].status
(1, ('bus-1',), 'missing_frames')
>>> for annotation in dataset.annotations():          # boxes of all sequences at once, no frames, fast
...     print(annotation.name, annotation.boxes.shape)
bus-1 (2, 4)
"""

from __future__ import annotations

import operator
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from chatdesc.loaders import checks, choose, parse
from chatdesc.loaders.entry import Entry, Files, is_image
from chatdesc.loaders.files import open_root
from chatdesc.loaders.writeback import WriteBack, layout_path, write_back
from chatdesc.names import in_natural_order, natural, near
from chatdesc.types import Boxes, ChatdescError, DataError, FrameCache, Frames, Problem, Sequence

SERVER_THREADS = 8  # requests at a time
PARSE_THREADS = 2  # beside the one that reads
CHUNK = 16  # sequences parsed at a time: arrays that stay in a processor's cache
AHEAD = 8  # chunks


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """One sequence's boxes [N, 4] (NaN where a line cannot be read) and visibility [N], as the files have them.

    ``visible`` is None where no file marks absence; ``problems`` are those of reading these files.
    """

    name: str
    boxes: parse.Numbers
    visible: NDArray[np.bool_] | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Unparsed:
    """A sequence's annotation files, read; the boxes not parsed yet."""

    entry: Entry
    files: Files
    boxes: bytes
    flags: list[checks.FlagFile]


class Dataset(ABC):
    """Sequences by number or by name; see ``chatdesc.loaders.load`` for the arguments.

    Attributes:
        names: the sequences' names, in the dataset's order.
        split: the split asked for, or None.
        root: the place of the dataset, as given.
        arguments: the arguments with which ``load(dataset, ...)`` opens it again, for another process.
        cache: the decoded frames, if they are kept.
        problems: the problems of the dataset as a whole, not of one sequence.
    """

    dataset: ClassVar[str]
    layout: ClassVar[str]
    attributes: ClassVar[tuple[str, ...]] = ()
    lists: ClassVar[dict[str, str]] = {}
    splits: ClassVar[tuple[str, ...]] = ("train", "test")
    has_texts: ClassVar[bool] = True  # of a dataset without texts none is missing
    withheld: ClassVar[tuple[str, ...]] = ()  # splits of which only the first box of a sequence was published

    def __init__(
        self,
        root: str | os.PathLike[str],
        split: str | None = None,
        sequences: Items[str] | None = None,
        split_file: str | os.PathLike[str] | None = None,
        texts: str | os.PathLike[str] | None = None,
        cache: FrameCache | None = None,
        strict: bool = False,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.root, self.split, self.strict = os.fspath(root), split, strict
        self.arguments: dict[str, Any] = {
            "root": self.root,
            "split": split,
            "sequences": None if sequences is None else list(sequences),
            "split_file": None if split_file is None else os.fspath(split_file),
            "texts": None if texts is None else os.fspath(texts),
            "storage_options": None if storage_options is None else dict(storage_options),
        }
        self.cache, self._wanted = cache, frozenset(sequences or ())
        self.source = open_root(root, storage_options)
        self.text_source = open_root(texts, storage_options) if texts is not None else self.source
        if split is not None and split not in self.splits:
            raise ChatdescError(f"{self.dataset} has no split {split!r}; it has: {', '.join(self.splits)}")
        self._entries, self._duplicates = self._select(sequences, split_file)
        self.names: tuple[str, ...] = tuple(self._entries)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Problems of the dataset as a whole, each once."""
        return tuple(dict.fromkeys([*self._duplicates, *self.source.problems, *self.text_source.problems]))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Sequence]:
        return (self[name] for name in self.names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __getitem__(self, which: int | str) -> Sequence:
        """One sequence, built now from its own files alone.

        Raises:
            IndexError: no such number.
            ChatdescError: no such name.
            DataError: the sequence has a problem, and the dataset is strict.
        """
        name = which if isinstance(which, str) else self.names[operator.index(which)]
        sequence = self._build(self.entry(name))
        if self.strict and sequence.problems:
            raise DataError(sequence.problems[0].message)
        return sequence

    def entry(self, name: str) -> Entry:
        """The place of a sequence.

        Raises:
            ChatdescError: no such name.
        """
        known = self._find(name)
        if known is None:
            raise ChatdescError(f"{self.root}: there is no sequence {name!r}{near(name, self._entries)}")
        return self._entries[known]

    def annotations(self) -> Iterator[Annotation]:
        """Boxes and visibility of all sequences, in order; no frame is read, memory stays bounded."""
        entries = list(self._entries.values())
        with ThreadPoolExecutor(SERVER_THREADS if self.source.remote else PARSE_THREADS) as pool:
            pending: deque[Future[list[Annotation]]] = deque()
            for start in range(0, len(entries), CHUNK):
                pending.append(self._begin(pool, entries[start : start + CHUNK]))
                if len(pending) == AHEAD:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()

    def write_back(
        self,
        rows: Iterable[Mapping[str, Any]],
        to: str | os.PathLike[str],
        in_place: bool = False,
        copy_annotations: bool = False,
    ) -> WriteBack:
        """Write texts in this dataset's layout: see ``chatdesc.loaders.writeback.write_back``."""
        return write_back(self, rows, to, in_place, copy_annotations)

    def files(self, entry: Entry) -> Files:
        """A sequence's files.

        Raises:
            DataError: its folder may not be read.
        """
        return self._files(entry)

    def text_path(self, entry: Entry) -> str:
        """The path of a sequence's text in ``text_source``."""
        return entry.text if self.text_source is self.source else layout_path(entry.text)

    @abstractmethod
    def _index(self) -> list[Entry]:
        """All sequences under the root, or at least those in ``_wanted`` where that saves work."""

    @abstractmethod
    def _files(self, entry: Entry) -> Files: ...

    def _find(self, name: str) -> str | None:
        return name if name in self._entries else None

    def _range(self, entry: Entry, images: list[str], rows: int) -> tuple[list[str], int]:
        """The images that the rows belong to, and the first row to use."""
        return images, 0

    def _skip(self, entry: Entry, rows: int) -> int:
        return 0

    def _select(
        self, names: Items[str] | None, split_file: str | os.PathLike[str] | None
    ) -> tuple[dict[str, Entry], list[Problem]]:
        """The entries asked for by name, in natural order, and a problem for each that was left out."""
        entries = self._index()
        if not self._wanted <= {entry.name for entry in entries}:
            self._wanted = frozenset()  # a sequence may be where it was not looked for
            entries = self._index()
        if not entries:
            raise ChatdescError(f"{self.root}: holds no {self.dataset} sequence; looked for {self.layout}")
        entries.sort(key=lambda entry: natural(entry.name))
        if split_file is not None:
            entries = choose.listed(entries, os.fspath(split_file), self.root, self.split)
        of_split = choose.of_split(entries, self.split, self.root, self.lists.values())
        by_name, duplicates = choose.unique(of_split, self.root)
        if names is not None:
            by_name = choose.named(by_name, names, self.root, {entry.name for entry in entries})
        return by_name, duplicates

    def _splits(self) -> dict[str, str]:
        """Split per name by the list files at the root; a name in several lists is of the last."""
        splits: dict[str, str] = {}
        for split, path in self.lists.items():
            splits |= dict.fromkeys(parse.parse_names(self.source.find(path) or b""), split)
        return splits

    def _look(self, entry: Entry) -> tuple[Files, Problem | None]:
        try:
            return self._files(entry), None
        except (OSError, DataError) as error:
            return Files(None), Problem("bad_boxes", f"{entry.folder}: {error}", fatal=True)

    def _begin(self, pool: ThreadPoolExecutor, entries: list[Entry]) -> Future[list[Annotation]]:
        """Start on a chunk: a server is waited for in threads; a disk is read here while threads parse."""
        if self.source.remote:
            return pool.submit(lambda: self._parsed(self._read(entries)))
        return pool.submit(self._parsed, self._read(entries))

    def _read(self, entries: list[Entry]) -> list[_Unparsed]:
        unparsed = []
        for entry in entries:
            files, _ = self._look(entry)
            unparsed.append(_Unparsed(entry, files, self._boxes(files), checks.read_flags(self.source, files.absent)))
        return unparsed

    def _boxes(self, files: Files) -> bytes:
        try:
            return self.source.read(files.boxes) if files.boxes else b""
        except (OSError, DataError):
            return b""

    def _parsed(self, chunk: list[_Unparsed]) -> list[Annotation]:
        parsed = parse.parse_many([sequence.boxes for sequence in chunk])
        return [self._annotation(sequence, *boxes) for sequence, boxes in zip(chunk, parsed, strict=True)]

    def _annotation(self, sequence: _Unparsed, boxes: parse.Numbers, errors: parse.Errors) -> Annotation:
        entry, files = sequence.entry, sequence.files
        visible, odd = checks.visible(sequence.flags, boxes)
        start = self._skip(entry, len(boxes))
        problems = (*checks.bad_lines(files.boxes or entry.folder, errors), *odd)
        return Annotation(entry.name, boxes[start:], None if visible is None else visible[start:], problems)

    def _build(self, entry: Entry) -> Sequence:
        files, unreadable = self._look(entry)
        wanted = files.wanted if "/" in files.wanted else f"{entry.folder}/{files.wanted}"
        boxes, errors, unread = checks.read_boxes(self.source, files.boxes, wanted)
        visible, odd_flags = checks.read_visible(self.source, files.absent, boxes)
        first_alone = entry.split in self.withheld and len(boxes) == 1
        paths, rows, odd_frames = self._frames(entry, files, 0 if first_alone else len(boxes))
        first = int(rows[0]) if len(rows) else 0
        odd_boxes = checks.check_boxes(files.boxes, boxes, errors, visible, first) if files.boxes else []
        expected = self.has_texts or self.text_source is not self.source
        text, odd_text = checks.read_text(self.text_source, self.text_path(entry), expected)
        attributes, odd_attributes = checks.read_attributes(self.source, files.attributes, self.attributes)
        return Sequence(
            name=entry.name,
            dataset=self.dataset,
            split=entry.split,
            category=entry.category,
            frames=Frames(tuple(paths), self.source.read, self.cache),
            boxes=_first_of(boxes, len(paths)) if first_alone else boxes[rows],
            visible=None if visible is None else visible[rows],
            manual_text=text,
            attributes=attributes,
            problems=(
                *([unreadable] if unreadable else [*odd_frames, *unread]),
                *odd_boxes,
                *odd_text,
                *odd_flags,
                *odd_attributes,
            ),
        )

    def _frames(self, entry: Entry, files: Files, rows: int) -> tuple[list[str], NDArray[np.intp], list[Problem]]:
        """Frame paths, the row of boxes that belongs to each, and what does not fit."""
        folder = files.frames or files.wanted_frames or f"{entry.folder}/img"
        try:
            names = self.source.entries(files.frames) if files.frames else {}
        except (OSError, DataError) as error:
            return [], np.arange(rows), [Problem("missing_frames", f"{folder}: {error}", fatal=True)]
        images = in_natural_order(n for n in names if is_image(n))
        used, start = self._range(entry, images, rows)
        used, taken, problems = checks.pair(folder, used, rows, start or self._skip(entry, rows))
        return [f"{folder}/{name}" for name in used], taken, problems


def _first_of(boxes: Boxes, count: int) -> Boxes:
    """The first box, and NaN for all others of ``count`` frames."""
    unknown = np.full((max(count, 1), 4), np.nan, np.float32)
    unknown[0] = boxes[0]
    return unknown
