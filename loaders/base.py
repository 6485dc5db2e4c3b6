"""What all datasets share: names, lookup, and a sequence made from its files when it is asked for.

>>> dataset = chatdesc.load("tnl2k", "/data/TNL2K", split="test")
>>> len(dataset), dataset.names[0], dataset[0].status
(700, 'advSamp_Arrow_video_01_done', 'ok')
>>> for annotation in dataset.annotations():          # boxes of all sequences at once, no frames, fast
...     annotation.name, annotation.boxes.shape

A dataset of its own says where things are: ``_index`` lists the sequences, ``_files`` the files of one.
"""

from __future__ import annotations

import operator
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Sequence as Items
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from chatdesc.loaders import checks, parse
from chatdesc.loaders.files import open_root
from chatdesc.loaders.writeback import WriteBack, layout_path, write_back
from chatdesc.names import natural, near
from chatdesc.types import ChatdescError, DataError, FrameCache, Frames, Problem, Sequence

IMAGES = (".jpg", ".jpeg", ".png", ".bmp")
SERVER_THREADS = 8  # requests at a time
PARSE_THREADS = 2  # beside the one that reads
CHUNK = 16  # sequences parsed at a time: arrays that stay in a processor's cache
AHEAD = 8  # chunks


@dataclass(frozen=True, slots=True)
class Entry:
    """A sequence's place: its folder, its text file, both relative to their roots."""

    name: str
    folder: str
    text: str
    split: str | None = None
    category: str | None = None
    target: int = 0


@dataclass(frozen=True, slots=True)
class Files:
    """A sequence's files, relative to the root; None where there is none. ``absent`` files mark absence with 1."""

    boxes: str | None
    frames: str | None = None
    absent: tuple[str, ...] = ()
    attributes: str | None = None
    wanted: str = "groundtruth.txt"

    def annotations(self) -> list[str]:
        return [path for path in (self.boxes, *self.absent, self.attributes) if path]


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """One sequence's boxes [N, 4] (NaN where a line cannot be read) and visibility, as the files have them.

    ``problems`` are those of reading the two: what a line or file lacks.
    """

    name: str
    boxes: parse.Numbers
    visible: NDArray[np.bool_] | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Later:
    """Annotations that are ready once ``result`` is called."""

    result: Callable[[], list[Annotation]]


class Dataset:
    """Sequences by number or by name; see ``chatdesc.loaders.load`` for the arguments.

    Attributes:
        names: the sequences' names, in the dataset's order.
        split: the split asked for, or None.
        root: where the dataset is, as given.
        problems: what concerns the dataset rather than one sequence.
    """

    dataset: ClassVar[str]
    layout: ClassVar[str]
    attributes: ClassVar[tuple[str, ...]] = ()
    lists: ClassVar[dict[str, str]] = {}
    splits: ClassVar[tuple[str, ...]] = ("train", "test")

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
        self._cache, self._wanted = cache, frozenset(sequences or ())
        self.source = open_root(root, storage_options)
        self.text_source = open_root(texts, storage_options) if texts is not None else self.source
        if split is not None and split not in self.splits:
            raise ChatdescError(f"{self.dataset} has no split {split!r}; it has: {', '.join(self.splits)}")
        self.notes: list[Problem] = []
        self._entries = self._select(sequences, split_file)
        self.names: tuple[str, ...] = tuple(self._entries)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(dict.fromkeys([*self.notes, *self.source.problems, *self.text_source.problems]))

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
        """Where a sequence is.

        Raises:
            ChatdescError: no such name.
        """
        found = self._find(name)
        if found is None:
            raise ChatdescError(f"{self.root}: there is no sequence {name!r}{near(name, self._entries)}")
        return self._entries[found]

    def annotations(self) -> Iterator[Annotation]:
        """Boxes and visibility of all sequences, in order; frames are not looked at, memory stays bounded."""
        entries = list(self._entries.values())
        chunks = [entries[start : start + CHUNK] for start in range(0, len(entries), CHUNK)]
        with ThreadPoolExecutor(SERVER_THREADS if self.source.remote else PARSE_THREADS) as pool:
            # From a server, reading is what takes time, so it is done in threads; from a disk it is parsing.
            def begin(chunk: list[Entry]) -> Later | Future[list[Annotation]]:
                return pool.submit(self._annotate, chunk) if self.source.remote else self._begin(pool, chunk)

            pending = deque(begin(chunk) for chunk in chunks[:AHEAD])
            for chunk in chunks[AHEAD:]:
                yield from pending.popleft().result()
                pending.append(begin(chunk))
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
        """Where a sequence's text is in ``text_source``."""
        return entry.text if self.text_source is self.source else layout_path(entry.text)

    def _index(self) -> list[Entry]:
        """All sequences under the root, or at least those in ``_wanted`` where that saves work."""
        raise NotImplementedError

    def _files(self, entry: Entry) -> Files:
        raise NotImplementedError

    def _find(self, name: str) -> str | None:
        return name if name in self._entries else None

    def _range(self, entry: Entry, images: list[str], rows: int) -> tuple[list[str], int]:
        """The images that the rows belong to, and the first row to use."""
        return images, 0

    def _skip(self, entry: Entry, rows: int) -> int:
        return 0

    def _select(self, names: Items[str] | None, split_file: str | os.PathLike[str] | None) -> dict[str, Entry]:
        found = self._index()
        if not self._wanted <= {entry.name for entry in found}:
            self._wanted = frozenset()  # one may be where it was not looked for
            found = self._index()
        found.sort(key=lambda entry: natural(entry.name))
        if not found:
            raise ChatdescError(f"{self.root}: holds no {self.dataset} sequence; looked for {self.layout}")
        if split_file is not None:
            found = self._listed(found, os.fspath(split_file))
        entries = self._of_split(found)
        if names is None:
            return entries
        for name in names:
            if name not in entries:
                everywhere = " in this split" if name in {e.name for e in found} else ""
                raise ChatdescError(f"{self.root}: there is no sequence {name!r}{everywhere}{near(name, entries)}")
        return {name: entry for name, entry in entries.items() if name in set(names)}

    def _of_split(self, found: list[Entry]) -> dict[str, Entry]:
        if self.split is None:
            return self._unique(found)
        kept = [entry for entry in found if entry.split == self.split]
        if not kept and not any(entry.split for entry in found):
            lists = " or ".join(self.lists.values()) or "a list of names"
            raise ChatdescError(
                f"{self.root}: nothing says which sequences are {self.split}; put {lists} there, or give split_file="
            )
        if not kept:
            have = ", ".join(sorted({entry.split for entry in found if entry.split}))
            raise ChatdescError(f"{self.root}: holds no {self.split} sequence; it has: {have}")
        return self._unique(kept)

    def _unique(self, found: list[Entry]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        for entry in found:
            other = entries.setdefault(entry.name, entry)
            if other is entry:
                continue
            # A sequence that is in both splits must not be trained on: the test copy stays.
            kept, left = (entry, other) if entry.split == "test" != other.split else (other, entry)
            entries[entry.name] = kept
            message = f"{self.root}/{left.folder}: left out, as {kept.folder} has the same name"
            self.notes.append(Problem("duplicate", message))
        return entries

    def _listed(self, found: list[Entry], path: str) -> list[Entry]:
        names = set(parse.parse_names(read_any(path)))
        kept = [replace(e, split=self.split or split_of(os.path.basename(path))) for e in found if e.name in names]
        if not kept:
            raise ChatdescError(f"{path}: names no sequence of {self.root}; one name a line is expected")
        return kept

    def _splits(self) -> dict[str, str]:
        """Split per name by the list files at the root; a name in several lists is of the last."""
        found: dict[str, str] = {}
        for split, path in self.lists.items():
            for name in parse.parse_names(self.source.find(path) or b""):
                found[name] = split
        return found

    def _look(self, entry: Entry) -> tuple[Files, Problem | None]:
        try:
            return self._files(entry), None
        except (OSError, DataError) as error:
            return Files(None), Problem("bad_boxes", f"{entry.folder}: {error}", fatal=True)

    def _boxes(self, files: Files) -> bytes:
        try:
            return self.source.read(files.boxes) if files.boxes else b""
        except (OSError, DataError):
            return b""

    def _begin(self, pool: ThreadPoolExecutor, entries: list[Entry]) -> Later:
        """Read a chunk's files now and have the boxes parsed while the caller goes on."""
        files = [self._look(entry)[0] for entry in entries]
        parsed = pool.submit(parse.parse_many, [self._boxes(f) for f in files])
        flags = [checks.read_flags(self.source, f.absent) for f in files]
        ready = lambda: zip(entries, files, parsed.result(), flags, strict=True)  # noqa: E731
        return Later(lambda: [self._annotation(*of) for of in ready()])

    def _annotate(self, entries: list[Entry]) -> list[Annotation]:
        files = [self._look(entry)[0] for entry in entries]
        parsed = parse.parse_many([self._boxes(f) for f in files])
        flags = [checks.read_flags(self.source, f.absent) for f in files]
        return [self._annotation(*of) for of in zip(entries, files, parsed, flags, strict=True)]

    def _annotation(self, entry: Entry, files: Files, parsed: parse.Parsed, flags: list[checks.FlagFile]) -> Annotation:
        boxes, errors = parsed
        visible, odd = checks.visible(flags, boxes)
        start = self._skip(entry, len(boxes))
        problems = (*checks.bad_lines(files.boxes or entry.folder, errors), *odd)
        return Annotation(entry.name, boxes[start:], None if visible is None else visible[start:], problems)

    def _build(self, entry: Entry) -> Sequence:
        files, unreadable = self._look(entry)
        boxes, errors, unread = checks.read_boxes(self.source, files.boxes, f"{entry.folder}/{files.wanted}")
        visible, odd_flags = checks.read_visible(self.source, files.absent, boxes)
        paths, rows, odd_frames = self._frames(entry, files, len(boxes))
        first = int(rows[0]) if len(rows) else 0
        odd_boxes = checks.check_boxes(files.boxes, boxes, errors, visible, first) if files.boxes else []
        text, odd_text = checks.read_text(self.text_source, self.text_path(entry))
        attributes, odd_attributes = checks.read_attributes(self.source, files.attributes, self.attributes)
        return Sequence(
            name=entry.name,
            dataset=self.dataset,
            split=entry.split,
            category=entry.category,
            frames=Frames(tuple(paths), self.source.read, self._cache),
            boxes=boxes[rows],
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
        folder = files.frames or f"{entry.folder}/img"
        try:
            names = self.source.entries(files.frames) if files.frames else {}
        except (OSError, DataError) as error:
            return [], np.arange(rows), [Problem("missing_frames", f"{folder}: {error}", fatal=True)]
        images = sorted((n for n in names if is_image(n)), key=natural)
        used, start = self._range(entry, images, rows)
        used, taken, problems = checks.pair(folder, used, rows, start or self._skip(entry, rows))
        return [f"{folder}/{name}" for name in used], taken, problems


def is_image(name: str) -> bool:
    return name.lower().endswith(IMAGES) and not name.startswith(".")


def split_of(name: str) -> str | None:
    """The split that a file or folder is named after."""
    found = [split for split in ("train", "test") if split in name.lower()]
    return found[0] if len(found) == 1 else None


def read_any(path: str) -> bytes:
    """A file's bytes, on a disk or at any fsspec URL.

    Raises:
        ChatdescError: it cannot be read.
    """
    try:
        if "://" in path:
            import fsspec

            with fsspec.open(path, "rb") as file:
                data: bytes = file.read()
                return data
        with open(os.path.expanduser(path), "rb") as plain:
            return plain.read()
    except OSError as error:
        raise ChatdescError(f"{path}: cannot be read ({error})") from error
