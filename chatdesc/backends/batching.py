"""As many items in a forward pass as the device takes: fewer when its memory runs out, more while it has room.

>>> batches = Batches("clip:openai/clip-vit-base-patch32", 4)
>>> batches.run([1, 2, 3, 4, 5, 6], lambda batch: [10 * item for item in batch])
[10, 20, 30, 40, 50, 60]
>>> batches.run_each(["a", 2, "c"], lambda batch: [item.upper() for item in batch])
['A', BackendError("clip:openai/clip-vit-base-patch32: 'int' object has no attribute 'upper'"), 'C']

A size that failed is never tried again. Growth is by doubling, after a full batch, on a GPU only: elsewhere a larger
batch is no faster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from chatdesc.backends.hub import reason
from chatdesc.types import BackendError

log = logging.getLogger(__name__)

Q = TypeVar("Q")
A = TypeVar("A")

LIMIT = 512


class Batches:
    """A batch size that adapts to the device's memory, and stays adapted from call to call.

    Args:
        name: the backend's name, for messages.
        size: the first batch size.
        device: where the work is done; only ``cuda`` grows.
        limit: the largest size to grow to; ``size`` itself never grows.
        smallest: for the message where not even one item fits: that item, and a remedy.
        rejected: the message about an item that fails by itself, with ``{name}`` and ``{reason}``.

    ``run`` and ``run_each`` take a ``call`` that answers at most ``size`` items, one answer for each and in order.
    """

    def __init__(
        self,
        name: str,
        size: int,
        *,
        device: str = "cpu",
        limit: int = LIMIT,
        smallest: str = "one item; use a smaller model or --device cpu",
        rejected: str = "{name}: {reason}",
    ) -> None:
        self.name, self.size, self.device = name, max(1, size), device
        self.limit = max(self.size, limit)
        self.smallest, self.rejected = smallest, rejected

    def run(self, items: Sequence[Q], call: Callable[[Sequence[Q]], Iterable[A]]) -> list[A]:
        """The answers to all items, in order.

        Raises:
            BackendError: a single item does not fit into the device's memory.
            Exception: whatever else ``call`` raises.
        """
        done: list[A] = []
        while len(done) < len(items):
            answers = self._attempt(items[len(done) : len(done) + self.size], call)
            if isinstance(answers, BackendError):
                raise answers
            done += answers
        return done

    def run_each(self, items: Sequence[Q], call: Callable[[Sequence[Q]], Iterable[A]]) -> list[A | Exception]:
        """An answer to each item, in order; an item that fails or does not fit is answered with its BackendError."""
        done: list[A | Exception] = []
        while len(done) < len(items):
            done += self._each(items[len(done) : len(done) + self.size], call)
        return done

    def _each(self, batch: Sequence[Q], call: Callable[[Sequence[Q]], Iterable[A]]) -> list[A | Exception]:
        """As ``_attempt``, but a batch that fails is asked item by item, so that only the guilty item fails."""
        try:
            answers = self._attempt(batch, call)
        except Exception as error:
            failure = reason(error)
        else:
            return [answers] if isinstance(answers, BackendError) else [*answers]
        if len(batch) > 1:
            return [answer for item in batch for answer in self._each([item], call)]
        return [BackendError(self.rejected.format(name=self.name, reason=failure))]

    def _attempt(self, batch: Sequence[Q], call: Callable[[Sequence[Q]], Iterable[A]]) -> list[A] | BackendError:
        """Answers to a batch: none where a smaller one is to be tried, an error where none is smaller."""
        try:
            answers = [answer for _, answer in zip(batch, call(batch), strict=True)]
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        else:
            self._grow(len(batch))
            return answers
        # Not within the except clause: while an error is held, so are the tensors of the frames in its traceback.
        free_memory(self.device)
        if len(batch) == 1:
            return BackendError(f"{self.name}: out of memory at {self.smallest}")
        self.size = self.limit = len(batch) // 2
        log.warning("%s: out of memory, going on with batches of %d", self.name, self.size)
        return []

    def _grow(self, done: int) -> None:
        if done < self.size or 2 * self.size > self.limit or not has_room(self.device):
            return
        self.size *= 2
        log.info("%s: memory to spare, going on with batches of %d", self.name, self.size)


def own_batches(asked: int | None, device: str) -> bool:
    """Whether a request shares a forward pass with none of another sequence: on a CPU, unless a size is asked for.

    There the last digits of an item depend on those that go with it, so they would depend on how long calls took.

    >>> own_batches(None, "cuda"), own_batches(None, "cpu"), own_batches(4, "cpu")
    (False, True, False)
    """
    return asked is None and device == "cpu"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had too little memory; known by name, so that torch need not be loaded."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text))
    )


def has_room(device: str) -> bool:
    """Whether twice the peak memory so far would fit, beside what others hold on the device."""
    if not device.startswith("cuda"):
        return False
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return twice_fits(torch.cuda.max_memory_allocated(device), free, torch.cuda.memory_reserved(device))


def twice_fits(peak: int, free: int, reserved: int) -> bool:
    """Whether twice ``peak`` fits into ``free`` and ``reserved`` (held by this process, in use or not), all in bytes.

    >>> twice_fits(peak=40, free=50, reserved=30), twice_fits(peak=40, free=49, reserved=30)
    (True, False)
    """
    return 2 * peak <= free + reserved


def free_memory(device: str) -> None:
    """Return the memory that torch keeps for later use; a batch of another size may not fit into it."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
