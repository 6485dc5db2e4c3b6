"""Run many sequences at the same time and turn their requests into batches.

Each sequence is a generator that yields requests and receives answers. ``Scheduler`` keeps M generators open, collects
their requests by kind, calls a backend once per batch, and sends each answer back to the generator that asked.

>>> def job(number):
...     doubled = yield number
...     return doubled + 1
>>> lane = Lane(int, lambda numbers: [2 * number for number in numbers])
>>> sorted(Scheduler([lane], in_flight=8).run((name, job(k)) for k, name in enumerate("abc")))
[('a', 1), ('b', 3), ('c', 5)]
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from chatdesc.types import BackendError, ChatdescError, Each, Embed, Verify

Job = Generator[Any, Any, Any]


@dataclass(slots=True)
class Use:
    """What a lane has done: calls, their requests, and seconds that calls took and that requests waited for one."""

    calls: int = 0
    items: int = 0
    busy: float = 0.0
    waited: float = 0.0


@dataclass(slots=True)
class Lane:
    """A backend's call: at most ``max_batch`` requests per call, at most ``workers`` calls at the same time."""

    kind: Hashable
    call: Callable[[list[Any]], list[Any]]
    max_batch: int = 64
    workers: int = 1
    waiting: deque[_Waiting] = field(default_factory=deque)
    running: int = 0
    use: Use = field(default_factory=Use)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


@dataclass(slots=True, eq=False)
class _Run:
    """An open sequence: its generator and the answers it waits for; ``each``: it takes errors among them."""

    key: Any
    job: Job
    answers: list[Any] = field(default_factory=list)
    missing: int = 0
    single: bool = True
    each: bool = False

    def reply(self) -> Any:
        """What the generator is sent when all answers are there: an exception is thrown into it."""
        errors = [_known(a) if isinstance(a, Exception) else a for a in self.answers]
        failure = next((a for a in errors if isinstance(a, Exception)), None)
        if failure is not None and not self.each:
            return failure
        return errors[0] if self.single else errors


_Waiting = tuple[_Run, int, Any, float]  # a request of a run by its place, and when it was asked


def kind_of(request: Any) -> Any:
    """The lane of a request: its type; for an ``Embed`` also the encoder, for a ``Verify`` the verifier."""
    if isinstance(request, Embed):
        return Embed, request.encoder
    if isinstance(request, Verify):
        return Verify, request.verifier
    return type(request)


class Scheduler:
    """Run jobs, ``in_flight`` of them open at the same time."""

    def __init__(self, lanes: Iterable[Lane], in_flight: int = 8) -> None:
        self.lanes = {lane.kind: lane for lane in lanes}
        self.in_flight = max(1, in_flight)

    def run(self, jobs: Iterable[tuple[Any, Job]]) -> Iterator[tuple[Any, Any]]:
        """Yield ``(key, result)`` as jobs finish. If a job raises an exception, the exception is its result."""
        source, open_runs = iter(jobs), 0
        threads = sum(lane.workers for lane in self.lanes.values())
        with ThreadPoolExecutor(max(1, threads)) as pool:
            busy: dict[Future[list[Any]], tuple[Lane, list[_Waiting]]] = {}
            try:
                while True:
                    while open_runs < self.in_flight and (item := next(source, None)) is not None:
                        open_runs += 1
                        if (done := self._advance(_Run(*item), None)) is not None:
                            open_runs -= 1
                            yield done
                    if not open_runs:
                        return
                    self._dispatch(pool, busy, open_runs)
                    for future in wait(busy, return_when=FIRST_COMPLETED).done:
                        for done in self._collect(future, *busy.pop(future)):
                            open_runs -= 1
                            yield done
            finally:
                for future in busy:
                    future.cancel()

    def _advance(self, run: _Run, answer: Any) -> tuple[Any, Any] | None:
        """Send an answer and queue the job's next requests; return its result when it ends."""
        try:
            asked = run.job.throw(answer) if isinstance(answer, Exception) else run.job.send(answer)
            while isinstance(asked, list) and not asked:
                asked = run.job.send([])
        except StopIteration as end:
            return run.key, end.value
        except Exception as error:
            return run.key, error
        run.single, run.each = not isinstance(asked, list), isinstance(asked, Each)
        requests = [asked] if run.single else asked
        run.answers, run.missing = [None] * len(requests), len(requests)
        for kind in map(kind_of, requests):
            if kind not in self.lanes:
                run.job.close()
                return run.key, ChatdescError(f"no backend answers {kind}")
        now = time.perf_counter()
        for slot, request in enumerate(requests):
            self.lanes[kind_of(request)].waiting.append((run, slot, request, now))
        return None

    def _dispatch(self, pool: ThreadPoolExecutor, busy: dict[Any, Any], open_runs: int) -> None:
        """Start a call at once if the lane takes single requests or its batch is full, else when no batch runs.

        Waiting fills batches. The largest queue goes first, so that sequences that fell out of step meet again.
        Single requests do not wait, because one slow request would hold up all sequences.
        """
        for lane in self.lanes.values():
            while lane.waiting and lane.running < lane.workers and (lane.workers > 1 or self._full(lane, open_runs)):
                self._start(pool, busy, lane)
        batched = [lane for lane in self.lanes.values() if lane.workers == 1]
        if not any(lane.running for lane in batched):
            largest = max(batched, key=lambda lane: len(lane.waiting), default=None)
            if largest and largest.waiting:
                self._start(pool, busy, largest)

    def _full(self, lane: Lane, open_runs: int) -> bool:
        return len(lane.waiting) >= lane.max_batch or len({id(run) for run, *_ in lane.waiting}) >= open_runs

    def _start(self, pool: ThreadPoolExecutor, busy: dict[Any, Any], lane: Lane) -> None:
        size = 1 if lane.workers > 1 else min(lane.max_batch, len(lane.waiting))
        batch = [lane.waiting.popleft() for _ in range(size)]
        lane.running += 1
        now = time.perf_counter()
        lane.use.waited += sum(now - asked for *_, asked in batch)
        busy[pool.submit(_timed, lane, [request for _, _, request, _ in batch])] = (lane, batch)

    def _collect(self, future: Future[list[Any]], lane: Lane, batch: list[_Waiting]) -> Iterator[tuple[Any, Any]]:
        """Send the answers of a finished call to the jobs that asked; yield the jobs that end with them."""
        lane.running -= 1
        for (run, slot, *_), answer in zip(batch, self._answers(future, len(batch)), strict=True):
            run.answers[slot] = answer
            run.missing -= 1
            if run.missing:
                continue
            if (done := self._advance(run, run.reply())) is not None:
                yield done

    @staticmethod
    def _answers(future: Future[list[Any]], count: int) -> list[Any]:
        """The answers of a call; if the whole call failed, its error for every item."""
        error = future.exception()
        if error is not None:
            return [error if isinstance(error, Exception) else BackendError(str(error))] * count
        answers = future.result()
        if not isinstance(answers, list) or len(answers) != count:
            gave = f"{len(answers)} answers" if isinstance(answers, list) else type(answers).__name__
            return [BackendError(f"backend gave {gave} to {count} requests")] * count
        return answers


def _known(error: Exception) -> ChatdescError:
    """An error as stages know it."""
    if isinstance(error, ChatdescError):
        return error
    wrapped = BackendError(f"{type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def _timed(lane: Lane, requests: list[Any]) -> list[Any]:
    start = time.perf_counter()
    try:
        return lane.call(requests)
    finally:
        with lane.lock:
            lane.use.calls += 1
            lane.use.items += len(requests)
            lane.use.busy += time.perf_counter() - start
