"""The protocols of the five roles: describer, grounder, encoder, tracker, verifier.

Every call takes a list of requests and returns a list of the same length and order. A request that fails is answered
with its exception, in its place, and does not affect the others: a BackendError for the backend's own failure, a
FrameError for a frame that cannot be read. A backend may answer in threads. An answer must not depend on the other
requests of the list.

The requests and answers (``Describe``, ``Ask`` and ``Reply``, ``Ground`` and ``Grounding``, ``Embed`` and
``Embedding``, ``Follow`` and ``Followed``, ``Verify`` and ``Choice``) are in ``chatdesc.types`` and
``chatdesc.evidence``, with their shapes. A whole grounder, which answers nothing:

>>> import numpy as np
>>> class NoGrounder:
...     name, max_batch, workers, threshold = "none", 8, 1, 0.5
...     def describe_self(self):
...         return {"name": self.name}
...     def ground(self, requests):
...         none = np.zeros((0, 4), np.float32)
...         return each(requests, lambda request: Grounding(none, (), none[:, :0]))
>>> isinstance(NoGrounder(), Grounder)
True
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar, runtime_checkable

from chatdesc.evidence import Choice
from chatdesc.types import Ask, Describe, Embed, Embedding, Follow, Followed, Ground, Grounding, Reply, Verify

Q = TypeVar("Q")
A = TypeVar("A")


class Backend(Protocol):
    """Common to all roles.

    Attributes:
        name: as rows hold it; no folder but the last, no key.
        max_batch: most requests in one call.
        workers: most calls at a time: 1 for a model on one device; for a server the number of connections, with a
            ``max_batch`` of 1.

    Optional members: ``batches_gain``, False where a batch is no faster than its requests one by one, as on a CPU, so
    that no call waits for a full one; ``most_sequences`` that may be in work at a time, where each costs something.
    """

    name: str
    max_batch: int
    workers: int

    def describe_self(self) -> dict[str, str]:
        """What a row needs to run this again: name, model, revision or hash of the weights, settings.

        Raises:
            BackendError: the backend cannot be used, for example because its model cannot be had.
        """
        ...


@runtime_checkable
class Describer(Backend, Protocol):
    """Describes the target in a box of a frame; answers with the model's raw text, which chatdesc parses.

    Optional members: ``cacheable`` (False where asking again is as fast as looking up), ``fingerprint`` (a string that
    differs where answers differ, in place of ``describe_self`` as a key for cached answers), and ``close()``. One that
    can also answer closed questions keeps ``Answerer``.
    """

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        """Answer a batch: per request the raw text, or the exception that it met."""
        ...


@runtime_checkable
class Answerer(Describer, Protocol):
    """A describer that answers closed questions, about the target in a box of a frame or about words alone."""

    def ask(self, requests: list[Ask]) -> list[Reply | Exception]:
        """Answer a batch: per request Yes or No, or the exception that it met.

        An answer that is neither is an UnreadableAnswer.
        """
        ...


@runtime_checkable
class Grounder(Backend, Protocol):
    """Finds the regions of a frame that a text leads to; answers with boxes xywh in pixels and scores per word.

    Attributes:
        threshold: score in [0, 1] under which a proposal does not count; it belongs to the model.
    """

    threshold: float

    def ground(self, requests: list[Ground]) -> list[Grounding | Exception]:
        """Answer a batch: per request a grounding, or the exception that it met."""
        ...


@runtime_checkable
class Encoder(Backend, Protocol):
    """Encodes crops and texts; answers with unit vectors [C, D] and [T, D] of one space."""

    def embed(self, requests: list[Embed]) -> list[Embedding | Exception]:
        """Answer a batch: per request the vectors, or the exception that it met."""
        ...


@runtime_checkable
class Tracker(Backend, Protocol):
    """Follows a target through frames; answers with boxes [n, 4] xywh in pixels, scores [n], and a session.

    A later request passes the session back, to continue in the frame after the last one.
    """

    def follow(self, requests: list[Follow]) -> list[Followed | Exception]:
        """Answer a batch: per request a track, or the exception that it met."""
        ...


@runtime_checkable
class Verifier(Backend, Protocol):
    """Says which of the proposals of a key frame is the target, or that none is.

    The truth is in the evidence only where the verifier is ``oracle``.
    """

    def choose(self, requests: list[Verify]) -> list[Choice | Exception]:
        """Answer a batch: per request a choice, or the exception that it met."""
        ...


def each(requests: Iterable[Q], answer: Callable[[Q], A], threads: int = 1) -> list[A | Exception]:
    """Answer requests one by one, ``threads`` at a time; an exception becomes the answer to its request.

    >>> each([2, 0], lambda request: 1 / request)
    [0.5, ZeroDivisionError('division by zero')]
    """

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
