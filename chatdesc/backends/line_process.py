"""A process that is sent lines and answers with lines, that never outlives its caller and gets no secrets of its.

>>> process = LineProcess("echo", ["cat"])
>>> process.ask("frame /data/1.jpg", timeout=60)
'frame /data/1.jpg'
>>> process.close()

Its environment is ours without the variables that hold tokens, keys or passwords. Those that it needs all the same are
named in ``CHATDESC_TRACKER_ENV``, separated by commas.
"""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from chatdesc.backends.end_with_parent import guard, release
from chatdesc.private import without_secret_variables
from chatdesc.types import BackendError

GRACE = 3.0  # seconds from the last word to the end
LONGEST = 4096  # bytes of a line
PASSED_ON = "CHATDESC_TRACKER_ENV"  # names variables that a tracker gets although they hold secrets
SHOWN = 5  # last lines of standard error in a message


class LineProcess:
    """A command in a process group of its own.

    Args:
        name: for messages.
        command: the words of the command; no shell interprets them.

    Raises:
        BackendError: it cannot be started.
    """

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self._said: queue.Queue[str | None] = queue.Queue(maxsize=64)
        self._errors: deque[str] = deque(maxlen=SHOWN)
        self._lock = threading.Lock()
        self._closed = False
        pipe = subprocess.PIPE
        try:
            self._process = subprocess.Popen(
                command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env=environment() | {"PYTHONUNBUFFERED": "1"},  # a forgotten flush is no hang
                start_new_session=True,
            )
        except OSError as error:
            raise BackendError(f"{name}: cannot be started ({error.strerror})") from error
        guard(self._process.pid)
        self._threads = [
            threading.Thread(target=_read, args=(self._process.stdout, self._hear), daemon=True),
            threading.Thread(target=_read, args=(self._process.stderr, self._note), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, line: str) -> None:
        """Send a line.

        Raises:
            BackendError: the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode("utf-8", "surrogateescape") + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:  # ValueError: closed on our side
            raise self._ended() from error

    def ask(self, line: str, timeout: float) -> str:
        """Send a line and return the line that answers it; ``timeout`` is in seconds.

        Raises:
            BackendError: no answer came in time, one came unasked, or the process has ended.
        """
        if not self._said.empty() and (early := self._said.get()) is not None:
            raise self.error(f"said {early[:80]!r} before it was asked")
        self.send(line)
        try:
            answer = self._said.get(timeout=timeout)
        except queue.Empty:
            raise self.error(f"no answer within {timeout:g} s") from None
        if answer is None:
            raise self._ended()
        return answer

    def error(self, what: str) -> BackendError:
        """End the process; the error to raise, with the last lines of standard error."""
        self.close()
        tail = " | ".join(without_folders(line)[:300] for line in self._errors if line)
        return BackendError(f"{self.name}: {what}" + (f"; its last words: {tail}" if tail else ""))

    def close(self, last_word: str = "") -> None:
        """End the process and its children; after a last word it has ``GRACE`` seconds to end by itself."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if last_word:
                with suppress(OSError, ValueError, subprocess.TimeoutExpired):
                    self._say_goodbye(last_word)
            _kill_group(self._process)
            self._process.wait()
            release(self._process.pid)
        for thread, pipe in zip(self._threads, (self._process.stdout, self._process.stderr), strict=True):
            thread.join(1)
            if not thread.is_alive():  # else somebody who left the group holds the other end; it is a daemon
                pipe.close()  # type: ignore[union-attr]
        with suppress(OSError):  # what was never read
            self._process.stdin.close()  # type: ignore[union-attr]

    def _say_goodbye(self, last_word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(last_word.encode() + b"\n")
        self._process.stdin.close()
        self._process.wait(GRACE)

    def _ended(self) -> BackendError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1)  # it closed its output; its status may come a moment later
        code = self._process.returncode
        return self.error("closed its output" if code is None else f"ended with status {code}")

    def _hear(self, line: str | None) -> None:
        with suppress(queue.Full):  # more than was asked for; the next answer will be wrong anyway
            self._said.put_nowait(line)

    def _note(self, line: str | None) -> None:
        if line is not None:
            self._errors.append(line)


def environment() -> dict[str, str]:
    """The environment of this process for programs of others."""
    wanted = os.environ.get(PASSED_ON, "").split(",")
    return without_secret_variables(os.environ, [name.strip() for name in wanted])


def _read(pipe: IO[bytes], hear: Callable[[str | None], None]) -> None:
    with suppress(OSError, ValueError):
        while line := pipe.readline(LONGEST):
            hear(line.decode("utf-8", "replace").strip())
    hear(None)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the group, whose leader may have gone before the others."""
    if not hasattr(os, "killpg"):  # Windows
        process.kill()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def without_folders(line: str) -> str:
    """A line of text with each absolute path cut to its last name, because rows hold error messages.

    >>> without_folders('File "/home/ada/track.py", line 3')
    'File "track.py", line 3'
    """
    return re.sub(r"(?<![\w.~%:/-])(?:\w:)?[\\/](?:[^\s\\/\"':,]+[\\/])+", "", line)
