"""How long the Hub is waited for: huggingface_hub and xet themselves wait without end, or for many minutes in silence.

>>> from huggingface_hub import get_session
>>> with patience():
...     len(get_session().event_hooks["response"])
1
>>> len(get_session().event_hooks["response"])
0
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chatdesc.share.hub_errors import wait_of

if TYPE_CHECKING:
    from httpx2 import Request, Response

LONGEST_WAIT = 60  # seconds that a push waits when the Hub asks it to; beyond, the user decides


@dataclass
class Limits:
    """Seconds until a connection must stand, and for which it may be silent; how xet tries again."""

    connect: float = 5
    silence: float = 90
    retries: int = 2
    retrying: float = 120


LIMITS = Limits()


@contextmanager
def patience() -> Iterator[None]:
    """Limit the time of connections and of waits that the Hub asks for, for what is done within.

    Raises:
        HfHubHTTPError: the Hub asks to wait longer than ``LONGEST_WAIT``.
    """
    from huggingface_hub import get_session

    client = get_session()
    before = client.event_hooks
    client.event_hooks = {
        "request": [*before["request"], _limit],
        "response": [*before["response"], _refuse_a_long_wait],
    }
    try:
        with _environment(_of_xet()):
            yield
    finally:
        client.event_hooks = before


def _limit(request: Request) -> None:
    """Calls of huggingface_hub pass ``timeout=None``, which would outdo the client's own limit."""
    ours = {"connect": LIMITS.connect, "read": LIMITS.silence, "write": LIMITS.silence, "pool": LIMITS.silence}
    asked: dict[str, Any] = request.extensions.get("timeout", {})
    request.extensions["timeout"] = ours | {kind: limit for kind, limit in asked.items() if limit is not None}


def _refuse_a_long_wait(response: Response) -> None:
    """huggingface_hub would sleep for as long as the Hub asks, five times over."""
    from huggingface_hub import hf_raise_for_status

    if response.status_code == 429 and (wait_of(response.headers) or 0) > LONGEST_WAIT:
        response.read()
        hf_raise_for_status(response)


def _of_xet() -> dict[str, str]:
    """Settings of xet, which it reads when its first upload begins; the user's own go first."""
    return {
        "HF_XET_CLIENT_CONNECT_TIMEOUT": f"{round(LIMITS.connect * 1000)}ms",
        "HF_XET_CLIENT_READ_TIMEOUT": f"{round(LIMITS.silence * 1000)}ms",
        "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": str(LIMITS.retries),
        "HF_XET_CLIENT_RETRY_MAX_DURATION": f"{round(LIMITS.retrying * 1000)}ms",
    }


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables that are not set yet, set for a while."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
