"""A disk that fills up: a limit on the size of files for a process, or a small file system in memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def file_limit(size: int) -> Callable[[], None]:
    """What a process does before it starts, so that no file of it grows beyond ``size`` bytes."""

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    return limit


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[Callable[[int], None]]:
    """A file system of ``size`` bytes at ``place``; the value changes its size.

    Raises:
        PermissionError: only root may mount, and not everywhere.
    """
    place.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))
    try:
        yield lambda wanted: _mount("-o", f"remount,size={wanted}", str(place))
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def may_mount(place: Path) -> bool:
    """Whether this process may make a small disk at ``place``."""
    try:
        with small_disk(place, 1 << 16):
            return True
    except OSError:
        return False


def _mount(*arguments: str) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise PermissionError("only root may mount a file system")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise PermissionError(done.stderr.strip())
