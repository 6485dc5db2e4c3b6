"""Hours and money of a whole dataset on 1 to 64 workers, with stragglers and failures: a simulation.

    python benchmarks/cluster.py --dataset lasot --seconds-per-frame 0.02 --seconds-per-sequence 12 --price 3

A worker does one sequence at a time and then takes the next: from one queue, as with ``--devices``, or from its own
shard, as with ``--shard I/N`` in a job array. A worker is slower than the fastest by a factor that is drawn once
(stragglers). It fails after a time that is drawn from an exponential distribution; its finished sequences are kept, the
one in work is begun again by the same worker after a restart. Seconds are yours to give: measure them with ``chatdesc
annotate --dry-run`` on the machine that you will use. Lengths of sequences are drawn; their
sum is the dataset's.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAMES = {"lasot": (1400, 3_517_342), "tnl2k": (2000, 1_244_340)}  # sequences and frames, as the papers count them
BOUNDS = {"lasot": (1000, 11_397), "tnl2k": (21, 18_488)}  # frames of the shortest and the longest sequence
WORKERS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class Work:
    """What is simulated: ``seconds`` [S] per sequence on the fastest worker, and what goes wrong.

    Attributes:
        spread: sigma of the logarithm of workers' slowness.
        hours_to_failure: mean time of a worker between failures.
        restart: seconds from a failure until the worker goes on (a new machine, models loaded).
    """

    seconds: NDArray[np.float64]
    spread: float = 0.1
    hours_to_failure: float = 100.0
    restart: float = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hours until the last sequence is done, hours that workers are paid for, and how often one failed."""

    hours: float
    paid: float
    failures: int


def lengths(dataset: str, rng: np.random.Generator) -> NDArray[np.float64]:
    """[S] frames per sequence; their sum is the dataset's."""
    count, total = FRAMES[dataset]
    least, most = BOUNDS[dataset]
    drawn = np.clip(least + rng.exponential(total / count - least, count), least, most)
    return np.asarray(drawn * (total / drawn.sum()), np.float64)


def simulate(work: Work, workers: int, shards: bool, rng: np.random.Generator) -> Outcome:
    """One draw of workers and failures.

    Args:
        shards: every worker has its own part; else all take from one queue, the longest sequence first.
    """
    slowness = np.exp(np.abs(rng.normal(0.0, work.spread, workers)))
    order = work.seconds if shards else np.sort(work.seconds)[::-1]
    queues = [list(order[k::workers]) for k in range(workers)] if shards else [list(order)] * workers
    mean = work.hours_to_failure * 3600
    free = [(0.0, worker) for worker in range(workers)]
    ends, breaks, failures = np.zeros(workers), rng.exponential(mean, workers), 0
    heapq.heapify(free)
    while free:
        now, worker = heapq.heappop(free)
        if not queues[worker]:
            ends[worker] = now
            continue
        end = now + queues[worker][0] * slowness[worker]
        if end > breaks[worker]:
            failures += 1
            back = breaks[worker] + work.restart
            breaks[worker] = back + rng.exponential(mean)
            heapq.heappush(free, (back, worker))
            continue
        queues[worker].pop(0)
        heapq.heappush(free, (end, worker))
    paid = ends.sum() if shards else ends.max() * workers
    return Outcome(float(ends.max() / 3600), float(paid / 3600), failures)


def table(work: Work, price: float, draws: int, seed: int) -> list[str]:
    """A line per number of workers: median hours and money with one queue and with shards."""
    best = work.seconds.sum() / 3600
    lines = [
        "| workers | ideal, h | one queue, h | shards, h | efficiency, queue / shards | failures | money, queue |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for workers in WORKERS:
        queue, parts = (
            [simulate(work, workers, shards, np.random.default_rng((seed, draw, workers))) for draw in range(draws)]
            for shards in (False, True)
        )
        hours = [float(np.median([one.hours for one in of])) for of in (queue, parts)]
        shares = " / ".join(f"{best / workers / h:.2f}" for h in hours)
        money = float(np.median([one.paid for one in queue])) * price
        failed = float(np.mean([one.failures for one in queue]))
        lines.append(
            f"| {workers} | {best / workers:.2f} | {hours[0]:.2f} | {hours[1]:.2f} | {shares} | {failed:.1f} "
            f"| {money:.0f} |"
        )
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=sorted(FRAMES), default="lasot")
    parser.add_argument("--seconds-per-frame", type=float, default=0.02, help="tracking and grounding, on one worker")
    parser.add_argument("--seconds-per-sequence", type=float, default=12.0, help="describing and scoring")
    parser.add_argument("--price", type=float, default=0.0, help="of a worker's hour")
    parser.add_argument("--spread", type=float, default=0.1, help="of workers' speed")
    parser.add_argument("--hours-to-failure", type=float, default=100.0, help="of one worker, in the mean")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    frames = lengths(asked.dataset, np.random.default_rng(asked.seed))
    seconds = asked.seconds_per_sequence + asked.seconds_per_frame * frames
    work = Work(seconds, asked.spread, asked.hours_to_failure)
    print(
        f"{asked.dataset}: {len(frames)} sequences, {frames.sum():,.0f} frames, "
        f"{seconds.sum() / 3600:.1f} hours on one worker without failures"
    )
    print("\n".join(table(work, asked.price, asked.draws, asked.seed)))


if __name__ == "__main__":
    main()
