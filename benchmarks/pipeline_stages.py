"""Stand-ins for the pipeline's stages: backends that sleep as long as a model would take, and sequences out of step.

A call takes a fixed time and a time per item, as on a GPU, so what the scheduler loses can be told from what the
stages take. Nothing is loaded or computed.
"""

from __future__ import annotations

import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from chatdesc.engine.schedule import Lane
from chatdesc.evidence import Choice
from chatdesc.types import Describe, Embed, Embedding, Follow, Followed, Ground, Grounding, split_words


class Cost(NamedTuple):
    """Seconds of a call and of each item in it (of each frame, for a tracker), the largest batch, and workers."""

    per_call: float
    per_item: float
    max_batch: int
    workers: int = 1


# Ratios as of models of a few billion parameters on one GPU; twenty times as fast, so that the script ends soon.
GROUNDER_LIMITS = {
    "describe": Cost(0.030, 0.0020, 8),
    "ground": Cost(0.015, 0.0015, 32),
    "embed": Cost(0.005, 0.0002, 64),
    "verify": Cost(0.0, 0.0002, 1, 2),
    "track": Cost(0.010, 0.00005, 16),
}
TRACKER_LIMITS = GROUNDER_LIMITS | {"track": Cost(0.005, 0.0003, 16), "ground": Cost(0.015, 0.0002, 32)}
DESCRIBER_LIMITS = GROUNDER_LIMITS | {"describe": Cost(0.080, 0.0050, 8), "ground": Cost(0.015, 0.0002, 32)}
SCENARIOS = {"describe": DESCRIBER_LIMITS, "ground": GROUNDER_LIMITS, "track": TRACKER_LIMITS}


@dataclass
class StandIn:
    """A stage that sleeps, and counts what it was asked.

    Attributes:
        answer: what a request is answered with.
        weight: of a request, in items of its cost.
        calls, items, work: calls, their requests, and the requests' weights.
    """

    cost: Cost
    answer: Callable[[Any], Any]
    weight: Callable[[Any], int] = lambda request: 1
    calls: int = 0
    items: int = 0
    work: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, requests: list[Any]) -> list[Any]:
        work = sum(map(self.weight, requests))
        with self.lock:
            self.calls, self.items, self.work = self.calls + 1, self.items + len(requests), self.work + work
        time.sleep(self.cost.per_call + self.cost.per_item * work)
        return [self.answer(request) for request in requests]

    @property
    def ideal(self) -> int:
        """The fewest calls that answer as many requests."""
        return ceil(self.items / self.cost.max_batch)

    @property
    def least(self) -> float:
        """Seconds that the stage takes for its requests in the fewest calls, at work without a pause."""
        return (self.ideal * self.cost.per_call + self.work * self.cost.per_item) / self.cost.workers


@dataclass(frozen=True)
class Step:
    """A request to a stage by its name; ``weight`` in items of its cost."""

    stage: str
    weight: int = 1


KINDS = {name: type(name, (Step,), {}) for name in GROUNDER_LIMITS}


def stages(costs: dict[str, Cost]) -> tuple[dict[str, StandIn], list[Lane]]:
    """A stand-in per stage that answers steps, and their lanes."""
    found = {name: StandIn(cost, lambda step: step.stage, lambda step: step.weight) for name, cost in costs.items()}
    return found, [Lane(KINDS[name], one, one.cost.max_batch, one.cost.workers) for name, one in found.items()]


def plan(rng: np.random.Generator | None, key_frames: int = 6) -> Iterator[list[tuple[str, int]]]:
    """What one sequence asks, a list after the other: (stage, weight); without ``rng`` all sequences ask the same."""

    def some(low: int, high: int) -> int:
        return (low + high) // 2 if rng is None else int(rng.integers(low, high + 1))

    for _ in range(some(1, 4)):
        yield [("describe", 1)]
        yield [("ground", 1)] * some(1, 4)
    yield [("ground", 1)] * some(2, 8)
    yield [("embed", 1)]
    for _ in range(some(1, 2 * key_frames)):
        yield [("track", some(5, 20))]
        yield [("ground", 1)] * 2
        yield [("embed", 1)]
        yield [("verify", 1)]


def sequence(steps: Iterator[list[tuple[str, int]]]) -> Iterator[Any]:
    """A job that asks as a plan says, and checks every answer."""
    for asked in steps:
        answers = yield [KINDS[stage](stage, weight) for stage, weight in asked]
        assert answers == [stage for stage, _ in asked]


class Backend(ABC):
    """What all backends have; ``reads``: each frame is decoded, as a model would."""

    def __init__(self, name: str, cost: Cost, reads: bool = False) -> None:
        self.name, self.max_batch, self.workers, self.reads = name, cost.max_batch, cost.workers, reads
        self.stage = StandIn(cost, self.answer, self.weight)

    def describe_self(self) -> dict[str, str]:
        return {"name": self.name}

    def weight(self, request: Any) -> int:
        return 1

    @abstractmethod
    def answer(self, request: Any) -> Any: ...


class Describer(Backend):
    """A text that is another in every round."""

    cacheable = False

    def describe(self, requests: list[Describe]) -> list[Any]:
        return self.stage(requests)

    def answer(self, request: Describe) -> str:
        target = f"{('red', 'green', 'blue', 'white')[len(request.tried) % 4]} kite"
        return json.dumps({"target": target, "background": ["sky"]})


class Grounder(Backend):
    """Proposals on and off the target's place; in which round the target leads depends on the sequence."""

    threshold = 0.3

    def ground(self, requests: list[Ground]) -> list[Any]:
        return self.stage(requests)

    def answer(self, request: Ground) -> Grounding:
        if self.reads:
            request.frame.image()
        words = split_words(request.text)
        on = crc32(f"{request.frame.frames.paths[0]} {request.text}".encode()) % 3 == 0
        boxes = np.array([[20, 20, 40, 40], [200, 100, 40, 40]], np.float32)
        scores = np.array([[0.9 if on else 0.4] * len(words), [0.5] * len(words)], np.float32)
        return Grounding(boxes, words, scores)


class Encoder(Backend):
    """Vectors of length 1."""

    def embed(self, requests: list[Embed]) -> list[Any]:
        return self.stage(requests)

    def answer(self, request: Embed) -> Embedding:
        crops, texts = (np.full((len(some), 4), 0.5, np.float32) for some in (request.crops, request.texts))
        return Embedding(crops, texts, np.zeros(len(texts), bool))


class Verifier(Backend):
    """The tracker's own box always."""

    def choose(self, requests: list[Any]) -> list[Any]:
        return self.stage(requests)

    def answer(self, request: Any) -> Choice:
        return Choice(len(request.evidence.boxes) - 1)


class Tracker(Backend):
    """A box that stays; a frame is read after the other."""

    def follow(self, requests: list[Follow]) -> list[Any]:
        return self.stage(requests)

    def weight(self, request: Follow) -> int:
        return request.stop - request.start

    def answer(self, request: Follow) -> Followed:
        count = self.weight(request)
        if self.reads:
            for index in range(request.start, request.stop):
                _ = request.frames[index]
        box = request.session if request.init is None else np.asarray(request.init, np.float32)
        return Followed(np.tile(box, (count, 1)), np.full(count, 0.9, np.float32), box)


def backends(costs: dict[str, Cost], reads: bool = False) -> dict[str, Backend]:
    """A stand-in of each role by the stage that asks it."""
    kinds = {"describe": Describer, "ground": Grounder, "embed": Encoder, "verify": Verifier, "track": Tracker}
    return {name: kind(name, costs[name], reads) for name, kind in kinds.items()}  # in the order of a run's lanes
