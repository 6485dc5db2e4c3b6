"""Memory given back: that of models which nobody holds any more, and what threads of a run free.

>>> release_memory()
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys

M_ARENA_MAX = -8  # of the C library's malloc.h


def one_arena() -> bool:
    """Let all threads of this process share the memory that they free; whether the C library does so now.

    The one of GNU keeps for each thread what it has freed, for that thread alone: a run with many threads grows with
    them. A number that the user has set (MALLOC_ARENA_MAX) stays. It is for processes that do nothing but a run.
    """
    if sys.platform != "linux" or "MALLOC_ARENA_MAX" in os.environ:
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1))
    except (OSError, AttributeError):  # another C library
        return False


def release_memory() -> None:
    """Give the memory of models that nobody holds any more back to the device."""
    gc.collect()
    torch = sys.modules.get("torch")  # where it is not loaded, no model is
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
