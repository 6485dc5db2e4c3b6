"""Process groups that end with this process, however it ends: a kill -9 included.

>>> import subprocess
>>> sleeper = subprocess.Popen(["sleep", "600"], start_new_session=True)
>>> guard(sleeper.pid)          # from here on its group does not outlive us
>>> sleeper.kill(), release(sleeper.pid)
(None, None)

A watcher, a small process of its own, reads from a pipe which groups to end, and ends those that are left when the pipe
does. (The kernel's own signal at a parent's death comes already when the thread that started a process ends.)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

_lock = threading.Lock()
_groups: set[int] = set()
_watcher: subprocess.Popen[bytes] | None = None
_owner = 0  # the process that started the watcher: a forked one starts its own


def guard(group: int) -> None:
    """End a process group when this process ends."""
    with _lock:
        _groups.add(group)
        _tell(f"+{group}\n")


def release(group: int) -> None:
    """Leave a process group alone from now on; it has ended."""
    with _lock:
        _groups.discard(group)
        if _watcher is not None and _owner == os.getpid():
            _tell(f"-{group}\n")


def _tell(line: str) -> None:
    global _watcher, _owner
    if not hasattr(os, "killpg"):  # Windows
        return
    if _owner != os.getpid():
        _watcher, _owner = None, os.getpid()
    for _ in range(2):
        if _watcher is None or _watcher.poll() is not None:
            _watcher = _started()
            line = "".join(f"+{group}\n" for group in _groups)
        with suppress(OSError):
            assert _watcher.stdin is not None
            _watcher.stdin.write(line.encode())
            _watcher.stdin.flush()
            return


def _started() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-I", "-S", __file__]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True)


def _watch() -> None:
    """Read the groups until the pipe ends; then end them."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    _watch()
