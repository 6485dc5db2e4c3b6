"""One door to a dataset's files, wherever they are.

>>> root = open_root("/data/LaSOT")            # also /data/x.zip, zip://inner::/data/x.zip, memory://x, s3://...
>>> root.entries("airplane/airplane-1")        # name -> whether it is a folder
{'groundtruth.txt': False, 'img': True, 'nlp.txt': False}
>>> root.read("airplane.zip/airplane/airplane-1/nlp.txt")    # a zip in a folder reads like a folder
b'white airplane landing on the ground'

Paths are relative to the root and ``/``-separated; none may hold ``..``.

**Links.** In a local folder a link directly in the root is followed (a class or split kept on another disk), and so is
any link whose target stays inside the root or inside such a linked folder. Other links raise DataError:
``storage_options={"follow_links": True}`` trusts them all, as the snapshot folders of a download cache need. Links and
members with ``..`` or an absolute path inside an archive are never read.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from chatdesc.types import ChatdescError, DataError, Problem

_ODD_PATH = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|\\|^[A-Za-z]:")
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)
_SMALL = 1 << 16
MAX_OPEN_ARCHIVES = 8  # the directory of one class of LaSOT takes about 30 MB of memory


def open_root(url: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Root:
    """The root behind a path or URL.

    Raises:
        ChatdescError: there is nothing at that place.
    """
    text, settings = os.fspath(url), dict(options or {})
    if text.startswith("zip://"):
        inner, found, target = text.removeprefix("zip://").partition("::")
        return _open_zip(target if found else inner, inner if found else "", text, settings)
    if text.lower().endswith(".zip") and ("://" in text or os.path.isfile(text)):
        return _open_zip(text, "", text, settings)
    if "://" not in text and "::" not in text:
        return LocalRoot(text, bool(settings.get("follow_links")))
    return _open_url(text, settings)


def _open_url(url: str, settings: dict[str, Any]) -> Root:
    from fsspec.core import url_to_fs

    follow = bool(settings.pop("follow_links", False))
    try:
        filesystem, path = url_to_fs(url, **settings)
    except (ValueError, ImportError) as error:
        raise ChatdescError(f"{url}: cannot be opened ({error})") from error
    if type(filesystem).__name__ == "LocalFileSystem":
        return LocalRoot(path, follow)
    return RemoteRoot(filesystem, path, url)


def _open_zip(target: str, inner: str, url: str, settings: dict[str, Any]) -> Root:
    def opened() -> BinaryIO:
        if "://" not in target:
            return open(os.path.expanduser(target), "rb")
        import fsspec

        file: BinaryIO = fsspec.open(target, "rb", **settings).open()
        return file

    try:
        return ZipRoot(opened, url, inner.strip("/"))
    except FileNotFoundError:
        raise ChatdescError(f"{url}: there is no such file") from None


class Root:
    """Base of all roots: checks paths, and opens zips that lie among the folders."""

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


class LocalRoot(Root):
    """A folder of this machine."""

    def __init__(self, path: str, follow_links: bool = False) -> None:
        super().__init__(path)
        self.path = os.path.expanduser(path)
        if not os.path.isdir(self.path):
            what = "is not a folder or a zip" if os.path.exists(self.path) else "there is no such folder"
            raise ChatdescError(f"{path}: {what}")
        self._real = os.path.realpath(self.path)
        self._follow = follow_links
        self._known: set[str] = set()

    def _entries(self, path: str) -> dict[str, bool]:
        folders = {}
        place = f"{path}/" if path else ""
        with os.scandir(self._inside(path)) as found:
            for entry in found:
                folders[entry.name] = folder = entry.is_dir()
                if folder and not entry.is_symlink():
                    self._known.add(place + entry.name)
        return folders

    def _read(self, path: str) -> bytes:
        # Half the time of open() for a small file, and there are thousands.
        file = self._handle(path)
        try:
            parts = [os.read(file, _SMALL)]
            if len(parts[0]) < _SMALL:
                return parts[0]
            while parts[-1]:
                parts.append(os.read(file, 1 << 20))
            return b"".join(parts)
        finally:
            os.close(file)

    def _open(self, path: str) -> BinaryIO:
        return os.fdopen(self._handle(path), "rb")

    def _handle(self, path: str) -> int:
        folder, _, name = path.rpartition("/")
        full = f"{self._inside(folder)}{os.sep}{name}"
        if not _NO_LINKS and os.path.islink(full):
            self._inside(path)
        try:
            return os.open(full, _READ | _NO_LINKS)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        return os.open(self._inside(path), _READ)

    def _inside(self, path: str) -> str:
        """The path on disk, once it is known not to lead out of the root."""
        full = f"{self.path}{os.sep}{path}" if path else self.path
        if path in self._known or self._follow:
            return full
        head = os.path.realpath(os.path.join(self.path, path.partition("/")[0]))
        real = os.path.realpath(full)
        if not any(real == home or real.startswith(home + os.sep) for home in (self._real, head)):
            raise DataError(
                f"{self.url}/{path}: a link leads out of the dataset's folder, to {real}; if you trust it, "
                'open the dataset with storage_options={"follow_links": True}'
            )
        self._known.add(path)
        return full


class RemoteRoot(Root):
    """Any other fsspec file system."""

    def __init__(self, filesystem: Any, path: str, url: str) -> None:
        super().__init__(url)
        self._files, self._path = filesystem, path.rstrip("/")
        if not filesystem.isdir(self._path):
            raise ChatdescError(f"{url}: there is no such folder")

    def _entries(self, path: str) -> dict[str, bool]:
        full = f"{self._path}/{path}".rstrip("/")
        listing = self._files.ls(full, detail=True)
        paths = {item["name"].rstrip("/"): item["type"] == "directory" for item in listing}
        return {name.rpartition("/")[2]: folder for name, folder in paths.items() if not _same(name, full)}

    def _read(self, path: str) -> bytes:
        data: bytes = self._files.cat_file(f"{self._path}/{path}")
        return data

    def _open(self, path: str) -> BinaryIO:
        file: BinaryIO = self._files.open(f"{self._path}/{path}", "rb")
        return file


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
        import io

        return io.BytesIO(self._read(path))


def _plain(path: str) -> bool:
    """Whether a path has names only: no ``..``, no empty or absolute part."""
    return not _ODD_PATH.search(path)


def _same(one: str, other: str) -> bool:
    return one.strip("/") == other.strip("/")
