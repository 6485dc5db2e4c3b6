"""Decisions sent to a review whose server is killed at random moments: none that was confirmed may be lost.

    python benchmarks/review.py [--decisions 1000] [--kills 20] [--seed 0]

A script decides as the page does: it sends one to ten decisions at a time, and sends again what was not confirmed
before a kill, with the same ids. The server is a process of its own, killed (SIGKILL) after a random share of the
decisions and a random part of a second, and started again. Prints how many decisions were confirmed, how many of them
the journal lacks (lost), has twice, or has with another text, how many lines were torn, and the time per decision.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from threading import Timer
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chatdesc.decisions.journal import Journal
from tests.makers.review_server import Server, a_run, sent

ROWS = 200
MOST = 10  # decisions of one request
LONGEST_WAIT = 0.05  # seconds between a request's start and a kill


def planned(count: int, draw: random.Random) -> list[dict[str, Any]]:
    """So many decisions of all kinds, edits and accepts above all."""
    made = []
    for number in range(count):
        verdict = draw.choice(("accept", "accept", "edit", "edit", "edit", "reject", "flag", "skip"))
        text = {"text": f"a kite that flies {number} times " + "é🙂" * draw.randrange(400)} if verdict == "edit" else {}
        made.append(sent(f"kite-{draw.randrange(ROWS)}", verdict, **text))
    return made


def until_killed(server: Server, waiting: list[dict[str, Any]], stop: int | None, draw: random.Random) -> list[float]:
    """Send decisions, those at the front first, until none waits or a kill ends it: seconds per request.

    Confirmed ones are removed from ``waiting``. The kill comes once no more than ``stop`` wait; None kills nothing.
    """
    times: list[float] = []
    timer = None
    with suppress(OSError, HTTPException):
        while waiting:
            if stop is not None and len(waiting) <= stop and timer is None:
                timer = Timer(draw.uniform(0, LONGEST_WAIT), server.process.kill)
                timer.start()
            several = waiting[: draw.randint(1, MOST)]
            start = time.perf_counter()
            saved = set(server.decide(*several)["saved"])
            times.append((time.perf_counter() - start) / len(several))
            waiting[:] = [one for one in waiting if one["id"] not in saved]
    if timer:
        timer.join()
    return times


def is_torn(file: Path) -> bool:
    return file.exists() and not file.read_bytes().endswith(b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw = random.Random(given.seed)
    all_of = planned(given.decisions, draw)
    waiting, times, torn = list(all_of), [], 0
    stops = sorted(draw.sample(range(1, given.decisions), given.kills), reverse=True)
    with tempfile.TemporaryDirectory() as folder:
        run = a_run(Path(folder) / "run", count=ROWS)
        for stop in [*stops, None]:
            with Server(run) as server:
                times += until_killed(server, waiting, stop, draw)
            torn += is_torn(run / "review" / "ada.jsonl")
        kept = Journal(run / "review").read()
    texts = {made.id: made.text for made in kept}
    lost = [one for one in all_of if one["id"] not in texts]
    other = [one for one in all_of if one["verdict"] == "edit" and texts.get(one["id"], one["text"]) != one["text"]]
    twice = [name for name, count in Counter(made.id for made in kept).items() if count > 1]
    print(f"kills                        {given.kills}")
    print(f"decisions confirmed          {len(all_of) - len(waiting)}")
    print(f"lost                         {len(lost)}")
    print(f"kept twice                   {len(twice)}")
    print(f"kept with another text       {len(other)}")
    print(f"last lines torn by a kill    {torn}")
    print(f"time per decision, median    {1000 * statistics.median(times):.1f} ms")
    raise SystemExit(1 if waiting or lost or twice or other else 0)


if __name__ == "__main__":
    main()
