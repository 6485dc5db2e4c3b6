"""Commands in processes of their own that need no second to start: forked from one that has imported everything.

A process that a test kills, or that holds a lock, must be another one than the test's. What a new interpreter does
before the command begins is seldom the subject.
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.makers.commands import typed

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["tests.makers.imported"])


def started(*arguments: object) -> ForkServerProcess:
    """Start a command; the process has ``pid``, ``exitcode`` (None while it runs), ``kill()`` and ``join()``."""
    process = _forks.Process(target=_command, args=([*map(str, arguments)],), daemon=True)
    process.start()
    return process


def _command(words: list[str]) -> None:
    sys.exit(typed(*words).returncode)


def killed_after_a_row(out: Path, pause: float, *arguments: object) -> bool:
    """Start a command that works on the run ``out``; kill it ``pause`` seconds after it has finished another row.

    False where it ended before.
    """
    process, before, deadline = started(*arguments), len(list(out.glob("rows/*.json"))), time.monotonic() + 60
    while len(list(out.glob("rows/*.json"))) <= before and process.exitcode is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(pause)
    running = process.exitcode is None
    process.kill()
    process.join()
    return running
