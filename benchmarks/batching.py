"""Claim: sequences in flight together share backend calls.

Runs the offline loop's logic with backends that only sleep (a fixed cost per call and a small one per item, as on a
GPU), one sequence at a time and eight in flight, and prints calls and the ratio of the times.

    python benchmarks/batching.py
"""

from __future__ import annotations

import time

import numpy as np

from chatdesc.config import Settings
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.stages.reflect import reflect
from chatdesc.types import Describe, Frames, Ground, Grounding, Sequence, split_words

PER_CALL, PER_ITEM, SEQUENCES = 0.05, 0.002, 32


def sleeping(answer, calls):
    def call(requests):
        calls.append(len(requests))
        time.sleep(PER_CALL + PER_ITEM * len(requests))
        return [answer(r) for r in requests]

    return call


def nowhere(request: Ground) -> Grounding:
    words = split_words(request.text)
    return Grounding(np.array([[50, 50, 9, 9]], np.float32), words, np.full((1, len(words)), 0.9, np.float32))


def run(in_flight: int) -> tuple[float, int]:
    frames = Frames(("0.jpg",), lambda path: b"")
    box = np.array([[0, 0, 10, 10]], np.float32)
    calls: list[int] = []
    lanes = [
        Lane(Describe, sleeping(lambda r: '{"target": "red kite"}', calls)),
        Lane(Ground, sleeping(nowhere, calls)),
    ]
    jobs = ((i, reflect(Sequence(str(i), "x", None, None, frames, box), Settings(), 0.3)) for i in range(SEQUENCES))
    start = time.perf_counter()
    done = list(Scheduler(lanes, in_flight).run(jobs))
    assert len(done) == SEQUENCES
    return time.perf_counter() - start, len(calls)


if __name__ == "__main__":
    alone, calls_alone = run(1)
    together, calls_together = run(8)
    rounds = Settings().rounds + 1
    print(f"{SEQUENCES} sequences, {rounds} rounds, calls: {calls_alone} alone, {calls_together} with 8 in flight")
    print(f"time {alone:.2f} s and {together:.2f} s: ratio {alone / together:.1f}x")
