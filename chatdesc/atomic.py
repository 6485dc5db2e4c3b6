"""A folder that is replaced as a whole: whoever opens it finds the old one or the new one.

>>> recover(out)                      # clear away what a killed write left    # doctest: +SKIP
>>> build(aside(out, "new"))                                                   # doctest: +SKIP
>>> swap_in(out)                                                               # doctest: +SKIP
"""

from __future__ import annotations

import ctypes
import os
import shutil
from contextlib import suppress
from pathlib import Path


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
