"""Files and folders that are complete or absent, whenever the process is killed.

>>> folder = Path(tempfile.mkdtemp())
>>> write_atomic(folder / "nlp.txt", "a red kite")
>>> keep_original(folder / "nlp.txt"), keep_original(folder / "nlp.txt")       # the first copy is the original
(True, False)
>>> write_atomic(folder / "nlp.txt", b"a kite")
>>> {path.name: path.read_text() for path in sorted(folder.iterdir())}
{'nlp.txt': 'a kite', 'nlp.txt.orig': 'a red kite'}

A folder is built beside its place and then swapped in: ``recover(out)``, build ``aside(out, "new")``, ``swap_in(out)``.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Any

from chatdesc.types import ChatdescError

MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM}
)  # no other name of a folder would help
PASSING = frozenset({errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ESTALE, errno.ETIMEDOUT})
WAITS = (0.1, 0.5)  # seconds before another try
TEMPORARY = re.compile(r"\.(.+)-(\d+)-\d+\.tmp")  # machine and process that write the file, and a number of theirs
_numbers = count()


def aside(out: Path, what: str) -> Path:
    """The hidden sibling in which a folder is built (``new``) or set aside (``old``)."""
    return out.with_name(f".{out.name}.{what}")


def recover(out: Path) -> None:
    """Remove what a killed write left beside a folder; put the old folder back if it was moved away."""
    old = aside(out, "old")
    if old.exists() and not out.exists():
        rename(old, out)
    for left_over in (aside(out, "new"), old):
        shutil.rmtree(left_over, ignore_errors=True)


def swap_in(out: Path) -> None:
    """Replace ``out`` by ``aside(out, "new")``, in one step where the system can exchange two names.

    Elsewhere it takes two renames; ``recover`` repairs a kill between them.

    Raises:
        OSError: a rename fails; the old folder is in its place.
    """
    new, old = aside(out, "new"), aside(out, "old")
    if not out.exists():
        rename(new, out)
    elif exchange(new, out):
        shutil.rmtree(new, ignore_errors=True)
    else:
        rename(out, old)
        try:
            rename(new, out)
        except OSError:
            rename(old, out)
            raise
        shutil.rmtree(old, ignore_errors=True)


def rename(source: Path, target: Path) -> None:
    """Rename a file or folder, and try again where a network or busy disk refuses for a moment.

    Raises:
        OSError: it fails for another reason, or three times.
    """
    for wait in WAITS:
        try:
            os.replace(source, target)
            return
        except OSError as error:
            if error.errno not in PASSING:
                raise
            time.sleep(wait)
    os.replace(source, target)


def exchange(a: Path, b: Path) -> bool:
    """Exchange two names atomically (Linux ``renameat2``); False where that cannot be done."""
    here, swap_names = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    with suppress(OSError, AttributeError, TypeError):
        call = ctypes.CDLL(None).renameat2
        return bool(call(here, os.fsencode(a), here, os.fsencode(b), swap_names) == 0)
    return False


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failed write into the folder of ``--out`` into an error with a remedy.

    Raises:
        OSError: the machine is at fault: the disk is full or broken, or a permission is missing.
        ChatdescError: for any other OSError in the block, as the folder is no place for files.
    """
    try:
        yield
    except OSError as error:
        if error.errno in MACHINE:
            raise
        place = error.filename2 or error.filename or folder
        why = error.strerror or error
        raise ChatdescError(f"{place}: cannot be written ({why}); choose another folder with --out") from error


def make_folder(folder: Path | None) -> None:
    """Create the folder of ``--out`` (if one is named) and try to write into it, before any work is done.

    Raises:
        ChatdescError: the folder cannot be created or takes no file.
    """
    if folder is None:
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file that is complete or absent, even if the machine stops; its folders are created.

    A file that exists keeps its mode, a link is replaced and not followed, and several writers at once do not disturb
    one another: the last one wins. Text is UTF-8, in which surrogates stand for bytes that are not.

    Raises:
        OSError: the file cannot be written; the old one is unchanged.
        UnicodeEncodeError: the text holds a surrogate that stands for no byte; the same.
    """
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as out:  # never through a link of that name
            out.write(data)
            synced(out)
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A free name in a file's folder for its content while it is written; open it with ``x``.

    It is not derived from the file's name, which may be as long as the system allows.
    """
    temporary = path.with_name(f".{platform.node()}-{os.getpid()}-{next(_numbers)}.tmp")
    temporary.unlink(missing_ok=True)
    return temporary


def synced(file: IO[Any]) -> None:
    """Have what was written to a file on the disk."""
    file.flush()
    os.fsync(file.fileno())


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename a file that is whole to its name; a file that has the name gives it its mode."""
    if path.exists():
        shutil.copymode(path, temporary)
    rename(temporary, path)


def is_temporary(path: Path) -> bool:
    """Whether a file is one that ``write_atomic`` was writing."""
    return TEMPORARY.fullmatch(path.name) is not None


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove the temporary files that killed writers of this machine left; writers at work are not disturbed."""
    for file in (file for folder in folders for file in folder.glob(".*.tmp")):
        match = TEMPORARY.fullmatch(file.name)
        if match and match[1] == platform.node() and not _is_running(int(match[2])):
            file.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    if os.name != "posix":  # signal 0 does harm elsewhere
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def keep_original(path: Path) -> bool:
    """Copy a file to ``NAME.orig`` beside it, unless that exists: the first copy is the original. True if copied.

    An empty ``.orig`` beside a text is what a full disk left to an earlier version: it is made anew. So the original of
    an empty file is a line ending.

    Raises:
        ChatdescError: see ``refuse_odd_original``.
    """
    refuse_odd_original(path)
    beside = _original(path)
    if not path.exists() or (beside.exists() and (beside.stat().st_size or not path.stat().st_size)):
        return False
    write_atomic(beside, path.read_bytes() or b"\n")
    return True


def refuse_odd_original(path: Path) -> None:
    """Refuse a file whose original could not be kept beside it.

    Raises:
        ChatdescError: the file is no file, or its ``.orig`` is a link or no file.
    """
    if path.exists() and not path.is_file():
        raise ChatdescError(f"{path}: is no file, so nothing is written in its place; move it away")
    beside = _original(path)
    if beside.is_symlink() or (beside.exists() and not beside.is_file()):
        what = "a link" if beside.is_symlink() else "no file"
        raise ChatdescError(f"{beside}: is {what}, so the original of {path.name} cannot be kept there; move it away")


def _original(path: Path) -> Path:
    return path.with_name(path.name + ".orig")


def refuse_links_out(folder: Path, path: str) -> None:
    """Refuse a path below ``folder`` that a link leads out of it; the file itself may be a link, which is replaced.

    Raises:
        ChatdescError: it names the place to which the link leads.
    """
    home, parent = folder.resolve(), (folder / path).parent.resolve()
    if not parent.is_relative_to(home):
        raise ChatdescError(f"{folder / path}: a link leads out of {folder}, to {parent}; nothing was written there")
