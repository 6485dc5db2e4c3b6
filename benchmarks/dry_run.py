"""How near `annotate --dry-run` comes to the time and the calls of the run.

    python benchmarks/dry_run.py [--preset offline --preset tiny] [--seed 0 --seed 1 ...] [--count 12] [--frames 40]

Each seed renders the demo's dataset; the forecast and the run have a process of their own each. Times of a busy machine
say nothing: let it run alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from chatdesc.synthetic import render

FORECAST = """
import json, sys, chatdesc
plan = chatdesc.plan("synthetic", sys.argv[1], out=sys.argv[2], preset=sys.argv[3])
print(json.dumps({"seconds": plan.seconds, "took": plan.tried[1], "describer": plan.expected.describer,
                  "grounder": plan.expected.grounder}))
"""
RUN = """
import json, sys, time, chatdesc
start = time.perf_counter()
run = chatdesc.annotate("synthetic", sys.argv[1], sys.argv[2], preset=sys.argv[3])
seconds = time.perf_counter() - start
calls = {stage.name: stage.use.items for stage in run.profile.stages}
print(json.dumps({"seconds": seconds, "describer": calls["describe"], "grounder": calls["ground"]}))
"""


def asked(script: str, *arguments: str) -> dict[str, Any]:
    """What a process of its own prints."""
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print a line per preset and seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append")
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--frames", type=int, default=40)
    given = parser.parse_args()
    print("preset   seed  forecast      run  ratio  describer   grounder   took")
    for preset in given.preset or ["offline", "tiny"]:
        for seed in given.seed if given.seed is not None else [0, 1]:
            with tempfile.TemporaryDirectory() as folder:
                data, out = Path(folder) / "data", Path(folder) / "run"
                render(data, given.count, given.frames, seed)
                plan, run = (asked(script, str(data), str(out), preset) for script in (FORECAST, RUN))
            ratio = plan["seconds"] / run["seconds"]
            calls = [f"{plan[kind]} / {run[kind]}" for kind in ("describer", "grounder")]
            print(
                f"{preset:<8} {seed:>4} {plan['seconds']:>7.1f} s {run['seconds']:>6.1f} s {ratio:>6.2f} "
                f"{calls[0]:>10} {calls[1]:>10} {plan['took']:>4.1f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
