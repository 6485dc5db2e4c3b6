"""Batches that are halved for good when memory runs out, and answers item by item: only the guilty one fails.

>>> class MyModel(Halving[str, int]):
...     name, batch_size, too_much = "mine:base", 8, "one text; use --device cpu"
...     def _ask(self, batch): ...       # the network's answers
>>> MyModel()._in_batches(texts)

Unlike ``batching`` it never grows, and what goes wrong is an answer.
"""

from __future__ import annotations

import logging
from typing import ClassVar, Generic, TypeVar

from chatdesc.backends.batching import is_out_of_memory
from chatdesc.backends.hub import reason
from chatdesc.types import BackendError

log = logging.getLogger(__name__)

Q = TypeVar("Q")
A = TypeVar("A")


class Halving(Generic[Q, A]):
    """``too_much`` names a single item that does not fit and what to do; ``rejected`` is said of one that fails."""

    name: str
    batch_size: int
    too_much: ClassVar[str]
    rejected: ClassVar[str] = "{name}: {reason}"

    def _ask(self, batch: list[Q]) -> list[A]:
        raise NotImplementedError

    def _in_batches(self, items: list[Q]) -> list[A | Exception]:
        """An answer to each item, in order."""
        done: list[A | Exception] = []
        while len(done) < len(items):
            done += self._answer(items[len(done) : len(done) + self.batch_size])
        return done

    def _answer(self, batch: list[Q]) -> list[A | Exception]:
        """Answers to a batch; none where it must be tried again in smaller ones."""
        try:
            return [answer for _, answer in zip(batch, self._ask(batch), strict=True)]
        except Exception as error:
            failure, full = reason(error), isinstance(error, MemoryError) or is_out_of_memory(error)
        # Not within the except clause: while an error is held, so are the tensors of the frames in its traceback.
        if full:
            return self._shrink(len(batch))
        if len(batch) > 1:
            return [answer for item in batch for answer in self._answer([item])]
        return [BackendError(self.rejected.format(name=self.name, reason=failure))]

    def _shrink(self, size: int) -> list[A | Exception]:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if size == 1:
            return [BackendError(f"{self.name}: out of memory at {self.too_much}")]
        self.batch_size = size // 2
        log.warning("%s: out of memory, going on with batches of %d", self.name, self.batch_size)
        return []
