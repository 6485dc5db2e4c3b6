"""The scheduler on a clock of its own: a call that sleeps takes no time, but the clock says that it did.

So minutes of a schedule are measured in seconds, and equally on a busy machine. Calls run one after another, at the
moment at which they start; their answers are there when the clock has reached their end.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple
from unittest.mock import patch

from chatdesc.engine import schedule


class _Ready(NamedTuple):
    done: set[Future[Any]]


class Clock:
    """Seconds that pass only in ``sleep`` and while nothing can be done but wait; stands in for a pool of threads."""

    def __init__(self) -> None:
        self.now = 0.0
        self._ends: list[tuple[float, int, Future[Any], Any]] = []
        self._numbers = count()

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pool(self, _: int) -> Clock:
        return self

    def __enter__(self) -> Clock:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        start, future = self.now, Future[Any]()
        try:
            found: tuple[Any, BaseException | None] = call(*arguments), None
        except BaseException as error:
            found = None, error
        heapq.heappush(self._ends, (self.now, next(self._numbers), future, found))
        self.now = start
        return future

    def wait(self, busy: Any, timeout: float | None = None, return_when: str = "") -> _Ready:
        """The next call that ends; none where that is after ``timeout``."""
        if not busy or (timeout is not None and self._ends[0][0] > self.now + timeout):
            return _Ready(set())
        end, _, future, (answer, error) = heapq.heappop(self._ends)
        self.now = max(self.now, end)
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)
        return _Ready({future})


@contextmanager
def virtual_time() -> Iterator[Clock]:
    """The scheduler's own threads and time are this clock's within the block."""
    clock = Clock()
    with patch.multiple(schedule, ThreadPoolExecutor=clock.pool, wait=clock.wait, time=clock):
        yield clock
