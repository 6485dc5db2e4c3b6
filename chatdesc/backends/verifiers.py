"""Verifiers that nobody trained: pure functions of the evidence as backends.

>>> Similarity().describe_self()
{'name': 'similarity'}
"""

from __future__ import annotations

from typing import Any, ClassVar

from chatdesc.evidence import Choice, Evidence
from chatdesc.protocols import each
from chatdesc.types import BackendError, Verify
from chatdesc.verification.raw_similarity import raw_similarity
from chatdesc.verification.references import oracle, random_choice
from chatdesc.verification.similarity import similarity


class _Rule:
    """A function as a backend.

    Raises:
        BackendError: a model is named, and there is none.
    """

    max_batch, workers = 1, 2  # an answer takes less than a millisecond: none waits for others

    name: ClassVar[str]

    def __init__(self, model: str = "", revision: str = "", **_: Any) -> None:
        if model or revision:
            raise BackendError(f"the verifier {self.name} has no model; write --verifier {self.name}")

    def describe_self(self) -> dict[str, str]:
        return {"name": self.name}

    def choose(self, requests: list[Verify]) -> list[Choice | Exception]:
        return each(requests, lambda request: self.rule(request.evidence))

    def rule(self, e: Evidence) -> Choice:
        raise NotImplementedError


class Similarity(_Rule):
    """Terms without a scale of their own, weighted."""

    name = "similarity"

    def rule(self, e: Evidence) -> Choice:
        return similarity(e)


class RawSimilarity(_Rule):
    """Raw cosines and scores, weighted."""

    name = "raw-similarity"

    def rule(self, e: Evidence) -> Choice:
        return raw_similarity(e)


class RandomChoice(_Rule):
    """The floor."""

    name = "random"

    def rule(self, e: Evidence) -> Choice:
        return random_choice(e)


class Oracle(_Rule):
    """The ceiling: it alone sees the truth."""

    name = "oracle"

    def rule(self, e: Evidence) -> Choice:
        return oracle(e)
