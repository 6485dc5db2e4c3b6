"""Result folders of trackers as they are published: a folder or a zip with one text file per sequence.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as place:
...     _ = Path(place, "jogging_1.txt").write_text("10,20,30,40")
...     tracker = ResultFolder(f"{place}=mine")
...     tracker.name, tracker.match(["Jogging-1", "Biker"])
('mine', {'Jogging-1': MatchedFile(path='jogging_1.txt', notes=('read from jogging_1.txt',), error='')})

A file belongs to the sequence of its name, also in another spelling, which leaves a note.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from chatdesc.loaders.files import LocalRoot, open_root
from chatdesc.names import SHOWN, counted, file_name
from chatdesc.types import ChatdescError, DataError

BESIDE = ("_time", "_times", "_confidence", "_confidences", "_all_boxes", "_object_presence_scores")
LARGE = 1 << 20  # bytes of a file
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_NUMBERED = re.compile(r"-0*1$")


@dataclass(frozen=True, slots=True)
class MatchedFile:
    """A sequence's result file; ``notes`` say from which other spelling it was read, ``error`` why it is ambiguous."""

    path: str
    notes: tuple[str, ...] = ()
    error: str = ""


class ResultFolder:
    """A tracker's results: a folder or a zip.

    Args:
        spec: ``DIR``, or ``DIR=NAME`` with the tracker's name.
        path: the folder, where its name may hold a ``=`` that names no tracker; ``spec`` is then not looked at.

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
        entries = self.root.entries(self._folder)
        self.files = _shared(tuple(sorted(n for n, folder in entries.items() if not folder and _is_text(n))))
        if not self.files:
            inside = ", ".join(sorted(n for n, folder in entries.items() if folder)[:5])
            hint = f"; it holds the folders {inside}: give one --results each" if inside else ""
            raise ChatdescError(f"{path}: holds no .txt file{hint}")
        self._place = self._on_disk()

    def _on_disk(self) -> str:
        """The place of the paths of files, empty where they are not all plain names in a folder of this machine."""
        if not isinstance(self.root, LocalRoot) or not _NO_LINKS or ".zip" in self._folder.lower():
            return ""
        odd = {"\\", ":"} & set("".join([self._folder, *self.files]))
        return "" if odd else self.root.path + os.sep

    def _descend(self) -> str:
        """The folder that holds the files: archives often hold one folder, and nothing beside it."""
        folder = ""
        while True:
            entries = self.root.entries(folder)
            inner = [name for name, is_folder in entries.items() if is_folder and not name.startswith(("_", "."))]
            if len(inner) != 1 or any(_is_text(name) for name, is_folder in entries.items() if not is_folder):
                return folder
            folder = f"{folder}/{inner[0]}".lstrip("/")

    def match(self, names: Sequence[str], required: bool = True) -> Mapping[str, MatchedFile]:
        """The file of each sequence that has one: by its name, else by its name in another spelling.

        Raises:
            ChatdescError: no file is a sequence's, and one is ``required``.
        """
        matched = _matched(self._folder, self.files, tuple(names))
        if required and not matched:
            raise ChatdescError(self.foreign(names))
        return matched

    def foreign(self, names: Sequence[str]) -> str:
        """The message for a folder of which no file is a sequence's."""
        return (
            f"{self.path}: no file is a sequence of this dataset; found {self.files[0]} and "
            f"{len(self.files) - 1} more, expected {names[0]}.txt"
        )

    def unread(self, matched: Mapping[str, MatchedFile]) -> list[str]:
        """Files that no sequence is read from, without those that trackers write beside results, such as times."""
        read = {match.path for match in matched.values()}
        spare = (file for file in self.files if self._path(file) not in read)
        return [file for file in spare if not file[:-4].lower().endswith(BESIDE)]

    def _path(self, file: str) -> str:
        return _path(self._folder, file)

    def read(self, path: str) -> bytes | None:
        """A file's bytes, None where it cannot be read."""
        if self._place:
            data = _read_regular(self._place + path)
            if data is not None:
                return data
        try:
            return self.root.read(path)
        except (OSError, DataError):
            return None


@lru_cache(64)
def _shared(files: tuple[str, ...]) -> tuple[str, ...]:
    """The first of equal names: hundreds of trackers may have the same thousands."""
    return files


@lru_cache(64)
def _matched(folder: str, files: tuple[str, ...], names: tuple[str, ...]) -> Mapping[str, MatchedFile]:
    """See ``ResultFolder.match``; shared by all trackers whose files have the same names."""
    stems = {file[:-4]: file for file in files}
    exact = {name: name if name in stems else file_name(name, ".txt")[:-4] for name in names}
    matched = {name: MatchedFile(_path(folder, stems[stem])) for name, stem in exact.items() if stem in stems}
    rest = [name for name in names if name not in matched]
    taken = {exact[name] for name in matched}
    spare = {s: _path(folder, stems[s]) for s in stems if s not in taken and not s.lower().endswith(BESIDE)}
    return matched | _by_spelling(rest, spare)


def _by_spelling(names: list[str], spare: Mapping[str, str]) -> dict[str, MatchedFile]:
    """Files of other spellings; ``spare``: the paths of those that may be, by their stems."""
    matched: dict[str, MatchedFile] = {}
    keys = _grouped(names, _key)
    for loose in (_key, lambda stem: _NUMBERED.sub("", _key(stem))):
        for key, candidates in _grouped(spare, loose).items():
            wanted = keys.get(key, [])
            if len(wanted) != 1 or wanted[0] in matched:
                continue
            paths = [spare[stem] for stem in candidates]
            error = f"{' and '.join(paths)} may both be {wanted[0]}; remove one" if len(paths) > 1 else ""
            alike = _composed(candidates[0]) == _composed(wanted[0])  # which no reader could tell apart
            notes = () if alike else (f"read from {paths[0].rpartition('/')[2]}",)
            matched[wanted[0]] = MatchedFile(paths[0], notes, error)
    return matched


def _path(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file


@dataclass(frozen=True, slots=True, eq=False)
class MatchedFolder:
    """A tracker's results, and the file of each of the sequences ``names`` that has one."""

    folder: ResultFolder
    names: Sequence[str]
    files: Mapping[str, MatchedFile]

    @classmethod
    def of(cls, folder: ResultFolder, names: Sequence[str]) -> MatchedFolder:
        """The folder with its files looked up; ``files`` is empty where it belongs to another dataset."""
        return cls(folder, names, folder.match(names, required=False))

    def about_unread(self, whole: bool) -> str:
        """A note on the files that are read for no sequence; empty without any.

        Args:
            whole: ``names`` are the whole dataset; else only second files of its sequences are named.
        """
        if not self.files:
            return self.folder.foreign(self.names)
        unread = self.folder.unread(self.files)
        if not whole:
            keys = set(map(_key, self.names))
            unread = [file for file in unread if _key(file[:-4]) in keys]
        if not unread:
            return ""
        more = ", ..." if len(unread) > SHOWN else ""
        what = counted(len(unread), "file is", "files are")
        return f"{what} no sequence of this dataset, or a second file of one: {', '.join(unread[:SHOWN])}{more}"


def _read_regular(path: str) -> bytes | None:
    """A regular file's bytes, None where it is anything else, or large: that is for ``LocalRoot`` to judge.

    There may be hundreds of thousands of files, whose paths were looked at together.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _NO_LINKS)  # a pipe is not waited for
    except OSError:
        return None
    try:
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGE:
            return None
        data = os.read(file, about.st_size + 1)
        return data if len(data) == about.st_size else None
    except OSError:
        return None
    finally:
        os.close(file)


def result_folders(specs: Sequence[str]) -> list[ResultFolder]:
    """A folder per spec (see ``ResultFolder``); ``DIR/*`` means every folder and zip in DIR.

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
    """The folder and the name in ``DIR=NAME``; a folder that exists under the whole spec has no name."""
    path, named, name = spec.rpartition("=")
    return (path, name) if named and not os.path.exists(os.path.expanduser(spec)) else (spec, "")


def _all_in(path: str) -> list[str]:
    entries = sorted(open_root(path).entries("").items())
    trackers = [n for n, folder in entries if n[0] != "." and (folder or n.lower().endswith(".zip"))]
    if not trackers:
        raise ChatdescError(f"{path}: holds no folder and no zip, so there is no tracker in it")
    return [f"{path}/{name}" for name in trackers]


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
