"""Arrays used again for every call: asking the system for fresh memory would take as long as the work.

>>> notes = Spare(bytearray, most=100)
>>> with notes.room(10) as first:
...     len(first)
15
>>> with notes.room(12) as again:
...     again is first
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Arrays = TypeVar("Arrays")


class Spare(Generic[Arrays]):
    """Arrays of one kind, one set for every thread that works at the same time.

    Args:
        make: makes a set with room for a size.
        most: the size up to which a set is kept, for as long as the process lives.
    """

    def __init__(self, make: Callable[[int], Arrays], most: int) -> None:
        self._make, self._most = make, most
        self._idle: list[tuple[int, Arrays]] = []

    @contextmanager
    def room(self, size: int) -> Iterator[Arrays]:
        """A set with room for the size; what its arrays hold is of no meaning."""
        try:
            room, arrays = self._idle.pop()
        except IndexError:
            room = -1
        if room < size:
            room = size + size // 2
            arrays = self._make(room)
        try:
            yield arrays
        finally:
            if room <= self._most:
                self._idle.append((room, arrays))
