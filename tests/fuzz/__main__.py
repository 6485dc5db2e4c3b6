"""``python -m tests.fuzz``: run the rig, and print the table of docs/reliability.md.

python -m tests.fuzz --only kills --tries 10 --seed 3
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import time

from tests import conftest, fuzz
from tests.fuzz.outcome import Outcome

HEADING = "| figures | tried | wrong | tracebacks | rows lost |\n| --- | ---: | ---: | ---: | ---: |"


def main() -> int:
    asked = _arguments()
    lines, sound = [HEADING], True
    for name in asked.only or fuzz.ROWS:
        module = importlib.import_module(f"tests.fuzz.{name}")
        begin = time.monotonic()
        outcome = _run(module, asked.seed, asked.tries or module.NUMBER)
        print(f"{name}: {time.monotonic() - begin:.0f} s, seed {asked.seed}", file=sys.stderr, flush=True)
        if outcome is None:
            continue
        print(*(f"  {line}" for line in outcome.detail), sep="\n", end="\n" * bool(outcome.detail), file=sys.stderr)
        lines.append(row(module.FIGURES, outcome))
        sound &= outcome.sound
    print("\n".join(lines))
    return 0 if sound else 1


def row(figures: str, outcome: Outcome) -> str:
    """A row of the table."""
    counts = (outcome.tried, outcome.wrong, outcome.tracebacks, outcome.lost)
    return f"| {' | '.join((figures, *map(str, counts)))} |"


def _run(module, seed: int, tries: int) -> Outcome | None:
    import pytest

    try:
        with contextlib.redirect_stdout(sys.stderr):
            return module.run(seed, tries)
    except pytest.skip.Exception as reason:
        print(f"left out: {reason}", file=sys.stderr)
        return None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Tries faults and hostile input.")
    parser.add_argument("--only", action="append", choices=fuzz.ROWS, help="a row of the table; repeatable")
    parser.add_argument("--tries", type=int, help="tries of each row (default: those of the table)")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    assert conftest.REPOSITORY  # its import has led all caches of models into a folder that goes
    sys.exit(main())
