"""A bounded cache that threads share."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """A bounded cache of the values used last. Threads that ask for the same key at once make its value once.

    Attributes:
        made, seconds: how many values were made, and how long that took.

    >>> squares = LruCache(max_items=2)
    >>> squares.get(3, lambda: 3 * 3), squares.get(3, lambda: 3 * 3), squares.made
    (9, 9, 1)
    """

    def __init__(self, max_items: int) -> None:
        self.max_items = max(1, max_items)
        self.made, self.seconds = 0, 0.0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._making: dict[K, threading.Lock] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: K) -> bool:
        """Whether a value is at hand; it does not count as used."""
        with self._lock:
            return key in self._values

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The value of ``key``, made by ``make`` if it is not in the cache; an exception in ``make`` stores nothing."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                start = time.perf_counter()
                value = make()
                with self._lock:
                    self.made, self.seconds = self.made + 1, self.seconds + time.perf_counter() - start
                    self._values[key] = value
                    while len(self._values) > self.max_items:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value
