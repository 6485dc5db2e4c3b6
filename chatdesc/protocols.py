"""What a backend must do. Lists in, lists of the same length and order out.

A request that fails is answered with the exception itself, in its place: the others are not disturbed. A backend
may run its items in threads; its answers must not depend on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar, runtime_checkable

from chatdesc.types import Describe, Embed, Embedding, Follow, Followed, Ground, Grounding

Q = TypeVar("Q")
A = TypeVar("A")


class Backend(Protocol):
    """Common to all: ``name`` as it stands in a row, and how the scheduler may call it.

    ``max_batch`` requests go into one call; ``workers`` calls run at a time (1 for a model on one device; as many
    as there are connections for a server, which then gets every request at once, alone).
    """

    name: str
    max_batch: int
    workers: int

    def describe_self(self) -> dict[str, str]:
        """What must stand in a row to run this again: model, revision, weights hash, settings."""
        ...


@runtime_checkable
class Describer(Backend, Protocol):
    def describe(self, requests: list[Describe]) -> list[str | Exception]: ...


@runtime_checkable
class Grounder(Backend, Protocol):
    """``threshold`` is the score under which a proposal does not count; it belongs to the model."""

    threshold: float

    def ground(self, requests: list[Ground]) -> list[Grounding | Exception]: ...


@runtime_checkable
class Encoder(Backend, Protocol):
    def embed(self, requests: list[Embed]) -> list[Embedding | Exception]: ...


@runtime_checkable
class Tracker(Backend, Protocol):
    def follow(self, requests: list[Follow]) -> list[Followed | Exception]: ...


def each(requests: Iterable[Q], answer: Callable[[Q], A], threads: int = 1) -> list[A | Exception]:
    """Answer requests one by one (``threads`` at a time), turning an exception into that item's answer."""

    def guarded(request: Q) -> A | Exception:
        try:
            return answer(request)
        except Exception as error:
            return error

    items = list(requests)
    if threads < 2 or len(items) < 2:
        return [guarded(r) for r in items]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(threads, len(items))) as pool:
        return list(pool.map(guarded, items))
