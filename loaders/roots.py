"""The base of all roots, and zips, which may lie among the folders of any root.

>>> packed = io.BytesIO()
>>> with zipfile.ZipFile(packed, "w") as archive:
...     archive.writestr("bus-1/groundtruth.txt", "1,2,3,4")
...     archive.writestr("../bus-2/groundtruth.txt", "1,2,3,4")
>>> root = ZipRoot(lambda: packed, "bus.zip")
>>> root.entries(""), root.entries("bus-1")
({'bus-1': True}, {'groundtruth.txt': False})
>>> root.problems[0].message
"bus.zip: member '../bus-2/groundtruth.txt' leaves the archive and is not read; make the archive anew"

Links and members with ``..`` or an absolute path are never read; each is a problem of the root. What an archive may
hold is limited (``MAX_...``), so that a small one cannot fill the memory. Messages name an archive by its last name:
its URL may hold a password or a signature.
"""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import zipfile
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import BinaryIO

from chatdesc.loaders.entry import is_image
from chatdesc.private import last_name
from chatdesc.types import ChatdescError, DataError, Problem, one_line

MAX_OPEN_ARCHIVES = 8  # the directory of one class of LaSOT takes about 30 MB of memory
MAX_MEMBERS = 10_000_000  # of one archive; all of LaSOT has 3.5 million frames
MAX_DEPTH = 64  # folders in one another
MAX_IMAGE_BYTES = 256 << 20
MAX_TEXT_BYTES = 16 << 20  # of any other file; a million frames have boxes of about that size
MAX_INNER_BYTES = 4 << 30  # of an archive within an archive, which is held in memory
MAX_RATIO = 200  # of a member's size and its packed size; pictures have 1, lists of boxes up to about 20
FREE_BYTES = 16 << 20  # a member up to this size may have any ratio
MAX_PROBLEMS = 20  # unsafe members that are named, of each archive
_ODD_PATH = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|\\|^[A-Za-z]:")


class Root(ABC):
    """Base of all roots: checks paths, and opens zips that lie among the folders.

    Attributes:
        remote: whether reading waits for a server.
        name: the root's last name, for messages.
        problems: members of archives that are not read.
    """

    remote = False

    def __init__(self, url: str) -> None:
        self.name = last_name(url)
        self.problems: list[Problem] = []
        self._archives: OrderedDict[str, ZipRoot] = OrderedDict()
        self._lock = threading.Lock()

    def entries(self, path: str = "") -> dict[str, bool]:
        """Names in a folder (or zip) and whether each is a folder, in no particular order.

        Raises:
            FileNotFoundError: no such folder.
            DataError: the path leaves the root, or is too deep.
        """
        archive, inner = self._locate(path)
        return archive.entries(inner) if archive else self._entries(path)

    def read(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            FileNotFoundError: no such file.
            DataError: the path leaves the root, the archive is damaged, or the file is no file or too large.
        """
        archive, inner = self._locate(path)
        return archive.read(inner) if archive else self._read(path)

    def find(self, path: str) -> bytes | None:
        """A file's bytes, or None where there is none."""
        try:
            return self.read(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _locate(self, path: str) -> tuple[ZipRoot | None, str]:
        if path and not _plain(path):
            raise DataError(f"{self.name}: {path!r} leaves the dataset's folder and is not read; correct the name")
        if path.count("/") > MAX_DEPTH:
            raise DataError(f"{self.name}: {path[:60]}... lies more than {MAX_DEPTH} folders deep and is not read")
        match = re.match(r"(.*?\.zip)(?:/(.*))?$", path, re.I | re.S) if ".zip" in path.lower() else None
        return (self._archive(match[1]), match[2] or "") if match else (None, path)

    def _archive(self, path: str) -> ZipRoot:
        with self._lock:
            if path not in self._archives:
                archive = ZipRoot(lambda: self._open(path), path)
                self.problems = list(dict.fromkeys([*self.problems, *archive.problems]))
                self._archives[path] = archive
            self._archives.move_to_end(path)
            # An archive that is dropped here closes once nobody reads from it any more.
            while len(self._archives) > MAX_OPEN_ARCHIVES:
                self._archives.popitem(last=False)
            return self._archives[path]

    @abstractmethod
    def _entries(self, path: str) -> dict[str, bool]: ...

    @abstractmethod
    def _read(self, path: str) -> bytes: ...

    @abstractmethod
    def _open(self, path: str) -> BinaryIO: ...


class ZipRoot(Root):
    """A zip, read in place; one handle serves all threads of a process."""

    def __init__(self, opened: Callable[[], BinaryIO], url: str, inner: str = "") -> None:
        super().__init__(url)
        self._opened, self._inner = opened, inner
        self._open_archive()
        self._folders: dict[str, dict[str, bool]] = {"": {}}
        self._refused: dict[str, str] = {}
        for info in self._zip.infolist():
            self._add(info)
        self.problems = list(self._unsafe())
        if inner and (not _plain(inner) or inner not in self._folders):
            raise ChatdescError(f"{self.name}: there is no folder {inner!r} in the archive")

    def _open_archive(self) -> None:
        self._process = os.getpid()
        try:
            # Given a file (not a name), ZipFile never closes it under another thread's reading.
            self._zip = zipfile.ZipFile(self._opened())
        except (ChatdescError, OSError):
            raise
        except Exception as error:  # a damaged directory raises many kinds
            raise ChatdescError(f"{self.name}: is not a readable zip ({error}); download it again") from error
        if len(self._zip.filelist) > MAX_MEMBERS:
            count = len(self._zip.filelist)
            raise ChatdescError(f"{self.name}: holds {count} members, more than {MAX_MEMBERS}; unpack it into a folder")

    def _unsafe(self) -> Iterator[Problem]:
        for name in list(self._refused)[:MAX_PROBLEMS]:
            why = f"{self.name}: member {_short(name)!r} {self._refused[name]} and is not read; make the archive anew"
            yield Problem("unsafe_path", why)
        if (more := len(self._refused) - MAX_PROBLEMS) > 0:
            yield Problem("unsafe_path", f"{self.name}: {more} more members are not read; make the archive anew")

    def _add(self, info: zipfile.ZipInfo) -> None:
        name = info.filename.rstrip("/")
        if why := _why_unsafe(info, name):
            self._refused[name] = why
            return
        parent, _, last = name.rpartition("/")
        self._folder(parent)[last] = info.is_dir()
        if info.is_dir():
            self._folder(name)

    def _folder(self, path: str) -> dict[str, bool]:
        if path not in self._folders:
            parent, _, last = path.rpartition("/")
            self._folders[path] = {}
            self._folder(parent)[last] = True
        return self._folders[path]

    def _full(self, path: str) -> str:
        return f"{self._inner}/{path}".strip("/")

    def _locate(self, path: str) -> tuple[ZipRoot | None, str]:
        if self._full(path) in self._refused:
            why = self._refused[self._full(path)]
            raise DataError(f"{self.name}: member {_short(path)!r} {why}, and is not read; make the archive anew")
        return super()._locate(path)

    def _entries(self, path: str) -> dict[str, bool]:
        try:
            return dict(self._folders[self._full(path)])
        except KeyError:
            raise FileNotFoundError(f"{self.name}/{path}") from None

    def _read(self, path: str) -> bytes:
        if self._process != os.getpid():
            self._open_archive()  # a forked process shares the file's position with its parent
        try:
            info = self._zip.getinfo(self._full(path))
        except KeyError:
            raise FileNotFoundError(f"{self.name}/{path}") from None
        _refuse_large(f"{self.name}/{path}", info)
        try:
            return self._zip.read(info)
        except Exception as error:  # of the archive, of the way it is packed, or of the server behind it
            why = one_line(str(error))[:300]  # it may quote the whole header
            raise DataError(f"{self.name}/{path}: cannot be read ({why}); download the archive again") from error

    def _open(self, path: str) -> BinaryIO:
        return io.BytesIO(self._read(path))


def _why_unsafe(info: zipfile.ZipInfo, name: str) -> str:
    if not _plain(name):
        return "leaves the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    return f"lies more than {MAX_DEPTH} folders deep" if name.count("/") > MAX_DEPTH else ""


def refuse_size(place: str, size: int) -> None:
    """Refuse a file that is larger than files of its kind are.

    Raises:
        DataError: it is.
    """
    if size <= min(MAX_TEXT_BYTES, MAX_IMAGE_BYTES, MAX_INNER_BYTES):
        return
    inner = place.lower().endswith(".zip")
    most = MAX_INNER_BYTES if inner else MAX_IMAGE_BYTES if is_image(place.rpartition("/")[2]) else MAX_TEXT_BYTES
    if size > most:
        remedy = "unpack the archive around it" if inner else "is it the dataset's own file?"
        raise DataError(f"{place}: has {size >> 20} MB, more than the {most >> 20} MB that are read; {remedy}")


def _refuse_large(place: str, info: zipfile.ZipInfo) -> None:
    """Refuse a member that would fill the memory, before it is unpacked.

    Raises:
        DataError: it is larger than its kind may be, or packed more tightly than data are.
    """
    size = info.file_size
    refuse_size(place, size)
    if size > FREE_BYTES and size > MAX_RATIO * info.compress_size:
        raise DataError(f"{place}: unpacks to {size >> 20} MB from {info.compress_size >> 10} kB; do not trust it")


def _short(name: str) -> str:
    return name if len(name) <= 200 else f"{name[:100]}...{name[-50:]}"


def _plain(path: str) -> bool:
    """Whether a path has names only: no ``..``, no empty or absolute part."""
    return not _ODD_PATH.search(path)
