"""What limits a run: calls, items, seconds at work and of waiting per stage, and how near the run is to its limit.

The limit is the stage that is at work longest: a run cannot be shorter, whatever the others do. A stage with several
workers counts by a worker's share. Stages that share the cores of a machine have another limit together, the CPU time
of the process over the cores.

>>> from dataclasses import replace
>>> from chatdesc.engine.schedule import Use
>>> done = Profile(seconds=10.0, frames=400, stages=[Stage("ground", Use(5, 40, 8.0, 2.0), 8, 1)])
>>> done.limit.name, done.efficiency, done.frames_per_second
('ground', 0.8, 40.0)
>>> replace(done, cpu=18.0, cores=2).bound
('the CPU', 9.0)
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chatdesc.cores import cores
from chatdesc.engine.schedule import Lane, Use
from chatdesc.tables import Record, Tabular, plain, show
from chatdesc.types import FrameCache

NAMES = {
    "Describe": "describe",
    "Ask": "ask",
    "Ground": "ground",
    "Embed": "embed",
    "Follow": "track",
    "Verify": "verify",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A backend at work; ``max_batch`` and ``workers`` are those of its lane."""

    name: str
    use: Use
    max_batch: int
    workers: int

    @property
    def seconds(self) -> float:
        """At work, by worker."""
        return self.use.busy / self.workers

    @property
    def fill(self) -> float | None:
        """Share of the places in all batches that had a request; None for a stage that takes single requests."""
        if self.max_batch < 2 or not self.use.calls:
            return None
        return self.use.items / (self.use.calls * self.max_batch)


@dataclass(frozen=True, slots=True)
class Profile(Tabular):
    """A run's stages.

    Attributes:
        seconds: from the first request to the last row.
        frames: of all sequences that were done.
        stages: those that were asked at all.
        writing, written: seconds for rows and evidence, beside the stages, and how many.
        decoded, decoding: frames that were decoded, and seconds for it, which are within the stages that asked.
        proposed, proposing: the same of frames that were searched for proposals apart from a model.
        stepping: seconds of the sequences' own code between their requests.
        cpu, cores: CPU seconds of the process, and the cores that it may use.
    """

    seconds: float
    frames: int
    stages: list[Stage]
    writing: float = 0.0
    decoded: int = 0
    decoding: float = 0.0
    written: int = 0
    stepping: float = 0.0
    cpu: float = 0.0
    cores: int = 1
    proposed: int = 0
    proposing: float = 0.0

    @property
    def limit(self) -> Stage:
        """The stage that is at work longest."""
        return max(self.stages, key=lambda stage: stage.seconds)

    @property
    def bound(self) -> tuple[str, float]:
        """What limits the run, and the seconds that it takes at least: a stage, or the CPU that all share."""
        limit, cpu = self.limit, self.cpu / self.cores
        return ("the CPU", cpu) if cpu > limit.seconds else (limit.name, limit.seconds)

    @property
    def efficiency(self) -> float:
        """The limit's seconds as a share of the whole."""
        return self.bound[1] / self.seconds if self.seconds else 1.0

    @property
    def frames_per_second(self) -> float:
        """Of the whole run."""
        return self.frames / self.seconds if self.seconds else 0.0

    def records(self) -> list[Record]:
        """One row per stage, then what has no batches: decoding, proposing, what is between requests, writing."""
        rows = [
            {
                "stage": stage.name,
                "calls": stage.use.calls,
                "items": stage.use.items,
                "fill": stage.fill,
                "busy_s": stage.use.busy,
                "share": stage.seconds / self.seconds if self.seconds else 0.0,
                "wait_ms": 1000 * stage.use.waited / stage.use.items if stage.use.items else 0.0,
            }
            for stage in self.stages
        ]
        beside: list[tuple[str, int | None, float]] = [("decode", self.decoded, self.decoding)]
        beside += [("propose", self.proposed, self.proposing)] if self.proposed else []
        beside += [("between", None, self.stepping), ("write", self.written, self.writing)]
        for name, items, seconds in beside:
            share = seconds / self.seconds if self.seconds else 0.0
            rows.append(
                {"stage": name, "calls": items, "items": items, "fill": None, "busy_s": seconds, "share": share,
                 "wait_ms": None}
            )  # fmt: skip
        return rows


def stages_of(lanes: Iterable[Lane]) -> list[Stage]:
    """The lanes that had a request; an encoder or verifier has its own name."""
    found = []
    for lane in lanes:
        kind, *model = lane.kind if isinstance(lane.kind, tuple) else (lane.kind,)
        name = NAMES.get(kind.__name__, kind.__name__)
        if lane.use.calls:
            found.append(Stage(" ".join([name, *model]), lane.use, lane.max_batch, lane.workers))
    return found


class Watch:
    """Counts what a run does between its start and ``profile``.

    Attributes:
        lanes: those of the run, which count for themselves.
    """

    def __init__(self, lanes: list[Lane], cache: FrameCache | None = None) -> None:
        self.lanes, self._cache, self._start = lanes, cache, time.perf_counter()
        self._searches = list({id(c): c for lane in lanes if (c := getattr(lane.backend, "proposing", None))}.values())
        self._before = self._made()
        self._frames, self._writing, self._written = 0, 0.0, 0
        self._cpu = time.process_time()

    @contextmanager
    def writing(self, frames: int) -> Iterator[None]:
        """While a sequence of so many frames is written."""
        start = time.perf_counter()
        yield
        self._writing += time.perf_counter() - start
        self._frames += frames
        self._written += 1

    def profile(self, stepping: float = 0.0) -> Profile | None:
        """What was done so far, with the scheduler's ``stepping``; None where no backend was asked."""
        stages = stages_of(self.lanes)
        if not stages:
            return None
        decoded, decoding, proposed, proposing = (
            now - before for now, before in zip(self._made(), self._before, strict=True)
        )
        return Profile(
            time.perf_counter() - self._start, self._frames, stages, self._writing, int(decoded), decoding,
            self._written, stepping, time.process_time() - self._cpu, cores(), int(proposed), proposing,
        )  # fmt: skip

    def _made(self) -> tuple[float, ...]:
        """Frames decoded and searched so far, each with its seconds."""
        caches = ([self._cache] if self._cache else [], self._searches)
        return tuple(sum(getattr(c, what) for c in of) for of in caches for what in ("made", "seconds"))


def shown_profile(profile: Profile) -> list[Record]:
    """The rows for a terminal, in whole numbers and per cent."""
    return [
        {
            "stage": row["stage"],
            "calls": plain(row["calls"]),
            "items": plain(row["items"]),
            "fill, %": _percent(row["fill"]),
            "busy, s": f"{row['busy_s']:.2f}",
            "of all, %": _percent(row["share"]),
            "wait, ms": show(row["wait_ms"], 0),
        }
        for row in profile.records()
    ]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f}"
