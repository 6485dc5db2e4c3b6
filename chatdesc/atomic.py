"""Files and folders that are written whole or not at all, whenever the process is killed.

>>> write_whole(Path("run.json"), "{}")                                         # doctest: +SKIP
>>> recover(out); build(aside(out, "new")); swap_in(out)                        # doctest: +SKIP
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from chatdesc.types import ChatdescError


def aside(out: Path, what: str) -> Path:
    """The hidden sibling in which a folder is built (``new``) or set aside (``old``)."""
    return out.with_name(f".{out.name}.{what}")


def recover(out: Path) -> None:
    """Clear away what a killed write left; if it had taken the old folder out of its place, put that back."""
    old = aside(out, "old")
    if old.exists() and not out.exists():
        old.rename(out)
    for left_over in (aside(out, "new"), old):
        shutil.rmtree(left_over, ignore_errors=True)


def swap_in(out: Path) -> None:
    """Put ``aside(out, "new")`` in the place of ``out``, in one step where the system can exchange two names.

    Where it cannot, there are two renames; ``recover`` mends a kill between them.
    """
    new, old = aside(out, "new"), aside(out, "old")
    if not out.exists():
        new.rename(out)
    elif exchange(new, out):
        shutil.rmtree(new, ignore_errors=True)
    else:
        out.rename(old)
        new.rename(out)
        shutil.rmtree(old, ignore_errors=True)


def exchange(a: Path, b: Path) -> bool:
    """Exchange two names atomically (Linux ``renameat2``); False where that cannot be done."""
    here, swap_names = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    with suppress(OSError, AttributeError, TypeError):
        call = ctypes.CDLL(None).renameat2
        return bool(call(here, os.fsencode(a), here, os.fsencode(b), swap_names) == 0)
    return False


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What cannot be written into the folder of ``--out`` is an error with a remedy.

    Raises:
        ChatdescError: instead of an OSError within.
    """
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or folder
        why = error.strerror or error
        raise ChatdescError(f"{place}: cannot be written ({why}); choose another folder with --out") from error


def make_folder(folder: Path | None) -> None:
    """Make the folder of ``--out``, where one was named, before there is work that could be lost.

    Raises:
        ChatdescError: it cannot be made, or nothing can be written into it.
    """
    if folder is None:
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()


def write_atomic(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8", errors="surrogateescape") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(path)
