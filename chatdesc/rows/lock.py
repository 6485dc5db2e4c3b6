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
        import fcntl
    except ImportError:
        return held
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held.close()
        raise ChatdescError(f"another chatdesc is at work in {folder}; wait for it or choose another --out") from None
    except OSError as error:  # a network file system without locks
        held.close()
        raise ChatdescError(
            f"{folder} cannot be locked ({error.strerror or error}), so two processes could write into it; "
            "choose an --out on another disk"
        ) from error
    return held


def wait_for_lock(file: IO[Any], folder: Path) -> None:
    """Lock an open file for this process and thread alone; closing it releases it. Waits for whoever has it.

    Raises:
        ChatdescError: the disk knows no locks.
    """
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        why = error.strerror or error
        raise ChatdescError(f"{folder} cannot be locked ({why}); choose a folder on another disk") from error
