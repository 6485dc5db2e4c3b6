"""``annotate`` killed at random moments, started again, killed again, and at last left in peace.

Wrong: the command that nobody kills does not end with exit code 0 and the undisturbed dataset. Lost: a row that was
finished when a process was killed and then is not the same.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.fuzz.command import REPOSITORY, command, environment
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import Scene, difference, finished, first, fresh, lost, published, scene

FIGURES, NUMBER = "kills of annotate", 82
IN_A_ROW = 4  # kills of one run


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """A try is a kill; several hit the same run, one after the other."""
    chance, outcome, place = random.Random(seed), Outcome(), scene(count=8, frames=2, seed=5)
    while tries > 0:
        kills = min(IN_A_ROW, tries)
        tries -= kills
        _one_run(outcome, chance, place, fresh() / "run", kills)
    return outcome


def _one_run(outcome: Outcome, chance: random.Random, place: Scene, out: Path, kills: int) -> None:
    before: dict = {}
    for _ in range(kills - 1):
        kill(place.annotate(out, "--sequences-in-flight", "1"), out, chance)
        gone = len(lost(before, now := finished(out)))
        outcome.add(f"killed with {len(now)} rows", lost=gone)
        before = now
    kill(place.annotate(out, "--sequences-in-flight", "1"), out, chance)
    before |= finished(out)
    again = command(*place.annotate(out))
    wrong = first(
        (
            f"exit code {again.code}, {again.said}" if again.code else "",
            difference(place.rows, published(out / "dataset")),
        )
    )
    outcome.add(f"killed {kills} times, then {len(before)} rows", wrong, again.crash, len(lost(before, finished(out))))


def kill(line: list, out: Path, chance: random.Random) -> None:
    """Start a command and kill it: at some moment after its start, or shortly after it finished another row."""
    line = [sys.executable, "-m", "chatdesc", *map(str, line)]
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(line, stdout=nothing, stderr=nothing, cwd=REPOSITORY, env=environment())
    more = chance.randint(0, 3)
    wanted = len(list(out.glob("rows/*.json"))) + more
    deadline, pause = time.monotonic() + 60, threading.Event()
    while process.poll() is None and time.monotonic() < deadline:
        if (out / "run.json").exists() and len(list(out.glob("rows/*.json"))) >= wanted:
            break
        pause.wait(0.002)
    pause.wait(chance.uniform(0, 0.1 if more else 1.2))
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
