"""A disk that takes no more while ``annotate`` works on it; then there is room again.

Wrong: exit code 0 with a dataset that is not the undisturbed one; another exit code than 3 (the machine); the same
command with room again does not end in the undisturbed dataset. Lost: a row that was finished and then is not the same.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.fuzz.command import Done, command, process
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import difference, finished, first, fresh, lost, published, scene
from tests.standins.full_disk import file_limit, may_mount, small_disk

FIGURES, NUMBER = "full disk, limits of files", 12


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """Every other try fills a small disk where this process may mount one; the others limit the size of files."""
    if sys.platform != "linux":
        pytest.skip("needs limits on the size of files")
    chance, outcome, mounts = random.Random(seed), Outcome(), may_mount(fresh())
    for number in range(tries):
        out, size = fresh() / "run", int(10 ** chance.uniform(2, 4.3))
        if mounts and number % 2:
            size = 4096 * chance.randint(2, 24)
            with small_disk(out.parent, size) as resize:
                starved = process(*scene().annotate(out))
                before = finished(out)
                resize(64 << 20)
                _judge(outcome, f"disk of {size} bytes", out, starved, before)
        else:
            starved = process(*scene().annotate(out), preexec_fn=file_limit(size))
            _judge(outcome, f"files up to {size} bytes", out, starved, finished(out))
    return outcome


def _judge(outcome: Outcome, case: str, out: Path, starved: Done, before: dict) -> None:
    differs = difference(scene().rows, published(out / "dataset")) if starved.code == 0 else ""
    again = command(*scene().annotate(out))
    wrong = first(
        (
            f"exit code 0, {differs}" if differs else "",
            f"exit code {starved.code}" if starved.code not in (0, 3) else "",
            f"again: exit code {again.code}, {again.said}" if again.code else "",
            difference(scene().rows, published(out / "dataset")),
        )
    )
    outcome.add(case, wrong, starved.crash or again.crash, len(lost(before, finished(out))))
