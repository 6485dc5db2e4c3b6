"""Loops compiled by numba, where the extra ``fast`` is installed.

A module that holds such loops is imported where they are used, and only where they ``can_compile``: numba takes a third
of a second to load.

>>> isinstance(can_compile(), bool)
True
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TypeVar

F = TypeVar("F", bound=Callable[..., object])


@cache
def can_compile() -> bool:
    """Whether numba is there, fits the other libraries, and is not switched off (NUMBA_DISABLE_JIT)."""
    try:
        import numba
    except Exception:  # also where it does not fit NumPy, its library cannot be loaded, or another package breaks it
        return False
    return not getattr(numba.config, "DISABLE_JIT", 0)


def compiled(loop: F) -> F:
    """The loop, compiled at its first call and kept for later processes; other threads run beside it."""
    from numba import njit

    try:
        compiling: F = njit(loop, cache=True, nogil=True)
    except RuntimeError:  # no folder for what is kept can be written to
        compiling = njit(loop, nogil=True)
    return compiling
