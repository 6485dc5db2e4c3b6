"""A deadline for a whole HTTP exchange: the library's own time limits are for each read, and a server may drip.

>>> import httpx2
>>> client = httpx2.Client(trust_env=False)
>>> keep_deadlines(client)
>>> with within(0.0):
...     client.get("http://127.0.0.1:9/")
Traceback (most recent call last):
httpx2.ConnectTimeout: the deadline has passed
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from httpx2 import Client

_current = threading.local()  # the exchange runs in the thread that asks for it
PASSED = "the deadline has passed"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give this thread so much time for what it does with a client of ``keep_deadlines``."""
    _current.end = time.monotonic() + seconds
    try:
        yield
    finally:
        _current.end = None


def keep_deadlines(client: Client) -> None:
    """Let a client's connections, also those through proxies, heed ``within``."""
    for transport in (client._transport, *client._mounts.values()):
        if (pool := getattr(transport, "_pool", None)) is not None:
            pool._network_backend = _Backend(pool._network_backend)


def _left(timeout: float | None, passed: type[Exception]) -> float | None:
    """The shorter of a time limit and the time to the deadline, in seconds."""
    end = getattr(_current, "end", None)
    if end is None:
        return timeout
    left = float(end - time.monotonic())
    if left <= 0:
        raise passed(PASSED)
    return left if timeout is None else min(timeout, left)


class _Backend:
    """Connections whose streams heed the deadline."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *place: Any, **options: Any) -> _Stream:
        from httpcore2 import ConnectTimeout

        left = _left(timeout, ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, left, *place, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Stream:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        from httpcore2 import ReadTimeout

        data: bytes = self._inner.read(max_bytes, _left(timeout, ReadTimeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        from httpcore2 import WriteTimeout

        self._inner.write(buffer, _left(timeout, WriteTimeout))

    def start_tls(self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None) -> _Stream:
        from httpcore2 import ConnectTimeout

        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _left(timeout, ConnectTimeout)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)
