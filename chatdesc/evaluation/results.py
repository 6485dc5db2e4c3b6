"""Result folders of trackers as they are published: one text file of boxes per sequence.

>>> found = ResultFolder("results/KCF=mine")
>>> found.name, found.match(["Jogging-1", "Biker"])["Jogging-1"].path          # doctest: +SKIP
('mine', 'jogging_1.txt')
>>> parse_results([b"10,20,30,40\\n10\\t20\\tNaN\\t40\\n"])[0].boxes.shape
(2, 4)

A folder or a zip; numbers separated by commas, tabs, spaces or semicolons, lines ended by LF or CRLF, NaN in any case.
What cannot be read is an error with file and line; what is taken in a wider sense leaves a note.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from chatdesc.loaders.files import open_root
from chatdesc.types import ChatdescError, DataError

Floats = NDArray[np.float64]

SHOWN = 5  # names in a message
_BESIDE = ("_time", "_times", "_confidence", "_confidences", "_all_boxes", "_object_presence_scores")
_TO_COMMAS = bytes.maketrans(b"\t; ", b",,,")
_FIELD = re.compile(r"\s*[,;]\s*|\s+")
_NUMBERED = re.compile(r"-0*1$")


@dataclass(frozen=True, slots=True)
class Found:
    """A sequence's result file; ``notes`` say how its name was understood, ``error`` why it cannot be."""

    path: str
    notes: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """Boxes [M, 4] xywh of one file, or why there are none (``line: why``)."""

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    error: str = ""


class ResultFolder:
    """A tracker's results: ``DIR`` or ``DIR=NAME``, a folder or a zip; ``path`` is a place in any case.

    Raises:
        ChatdescError: there is nothing at that place, or no text file in it.
    """

    def __init__(self, spec: str, path: str = "") -> None:
        path, name = (path, "") if path else _named(spec)
        self.root = open_root(path)
        self.path = path
        plain = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
        self.name = name or re.sub(r"\.zip$", "", plain, flags=re.IGNORECASE) or path
        self._folder = self._descend()
        there = self.root.entries(self._folder)
        self.files = sorted(n for n, folder in there.items() if not folder and _is_text(n))
        if not self.files:
            inside = ", ".join(sorted(n for n, folder in there.items() if folder)[:5])
            hint = f"; it holds the folders {inside}: give one --results each" if inside else ""
            raise ChatdescError(f"{path}: holds no .txt file{hint}")

    def _descend(self) -> str:
        """Into folders that are alone in theirs, as archives have them."""
        folder = ""
        while True:
            there = self.root.entries(folder)
            inner = [name for name, is_folder in there.items() if is_folder and not name.startswith(("_", "."))]
            if len(inner) != 1 or any(_is_text(name) for name, is_folder in there.items() if not is_folder):
                return folder
            folder = f"{folder}/{inner[0]}".lstrip("/")

    def match(self, names: Sequence[str], required: bool = True) -> dict[str, Found]:
        """The file of each sequence that has one: by its name, else by its name in another spelling.

        Raises:
            ChatdescError: no file is a sequence's, and one is ``required``.
        """
        stems = {file[:-4]: file for file in self.files}
        matched = {name: Found(self._path(stems[name])) for name in names if name in stems}
        rest = [name for name in names if name not in matched]
        spare = [s for s in stems if s not in matched and not s.lower().endswith(_BESIDE)]
        matched |= self._by_spelling(rest, spare, stems)
        if required and not matched:
            raise ChatdescError(self._foreign(names))
        return matched

    def _foreign(self, names: Sequence[str]) -> str:
        return (
            f"{self.path}: no file is a sequence of this dataset; found {self.files[0]} and "
            f"{len(self.files) - 1} more, expected {names[0]}.txt"
        )

    def about_unread(self, names: Sequence[str], whole: bool) -> str:
        """What is to be said of files that are read for no sequence; those that trackers write beside are left out.

        Args:
            whole: ``names`` are the whole dataset; else files of its other sequences are nothing to speak of.
        """
        matched = self.match(names, required=False)
        if not matched:
            return self._foreign(names)
        read, keys = {found.path for found in matched.values()}, set(map(_key, names))
        unread = [
            file
            for file in self.files
            if self._path(file) not in read and not file[:-4].lower().endswith(_BESIDE)
            if whole or _key(file[:-4]) in keys
        ]
        more = ", ..." if len(unread) > SHOWN else ""
        what = "1 file is" if len(unread) == 1 else f"{len(unread)} files are"
        listed = ", ".join(unread[:SHOWN]) + more
        return f"{what} no sequence of this dataset, or a second file of one: {listed}" if unread else ""

    def _by_spelling(self, names: list[str], spare: list[str], stems: dict[str, str]) -> dict[str, Found]:
        matched: dict[str, Found] = {}
        keys = _grouped(names, _key)
        for loose in (_key, lambda stem: _NUMBERED.sub("", _key(stem))):
            for key, found in _grouped(spare, loose).items():
                wanted = keys.get(key, [])
                if len(wanted) != 1 or wanted[0] in matched:
                    continue
                paths = [self._path(stems[stem]) for stem in found]
                error = f"{' and '.join(paths)} may both be {wanted[0]}; remove one" if len(found) > 1 else ""
                alike = _composed(found[0]) == _composed(wanted[0])  # which no reader could tell apart
                matched[wanted[0]] = Found(paths[0], () if alike else (f"read from {stems[found[0]]}",), error)
        return matched

    def _path(self, file: str) -> str:
        return f"{self._folder}/{file}".lstrip("/")

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None where it cannot be read."""
        try:
            return self.root.read(path)
        except (OSError, DataError):
            return None


def result_folders(specs: Sequence[str]) -> list[ResultFolder]:
    """A folder per spec; ``DIR/*`` stands for every folder and zip in DIR.

    Raises:
        ChatdescError: there is no such folder, or two trackers have one name.
    """
    listed = [(spec, path) for spec in specs for path in (_all_in(spec[:-2]) if spec.endswith("/*") else [""])]
    folders = [ResultFolder(spec, path) for spec, path in listed]
    names = [folder.name for folder in folders]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ChatdescError(f"two trackers are called {twice[0]}; name them: --results DIR=NAME")
    return folders


def _named(spec: str) -> tuple[str, str]:
    """The place and the name in ``DIR=NAME``; what is there with ``=`` and all is a place without a name."""
    path, named, name = spec.rpartition("=")
    return (path, name) if named and not os.path.exists(os.path.expanduser(spec)) else (spec, "")


def _all_in(path: str) -> list[str]:
    there = open_root(path).entries("")
    found = [n for n, folder in sorted(there.items()) if n[0] != "." and (folder or n.lower().endswith(".zip"))]
    if not found:
        raise ChatdescError(f"{path}: holds no folder and no zip, so there is no tracker in it")
    return [f"{path}/{name}" for name in found]


def parse_results(files: Sequence[bytes]) -> list[Parsed]:
    """The boxes of several files, float64 as written; all in one call where they are as usual.

    The usual arrays are parts of one in Fortran order: number by number, as they come and as scoring takes them.
    """
    bodies = [_tidy(data) for data in files]
    usual = [i for i, body in enumerate(bodies) if body]
    boxes = dict(zip(usual, _several([bodies[i] for i in usual]), strict=True))
    found = (boxes.get(i) for i in range(len(files)))
    return [_careful(data) if quick is None else Parsed(quick) for data, quick in zip(files, found, strict=True)]


def _tidy(data: bytes) -> bytes:
    body = data.removeprefix(b"\xef\xbb\xbf").strip()
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    if b"\t" in body or b" " in body or b";" in body:
        body = body.translate(_TO_COMMAS)
    return body


def lines_in(body: bytes) -> int:
    """Lines of a text that does not end with a newline. ``bytes.count``, one by one, takes three times as long."""
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord("\n"))) + 1


def _several(bodies: list[bytes]) -> list[Floats | None]:
    """The boxes of each body, None where it has to be read with care; what is unusual is found by halves."""
    quick = _quick(bodies)
    if quick is not None:
        return quick
    if len(bodies) == 1:
        return [None]
    middle = len(bodies) // 2
    return _several(bodies[:middle]) + _several(bodies[middle:])


def _quick(bodies: list[bytes]) -> list[Floats | None] | None:
    """One pass over all bodies, or None where a line of any of them is not four numbers."""
    import polars

    if not bodies:
        return []
    counts = [lines_in(body) for body in bodies]
    columns = dict.fromkeys("xywh", polars.Float64)
    try:
        table = polars.read_csv(b"\n".join(bodies), has_header=False, schema=columns, quote_char=None)
    except polars.exceptions.PolarsError:
        return None
    if table.height != sum(counts) or any(table.null_count().row(0)):
        return None
    values = table.to_numpy(order="fortran")
    stops = np.cumsum(counts).tolist()
    return [values[stop - count : stop] for stop, count in zip(stops, counts, strict=True)]


def _careful(data: bytes) -> Parsed:
    lines = data.decode("utf-8-sig", "replace").rstrip().splitlines()
    if not lines:
        return Parsed(error="is empty")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_row(line))
        except ValueError as error:
            return Parsed(error=f"{number}: {error}")
    return Parsed(np.array(rows, np.float64))


def _row(line: str) -> list[float]:
    fields = _FIELD.split(line.strip().rstrip(",;").rstrip())
    if len(fields) != 4:
        raise ValueError(f"expected 4 numbers, found {len(fields) if line.strip() else 0}")
    numbers = []
    for text in fields:
        try:
            # "1_0" is a number for Python, and for nobody else.
            numbers.append(float(text.replace("_", "?")))
        except ValueError:
            raise ValueError(f"expected a number, found {text!r}") from None
    return numbers


def _is_text(name: str) -> bool:
    return name.lower().endswith(".txt") and not name.startswith(".")


def _key(name: str) -> str:
    return re.sub(r"[-_. ]+", "-", _composed(name).lower())


def _composed(name: str) -> str:
    """A name with letters and their accents in one, which macOS takes apart."""
    return unicodedata.normalize("NFC", name)


def _grouped(names: Iterable[str], key: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(key(name), []).append(name)
    return groups
