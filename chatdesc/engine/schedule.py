"""Run many sequences at the same time and turn their requests into batches.

Each sequence is a generator that yields requests and receives answers. ``Scheduler`` keeps M generators open, collects
their requests by kind, calls a backend once per batch, and sends each answer back to the generator that asked.

A lane is started when its batch is full, whatever the others do. With as many sequences as fit into one batch of each
lane, some batch is always full or running: if none were full, fewer requests would wait than there are sequences. So
the slowest lane is fed, and the others wait for full batches. A smaller batch is started only when no such lane runs,
at the end of a run or with fewer sequences. The request of the oldest sequence goes first: it nears its end, and the
stages that come last get work early.

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
from collections.abc import Callable, Generator, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

from chatdesc.types import BackendError, ChatdescError, Each, Embed, Verify

Job = Generator[Any, Any, Any]

LEAST_IN_FLIGHT = 8  # sequences, where no lane waits for full batches: enough for a few cores


@dataclass(slots=True)
class Use:
    """What a lane has done: calls, their requests, and seconds that calls took and that requests waited for one."""

    calls: int = 0
    items: int = 0
    busy: float = 0.0
    waited: float = 0.0


@dataclass(slots=True)
class Lane:
    """A backend's call: at most ``max_batch`` requests per call, at most ``workers`` calls at the same time.

    Attributes:
        waits: whether a call is put off until its batch is full; not where a batch is no faster than its requests one
            by one, as on a CPU.
        backend: lanes of the same one (not None) have its ``workers`` calls together.
        expect: called with a request that has to wait, so that what it needs can be made ready meanwhile.
        most_sequences: that may be in work at a time, unless somebody asks for more; None is any number.
    """

    kind: Hashable
    call: Callable[[list[Any]], list[Any]]
    max_batch: int = 64
    workers: int = 1
    waits: bool = True
    backend: Any = None
    expect: Callable[[Any], None] | None = None
    most_sequences: int | None = None
    waiting: list[_Waiting] = field(default_factory=list)
    running: int = 0
    use: Use = field(default_factory=Use)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def fills(self) -> bool:
        """Whether its calls are put off until they are full."""
        return self.waits and self.workers == 1

    @property
    def enough(self) -> int:
        """Requests from which on a call is started at once."""
        return self.max_batch if self.fills else 1


def in_flight_for(lanes: Iterable[Lane]) -> int:
    """How many sequences keep the lanes busy: a full batch of each lane that waits for one, and the other workers.

    >>> in_flight_for([Lane(int, list, max_batch=8), Lane(str, list, max_batch=64), Lane(float, list, 1, workers=4)])
    76
    """
    needs = {id(lane if lane.backend is None else lane.backend): lane for lane in lanes}
    wanted = sum(lane.max_batch if lane.fills else lane.workers for lane in needs.values())
    bounds = (lane.most_sequences for lane in needs.values() if lane.most_sequences is not None)
    return min([max(LEAST_IN_FLIGHT, wanted), *bounds])


@dataclass(slots=True, eq=False)
class _Run:
    """An open sequence: its generator and the answers it waits for; ``each``: it takes errors among them.

    ``age`` numbers the sequences in the order in which they were begun.
    """

    key: Any
    job: Job
    age: int = 0
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


_Waiting = tuple[int, int, _Run, int, Any, float]  # by age, then by number: a run's request, its place, when asked


def kind_of(request: Any) -> Any:
    """The lane of a request: its type; for an ``Embed`` also the encoder, for a ``Verify`` the verifier."""
    if isinstance(request, Embed):
        return Embed, request.encoder
    if isinstance(request, Verify):
        return Verify, request.verifier
    return type(request)


class Scheduler:
    """Run jobs, ``in_flight`` of them open at the same time; None takes as many as keep the lanes busy.

    Attributes:
        stepping: seconds that the jobs' own code has taken, between their requests.
    """

    def __init__(self, lanes: Iterable[Lane], in_flight: int | None = None) -> None:
        self.lanes = {lane.kind: lane for lane in lanes}
        self.in_flight = in_flight_for(self.lanes.values()) if in_flight is None else max(1, in_flight)
        self.stepping = 0.0
        self._numbers = count()

    def run(self, jobs: Iterable[tuple[Any, Job]]) -> Iterator[tuple[Any, Any]]:
        """Yield ``(key, result)`` as jobs finish. If a job raises an exception, the exception is its result."""
        source, open_runs = iter(jobs), 0
        threads = sum(lane.workers for lane in self.lanes.values())
        with ThreadPoolExecutor(max(1, threads)) as pool:
            busy: dict[Future[list[Any]], tuple[Lane, list[_Waiting]]] = {}
            try:
                while True:
                    item = next(source, None) if open_runs < self.in_flight else None
                    if item is not None:
                        open_runs += 1
                        if (done := self._advance(_Run(*item, next(self._numbers)), None)) is not None:
                            open_runs -= 1
                            yield done
                        self._dispatch_full(pool, busy)
                    elif not open_runs:
                        return
                    else:
                        self._dispatch(pool, busy)
                    ready = wait(busy, timeout=None if item is None else 0, return_when=FIRST_COMPLETED)
                    for future in ready.done:
                        for done in self._collect(future, *busy.pop(future)):
                            open_runs -= 1
                            yield done
            finally:
                for future in busy:
                    future.cancel()

    def _advance(self, run: _Run, answer: Any) -> tuple[Any, Any] | None:
        """Send an answer and queue the job's next requests; return its result when it ends."""
        start = time.perf_counter()
        try:
            asked = run.job.throw(answer) if isinstance(answer, Exception) else run.job.send(answer)
            while isinstance(asked, list) and not asked:
                asked = run.job.send([])
        except StopIteration as end:
            return run.key, end.value
        except Exception as error:
            return run.key, error
        finally:
            self.stepping += (now := time.perf_counter()) - start
        run.single, run.each = not isinstance(asked, list), isinstance(asked, Each)
        requests = [asked] if run.single else asked
        run.answers, run.missing = [None] * len(requests), len(requests)
        for kind in map(kind_of, requests):
            if kind not in self.lanes:
                run.job.close()
                return run.key, ChatdescError(f"no backend answers {kind}")
        for slot, request in enumerate(requests):
            lane = self.lanes[kind_of(request)]
            heappush(lane.waiting, (run.age, next(self._numbers), run, slot, request, now))
            if lane.expect is not None and not self._free(lane):
                lane.expect(request)
        return None

    def _dispatch(self, pool: ThreadPoolExecutor, busy: dict[Any, Any]) -> None:
        """Start what is full; where no lane that waits for full batches runs, start the one with most requests.

        The largest queue goes first, so that sequences that fell out of step meet again.
        """
        self._dispatch_full(pool, busy)
        filling = [lane for lane in self.lanes.values() if lane.fills]
        if not any(lane.running for lane in filling):
            largest = max(filling, key=lambda lane: len(lane.waiting), default=None)
            if largest and largest.waiting and self._free(largest):
                self._start(pool, busy, largest)

    def _dispatch_full(self, pool: ThreadPoolExecutor, busy: dict[Any, Any]) -> None:
        """Start every lane that has enough requests and a free worker; several workers get single requests."""
        for lane in self.lanes.values():
            while len(lane.waiting) >= lane.enough and self._free(lane):
                self._start(pool, busy, lane)

    def _free(self, lane: Lane) -> bool:
        """Whether one of its backend's workers is free."""
        if lane.backend is None:
            return lane.running < lane.workers
        return sum(one.running for one in self.lanes.values() if one.backend is lane.backend) < lane.workers

    def _start(self, pool: ThreadPoolExecutor, busy: dict[Any, Any], lane: Lane) -> None:
        size = 1 if lane.workers > 1 else min(lane.max_batch, len(lane.waiting))
        batch = [heappop(lane.waiting) for _ in range(size)]
        if not lane.waits and lane.waiting and batch[0][2] is not batch[-1][2] is lane.waiting[0][2]:
            # what a sequence asks together goes together, however long calls take
            while batch[-1][2] is lane.waiting[0][2]:
                heappush(lane.waiting, batch.pop())
        lane.running += 1
        now = time.perf_counter()
        lane.use.waited += sum(now - asked for *_, asked in batch)
        busy[pool.submit(_timed, lane, [request for *_, request, _ in batch])] = (lane, batch)

    def _collect(self, future: Future[list[Any]], lane: Lane, batch: list[_Waiting]) -> Iterator[tuple[Any, Any]]:
        """Send the answers of a finished call to the jobs that asked; yield the jobs that end with them."""
        lane.running -= 1
        for (_, _, run, slot, *_), answer in zip(batch, self._answers(future, len(batch)), strict=True):
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
