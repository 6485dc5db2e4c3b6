"""Finished sequences saved in a thread, so that models do not wait for the disk.

>>> saved = []
>>> with Writer(saved.append, behind=1) as writer:
...     first, second = writer.add("a"), writer.add("b")
...     rest = writer.rest()
>>> saved, [*first, *second, *rest]
(['a', 'b'], ['a', 'b'])
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

T = TypeVar("T")

BEHIND = 4  # sequences that may be finished and not yet saved


class Writer(Generic[T]):
    """Save items in the order in which they come, one at a time; what is not saved yet is so when the block ends.

    Args:
        save: saves one item; what it raises is raised by the next ``add`` or ``rest``.
        behind: items that may wait; the next one waits for the first of them.
    """

    def __init__(self, save: Callable[[T], object], behind: int = BEHIND) -> None:
        self._save, self._behind = save, behind
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._waiting: deque[tuple[T, Future[object]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()

    def add(self, item: T) -> list[T]:
        """Have an item saved soon; the items that were saved since the last call."""
        self._waiting.append((item, self._thread.submit(self._save, item)))
        return self._saved(self._behind)

    def rest(self) -> list[T]:
        """All other items, when they are saved."""
        return self._saved(0)

    def _saved(self, behind: int) -> list[T]:
        saved = []
        while self._waiting and (len(self._waiting) > behind or self._waiting[0][1].done()):
            item, future = self._waiting.popleft()
            future.result()
            saved.append(item)
        return saved
