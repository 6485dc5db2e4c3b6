"""A dataset's files on a disk, in a zip, or behind an fsspec URL, read in one way.

>>> import fsspec
>>> files = {"/files/bus/nlp.txt": b"a red bus", "/files/bus/img/1.jpg": b"..."}
>>> fsspec.filesystem("memory").pipe(files)
>>> root = open_root("memory://files")         # also a folder, x.zip, zip://inner::x.zip, s3://...
>>> root.entries("bus") == {"img": True, "nlp.txt": False}       # name -> whether it is a folder
True
>>> root.read("bus/nlp.txt")                   # within a zip of the folder: "bus.zip/bus/nlp.txt"
b'a red bus'

Paths are relative to the root and ``/``-separated, without ``..``.

**Links.** In a local folder a link directly in the root is followed (a class or split kept on another disk), and so is
any link whose target stays inside the root or inside such a linked folder. Other links raise DataError:
``storage_options={"follow_links": True}`` trusts them all, as the snapshot folders of a download cache need. Links and
members with ``..`` or an absolute path inside an archive are never read.

Pipes, devices, and files larger than files of their kind are (``roots.MAX_...``) are refused.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

from chatdesc.loaders.roots import Root, ZipRoot, refuse_size
from chatdesc.private import last_name, without_secrets
from chatdesc.types import ChatdescError, DataError

__all__ = ["LocalRoot", "RemoteRoot", "Root", "open_root", "read_any"]

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe is not waited for
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def open_root(url: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Root:
    """The root at a path or URL.

    Args:
        options: for fsspec; for a local folder ``{"follow_links": True}`` trusts every link in it.

    Raises:
        ChatdescError: it does not exist, or cannot be opened.
    """
    text, settings = os.fspath(url), dict(options or {})
    if text.startswith("zip://"):
        inner, separator, target = text.removeprefix("zip://").partition("::")
        return _open_zip(target if separator else inner, inner if separator else "", text, settings)
    if re.search(r"\.zip$", text.partition("?")[0] if "://" in text else text, re.I) and (
        "://" in text or os.path.isfile(text)
    ):
        return _open_zip(text, "", text, settings)
    if "://" not in text and "::" not in text:
        return LocalRoot(text, bool(settings.get("follow_links")))
    return _open_url(text, settings)


def _open_url(url: str, settings: dict[str, Any]) -> Root:
    from fsspec.core import url_to_fs

    follow, hidden = bool(settings.pop("follow_links", False)), _values(settings)
    try:
        filesystem, path = url_to_fs(url, **settings)
    except (ValueError, ImportError, TypeError) as error:
        raise ChatdescError(f"{url}: cannot be opened ({_told(error, hidden)})") from None
    if type(filesystem).__name__ == "LocalFileSystem":
        return LocalRoot(path, follow)
    return RemoteRoot(filesystem, path, url, hidden)


def _values(options: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts among a file system's options, keys and passwords with them."""
    inner = (_values(v) if isinstance(v, Mapping) else (v,) for v in options.values())
    return tuple(v for values in inner for v in values if isinstance(v, str) and len(v) > 3)


def _told(error: Exception, hidden: tuple[str, ...]) -> str:
    """What an error of a file system says, without its options and without the secrets of URLs."""
    text = str(error) or type(error).__name__
    for value in hidden:
        text = text.replace(value, "***")
    return without_secrets(text)


def _open_zip(target: str, inner: str, url: str, settings: dict[str, Any]) -> Root:
    def opened() -> BinaryIO:
        if "://" not in target:
            return open(os.path.expanduser(target), "rb")
        import fsspec

        try:
            file: BinaryIO = fsspec.open(target, "rb", **settings).open()
        except FileNotFoundError:
            raise
        except Exception as error:  # every file system has errors of its own
            raise _refusal(last_name(target), error, _values(settings)) from None
        return file

    try:
        return ZipRoot(opened, target, inner.strip("/"))
    except FileNotFoundError:
        raise ChatdescError(f"{url}: there is no such file") from None


def _refusal(place: str, error: Exception, hidden: tuple[str, ...]) -> Exception:
    """An error of a remote file system without secrets: a missing file and one of the connection stay what they are."""
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return type(error)(place)
    if isinstance(error, OSError):
        return OSError(f"{place}: cannot be read ({_told(error, hidden)})")
    return DataError(f"{place}: cannot be read ({_told(error, hidden)}); may you read it, and is the address right?")


class LocalRoot(Root):
    """A folder of this machine."""

    def __init__(self, path: str, follow_links: bool = False) -> None:
        super().__init__(path)
        self.path = os.path.expanduser(path)
        self._given = path
        if not os.path.isdir(self.path):
            what = "is not a folder or a zip" if os.path.exists(self.path) else "there is no such folder"
            raise ChatdescError(f"{path}: {what}")
        self._real = os.path.realpath(self.path)
        self._follow = follow_links
        self._known: set[str] = set()

    def _entries(self, path: str) -> dict[str, bool]:
        folders = {}
        place = f"{path}/" if path else ""
        with os.scandir(self._inside(path)) as listing:
            for entry in listing:
                folders[entry.name] = folder = _is_folder(entry)
                if folder and not entry.is_symlink():
                    self._known.add(place + entry.name)
        return folders

    def _read(self, path: str) -> bytes:
        # Half the time of open() for a small file, and there are thousands.
        file, size = self._handle(path)
        try:
            refuse_size(path, size)
            data = os.read(file, size + 1)
            if len(data) == size:
                return data
            parts = [data]
            while parts[-1]:
                parts.append(os.read(file, 1 << 20))
            return b"".join(parts)
        finally:
            os.close(file)

    def _open(self, path: str) -> BinaryIO:
        return os.fdopen(self._handle(path)[0], "rb")

    def _handle(self, path: str) -> tuple[int, int]:
        """An open file and its size."""
        folder, _, name = path.rpartition("/")
        full = f"{self._inside(folder)}{os.sep}{name}"
        if not _NO_LINKS and os.path.islink(full):
            self._inside(path)
        try:
            return _regular(os.open(full, _READ | _NO_LINKS), path)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise DataError(f"{path}: {_NO_FILE}") from error
            if error.errno != errno.ELOOP:
                raise
        try:
            return _regular(os.open(self._inside(path), _READ), path)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise DataError(f"{path}: a link that leads to itself; put the dataset's own file there") from error

    def _inside(self, path: str) -> str:
        """The path on disk, after a check that it does not lead out of the root."""
        full = f"{self.path}{os.sep}{path}" if path else self.path
        if path in self._known or self._follow:
            return full
        head = os.path.realpath(os.path.join(self.path, path.partition("/")[0]))
        real = os.path.realpath(full)
        if not any(real == home or real.startswith(home + os.sep) for home in (self._real, head)):
            raise DataError(
                f"{self._given}/{path}: a link leads out of the dataset's folder, to {real}; if you trust it, "
                'open the dataset with storage_options={"follow_links": True}'
            )
        if os.path.isdir(full):  # files that are links would be as many as frames
            self._known.add(path)
        return full


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


_NO_FILE = "is a pipe or a device, no file; put the dataset's own file there"


def _regular(file: int, path: str) -> tuple[int, int]:
    """An open file and its size; closed and refused if it is a pipe or a device: reading it could last for ever."""
    about = os.fstat(file)
    if stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):
        return file, about.st_size
    os.close(file)
    raise DataError(f"{path}: {_NO_FILE}")


class RemoteRoot(Root):
    """Any other fsspec file system."""

    remote = True

    def __init__(self, filesystem: Any, path: str, url: str, hidden: tuple[str, ...] = ()) -> None:
        super().__init__(url)
        self._files, self._path, self._hidden = filesystem, path.rstrip("/"), hidden
        with self._clean_errors(""):
            found = filesystem.isdir(self._path)
        if not found:
            raise ChatdescError(f"{url}: there is no such folder")

    @contextmanager
    def _clean_errors(self, path: str) -> Iterator[None]:
        """Raise errors of the file system without what they may tell of URLs and options."""
        try:
            yield
        except Exception as error:  # every file system has errors of its own
            raise _refusal(f"{self.name}/{path}".rstrip("/"), error, self._hidden) from None

    def _entries(self, path: str) -> dict[str, bool]:
        full = f"{self._path}/{path}".rstrip("/")
        with self._clean_errors(path):
            listing = self._files.ls(full, detail=True)
        paths = {item["name"].rstrip("/"): item["type"] == "directory" for item in listing}
        return {name.rpartition("/")[2]: folder for name, folder in paths.items() if not _same(name, full)}

    def _read(self, path: str) -> bytes:
        with self._clean_errors(path):
            data: bytes = self._files.cat_file(f"{self._path}/{path}")
        return data

    def _open(self, path: str) -> BinaryIO:
        with self._clean_errors(path):
            file: BinaryIO = self._files.open(f"{self._path}/{path}", "rb")
        return file


def _same(one: str, other: str) -> bool:
    return one.strip("/") == other.strip("/")


def read_any(path: str) -> bytes:
    """A file's bytes, from a disk or from any fsspec URL.

    Raises:
        ChatdescError: the file cannot be read.
    """
    try:
        if "://" in path:
            import fsspec

            with fsspec.open(path, "rb") as file:
                data: bytes = file.read()
                return data
        with open(os.path.expanduser(path), "rb") as plain:
            return plain.read()
    except Exception as error:  # every file system has errors of its own
        raise ChatdescError(f"{path}: cannot be read ({error})") from None
