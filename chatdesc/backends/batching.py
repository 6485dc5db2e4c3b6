"""As many items in a forward pass as the device takes: fewer when its memory runs out, more while there is room.

>>> batches = Batches("clip:openai/clip-vit-base-patch32", 64, device="cuda")
>>> vectors = batches.run(crops, encode)      # encode gets at most batches.size crops, answers one for each

A size that failed is never tried again. Growth is by doubling, after a full batch, on a GPU only: elsewhere a larger
batch is no faster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from chatdesc.types import BackendError

log = logging.getLogger(__name__)

Q = TypeVar("Q")
A = TypeVar("A")

LIMIT = 512


class Batches:
    """A batch size that finds its place.

    Args:
        name: who it is for, in the log.
        size: where to begin.
        device: where the work is done; only ``cuda`` grows.
        limit: the largest size to grow to.
    """

    def __init__(self, name: str, size: int, *, device: str = "cpu", limit: int = LIMIT) -> None:
        self.name, self.size, self.device = name, max(1, size), device
        self.limit = max(self.size, limit)

    def run(self, items: Sequence[Q], call: Callable[[Sequence[Q]], Iterable[A]]) -> list[A]:
        """The answers of ``call`` to all items, in order.

        Raises:
            BackendError: a single item does not fit into the device's memory.
        """
        done: list[A] = []
        while len(done) < len(items):
            batch = items[len(done) : len(done) + self.size]
            try:
                done.extend(call(batch))
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(len(batch), error)
            else:
                self._grow(len(batch))
        return done

    def _shrink(self, failed: int, error: Exception) -> None:
        free_memory(self.device)
        if failed == 1:
            raise BackendError(
                f"{self.name}: out of memory at one item; use a smaller model or --device cpu"
            ) from error
        self.size = self.limit = failed // 2
        log.warning("%s: out of memory, going on with batches of %d", self.name, self.size)

    def _grow(self, done: int) -> None:
        if done < self.size or 2 * self.size > self.limit or not has_room(self.device):
            return
        self.size *= 2
        log.info("%s: memory to spare, going on with batches of %d", self.name, self.size)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had too little memory; known by name, so that torch need not be loaded."""
    text = str(error)
    return type(error).__name__ == "OutOfMemoryError" or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)
    )


def has_room(device: str) -> bool:
    """Whether twice the most that was in use so far would fit, beside what others hold on the device."""
    if not device.startswith("cuda"):
        return False
    import torch

    free, _ = torch.cuda.mem_get_info(device)
    return twice_fits(torch.cuda.max_memory_allocated(device), free, torch.cuda.memory_reserved(device))


def twice_fits(peak: int, free: int, reserved: int) -> bool:
    """``reserved`` is what this process holds already, in use or not."""
    return 2 * peak <= free + reserved


def free_memory(device: str) -> None:
    """Give back what torch keeps for later; a batch of another size may not fit into it."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
