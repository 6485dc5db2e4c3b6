"""A run on real OTB sequences that is killed, starved and cut off from its model server, and at last left in peace.

Wrong: the command that nobody disturbs does not end with exit code 0 and the rows of the undisturbed run, field by
field. Lost: a row that was finished and then is not the same. It needs the shared data.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from chatdesc.engine.run import failed
from tests.fuzz.command import REPOSITORY, command, process
from tests.fuzz.kills import kill
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import Rows, difference, finished, first, fresh, lost, published
from tests.fuzz.served import impatient
from tests.standins.full_disk import file_limit
from tests.standins.model_server import ModelServer, model_server

FIGURES, NUMBER = "runs on OTB: killed, starved, cut off", 4
WHOLE = ("--tracker", "none", "--rounds", "2")
SHORT = (
    "--tracker",
    "none",
    "--rounds",
    "1",
    "--alignment-frames",
    "1",
    "--sequences",
    "Crossing,Skiing",
)


@dataclass(frozen=True)
class Job:
    """A command line on the data with a model server."""

    server: ModelServer
    options: tuple

    def line(self, out: Path, *more: object) -> list[object]:
        served = ("--describer", "openai:kite-vl", "--base-url", self.server.url)
        return ["annotate", "otb-lang", data(), "--out", out, *served, *self.options, *more]


def data() -> Path:
    """The folder of OTB."""
    named = os.environ.get("CHATDESC_SHARED_DATA")
    folder = (Path(named) if named else REPOSITORY.parent / "shared" / "data") / "otb"
    if not folder.is_dir():
        pytest.skip("no shared data: set CHATDESC_SHARED_DATA to its folder")
    return folder


def run(seed: int = 0, tries: int = NUMBER, options: tuple = WHOLE) -> Outcome:
    """Each try is a run of its own, disturbed in an order that the seed decides."""
    chance, outcome = random.Random(seed), Outcome()
    data()
    with model_server() as server, impatient():
        for _ in range(tries):
            _one(outcome, chance, Job(server, options))
    return outcome


@cache
def _undisturbed(options: tuple) -> Rows:
    out = fresh() / "run"
    with model_server() as server, impatient():
        done = command(*Job(server, options).line(out))
    assert done.code == 0, done
    return published(out / "dataset")


def _one(outcome: Outcome, chance: random.Random, job: Job) -> None:
    out, expected = fresh() / "run", _undisturbed(job.options)
    steps: list[Callable] = [_kill, _starve, _cut_off]
    chance.shuffle(steps)
    before: Rows = {}
    gone, crash = 0, ""
    for step in steps:
        crash = crash or step(job, out, chance)
        now = {name: row for name, row in finished(out).items() if not failed(row)}
        gone += len(lost(before, now))
        before = now
    again = command(*job.line(out))
    code = f"exit code {again.code}, {again.said}" if again.code else ""
    wrong = first((code, difference(expected, published(out / "dataset"))))
    case = f"{', '.join(step.__name__.strip('_') for step in steps)}, then {len(before)} rows"
    outcome.add(case, wrong, crash or again.crash, gone + len(lost(before, finished(out))))


def _kill(job: Job, out: Path, chance: random.Random) -> str:
    kill(job.line(out, "--sequences-in-flight", "1"), out, chance)
    return ""


def _starve(job: Job, out: Path, chance: random.Random) -> str:
    done = process(*job.line(out), preexec_fn=file_limit(int(10 ** chance.uniform(3, 4.7))))
    return done.crash or ("" if done.code in (0, 3) else f"exit code {done.code} for a full disk: {done.said}")


def _cut_off(job: Job, out: Path, chance: random.Random) -> str:
    job.server.after(chance.randint(0, 3), "reset")
    done = command(*job.line(out))
    job.server.well()
    return done.crash or ("" if done.code in (0, 1, 2) else f"exit code {done.code} without its server: {done.said}")
