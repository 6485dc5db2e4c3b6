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
    rule: ClassVar[staticmethod[[Evidence], Choice]]

    def __init__(self, model: str = "", revision: str = "", **_: Any) -> None:
        if model or revision:
            raise BackendError(f"the verifier {self.name} has no model; write --verifier {self.name}")

    def describe_self(self) -> dict[str, str]:
        return {"name": self.name}

    def choose(self, requests: list[Verify]) -> list[Choice | Exception]:
        return each(requests, lambda request: self.rule(request.evidence))


class Similarity(_Rule):
    """Terms without a scale of their own, weighted."""

    name, rule = "similarity", staticmethod(similarity)


class RawSimilarity(_Rule):
    """Raw cosines and scores, weighted."""

    name, rule = "raw-similarity", staticmethod(raw_similarity)


class RandomChoice(_Rule):
    """The floor."""

    name, rule = "random", staticmethod(random_choice)


class Oracle(_Rule):
    """The ceiling: it alone sees the truth."""

    name, rule = "oracle", staticmethod(oracle)
