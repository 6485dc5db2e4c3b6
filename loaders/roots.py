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

Links and members with ``..`` or an absolute path are never read; each is a problem of the root.
"""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import BinaryIO

from chatdesc.types import ChatdescError, DataError, Problem

MAX_OPEN_ARCHIVES = 8  # the directory of one class of LaSOT takes about 30 MB of memory
_ODD_PATH = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|\\|^[A-Za-z]:")


class Root:
    """Base of all roots: checks paths, and opens zips that lie among the folders.

    Attributes:
        remote: whether reading waits for a server.
        url: the root as it was given.
        problems: members of archives that are not read.
    """

    remote = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.problems: list[Problem] = []
        self._archives: OrderedDict[str, ZipRoot] = OrderedDict()
        self._lock = threading.Lock()

    def entries(self, path: str = "") -> dict[str, bool]:
        """Names in a folder (or zip) and whether each is a folder, in no particular order.

        Raises:
            FileNotFoundError: no such folder.
            DataError: the path leaves the root.
        """
        archive, inner = self._locate(path)
        return archive.entries(inner) if archive else self._entries(path)

    def read(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            FileNotFoundError: no such file.
            DataError: the path leaves the root, or the archive is damaged.
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
            raise DataError(f"{self.url}: {path!r} leaves the dataset's folder and is not read; correct the name")
        match = re.match(r"(.*?\.zip)(?:/(.*))?$", path, re.I | re.S) if ".zip" in path.lower() else None
        return (self._archive(match[1]), match[2] or "") if match else (None, path)

    def _archive(self, path: str) -> ZipRoot:
        with self._lock:
            if path not in self._archives:
                archive = ZipRoot(lambda: self._open(path), f"{self.url}/{path}")
                self.problems += [p for p in archive.problems if p not in self.problems]
                self._archives[path] = archive
            self._archives.move_to_end(path)
            # An archive that is dropped here closes once nobody reads from it any more.
            while len(self._archives) > MAX_OPEN_ARCHIVES:
                self._archives.popitem(last=False)
            return self._archives[path]

    def _entries(self, path: str) -> dict[str, bool]:
        raise NotImplementedError

    def _read(self, path: str) -> bytes:
        raise NotImplementedError

    def _open(self, path: str) -> BinaryIO:
        raise NotImplementedError


class ZipRoot(Root):
    """A zip, read in place; one handle serves all threads of a process."""

    def __init__(self, opened: Callable[[], BinaryIO], url: str, inner: str = "") -> None:
        super().__init__(url)
        self._opened, self._inner = opened, inner
        self._open_archive()
        self._folders: dict[str, dict[str, bool]] = {"": {}}
        self._refused: set[str] = set()
        for info in self._zip.infolist():
            self._add(info)
        if inner and (not _plain(inner) or inner not in self._folders):
            raise ChatdescError(f"{url}: there is no folder {inner!r} in the archive")

    def _open_archive(self) -> None:
        self._process = os.getpid()
        try:
            # Given a file (not a name), ZipFile never closes it under another thread's reading.
            self._zip = zipfile.ZipFile(self._opened())
        except zipfile.BadZipFile as error:
            raise ChatdescError(f"{self.url}: is not a readable zip ({error}); download it again") from error

    def _add(self, info: zipfile.ZipInfo) -> None:
        name = info.filename.rstrip("/")
        if stat.S_ISLNK(info.external_attr >> 16) or not _plain(name):
            why = "is a link" if _plain(name) else "leaves the archive"
            self._refused.add(name)
            self.problems.append(
                Problem("unsafe_path", f"{self.url}: member {name!r} {why} and is not read; make the archive anew")
            )
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
            raise DataError(f"{self.url}: member {path!r} is a link or leaves the archive, and is not read")
        return super()._locate(path)

    def _entries(self, path: str) -> dict[str, bool]:
        try:
            return dict(self._folders[self._full(path)])
        except KeyError:
            raise FileNotFoundError(f"{self.url}/{path}") from None

    def _read(self, path: str) -> bytes:
        if self._process != os.getpid():
            self._open_archive()  # a forked process shares the file's position with its parent
        try:
            return self._zip.read(self._full(path))
        except KeyError:
            raise FileNotFoundError(f"{self.url}/{path}") from None
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise DataError(f"{self.url}/{path}: cannot be read ({error}); download the archive again") from error

    def _open(self, path: str) -> BinaryIO:
        return io.BytesIO(self._read(path))


def _plain(path: str) -> bool:
    """Whether a path has names only: no ``..``, no empty or absolute part."""
    return not _ODD_PATH.search(path)
