"""What came of a number of tries."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


def drawn(items: Iterable[T], seed: int, tries: int) -> list[T]:
    """At most ``tries`` of all items, in an order that the seed decides."""
    shuffled = list(items)
    random.Random(seed).shuffle(shuffled)
    return shuffled[:tries]


@dataclass
class Outcome:
    """Counts over tries.

    Attributes:
        tried: the number of tries.
        wrong: tries with a wrong outcome; each module of the rig says what counts as one.
        tracebacks: tries that ended in an exception that is no message to the user.
        lost: finished rows that are gone, or another's, at the end of a try.
        detail: a line for each try that is not as it should be.
    """

    tried: int = 0
    wrong: int = 0
    tracebacks: int = 0
    lost: int = 0
    detail: list[str] = field(default_factory=list)

    def add(self, case: str, wrong: str = "", crash: str = "", lost: int = 0) -> None:
        """Count one try; empty strings are as it should be."""
        self.tried += 1
        self.wrong += bool(wrong)
        self.tracebacks += bool(crash)
        self.lost += lost
        if wrong or crash or lost:
            said = [f"wrong: {wrong}" if wrong else "", f"traceback: {crash}" if crash else ""]
            said.append(f"rows lost: {lost}" if lost else "")
            self.detail.append(f"{case}: {'; '.join(filter(None, said))}")

    @property
    def sound(self) -> bool:
        """Whether every try was as it should be."""
        return not self.detail
