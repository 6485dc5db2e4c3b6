"""Several stages of one sequence side by side, so that their requests share batches and decoded frames.

>>> def doubled(number):
...     [answer] = yield [number]
...     return answer
>>> steps = abreast([doubled(1), doubled(2)])
>>> next(steps)
[1, 2]
>>> try:
...     steps.send([2, 4])
... except StopIteration as end:
...     print(end.value)
[2, 4]
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from chatdesc.types import Request, Steps

R = TypeVar("R")


def abreast(jobs: Iterable[Steps[R]]) -> Steps[list[R]]:
    """The results of stages that are driven together, in their order; an error is that of all of them."""
    waiting: list[tuple[int, Steps[R], list[Request]]] = []
    results: dict[int, R] = {}
    for k, job in enumerate(jobs):
        _advance(k, job, None, waiting, results)
    while waiting:
        now, waiting = waiting, []
        answers: list[Any] = yield [request for _, _, asked in now for request in asked]
        for k, job, asked in now:
            own, answers = answers[: len(asked)], answers[len(asked) :]
            _advance(k, job, own, waiting, results)
    return [results[k] for k in sorted(results)]


def _advance(
    k: int,
    job: Steps[R],
    answers: list[Any] | None,
    waiting: list[tuple[int, Steps[R], list[Request]]],
    results: dict[int, R],
) -> None:
    """Send a stage its answers; it waits with its next requests, or has a result."""
    try:
        asked = job.send(answers)
        assert isinstance(asked, list)
        waiting.append((k, job, asked))
    except StopIteration as end:
        results[k] = end.value
