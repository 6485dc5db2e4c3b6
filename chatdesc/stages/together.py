"""Several stages of one sequence in step: what they ask for at a time becomes one list, so backends meet it as a batch.

>>> def adds(text):
...     return (yield text) + (yield text.upper())
>>> steps = together([adds("a"), adds("b")])
>>> next(steps), steps.send(["x", "y"])
(['a', 'b'], ['A', 'B'])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from chatdesc.types import Steps

R = TypeVar("R")


@dataclass(slots=True, eq=False)
class _Job(Generic[R]):
    """A stage, what it asks for, whether that is a list, and its result once it has ended."""

    steps: Steps[R]
    asked: list[Any] = field(default_factory=list)
    single: bool = True
    ended: bool = False
    result: R | None = None

    def advance(self, answers: list[Any] | None) -> None:
        """Send the answers, or begin; empty lists are answered at once."""
        answer = answers[0] if answers and self.single else answers
        try:
            asked = self.steps.send(answer)
            while isinstance(asked, list) and not asked:
                asked = self.steps.send([])
        except StopIteration as end:
            self.ended, self.result, self.asked = True, end.value, []
            return
        self.single = not isinstance(asked, list)
        self.asked = [asked] if self.single else cast(list[Any], asked)


def together(stages: Sequence[Steps[R]]) -> Steps[list[R]]:
    """Run stages in step: each list of requests has the next ones of all stages that are not done.

    Returns:
        The stages' results, in their order.

    Raises:
        Exception: the first error of a stage, or of one of its requests; the others are closed.
    """
    jobs = [_Job(steps) for steps in stages]
    try:
        for job in jobs:
            job.advance(None)
        while requests := [request for job in jobs for request in job.asked]:
            answers = iter((yield requests))
            for job in [job for job in jobs if not job.ended]:
                job.advance([next(answers) for _ in job.asked])
    finally:
        for job in jobs:
            job.steps.close()
    return [cast(R, job.result) for job in jobs]
