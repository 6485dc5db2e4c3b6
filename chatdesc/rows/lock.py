"""Locks on a folder or a file, for one process among all: the system releases it, however the process ends.

>>> from tempfile import mkdtemp
>>> with lock(Path(mkdtemp())) as held:
...     held.closed
False
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

from chatdesc.types import ChatdescError

LOCK = ".lock"


def lock(folder: Path) -> IO[str]:
    """The open file that is the lock; closing it releases the folder.

    Raises:
        ChatdescError: another process has the lock, or the disk knows no locks.
    """
    held = (folder / LOCK).open("a")
    try:
        lock_file(held, folder, wait=False)
    except BaseException:
        held.close()
        raise
    return held


def lock_file(file: IO[Any], folder: Path, wait: bool = True) -> None:
    """Lock an open file for this process and thread alone; closing it releases it.

    Args:
        folder: what is locked, for messages.
        wait: wait for whoever has it.

    Raises:
        ChatdescError: the disk knows no locks; or another has the lock and ``wait`` is False.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise ChatdescError(f"another chatdesc is at work in {folder}; wait for it or choose another --out") from None
    except OSError as error:  # a network file system without locks
        raise ChatdescError(
            f"{folder} cannot be locked ({error.strerror or error}), so two processes could write into it; "
            "choose a folder on another disk"
        ) from error
