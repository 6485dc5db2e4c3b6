"""Texts that several sequences have word for word: they cannot tell their targets apart.

>>> check = DuplicateCheck()
>>> texts = [Subject("bus-1", "a red bus"), Subject("bus-2", "A red  bus."), Subject("bus-3", "a blue bus")]
>>> check.prepare(texts)
>>> [finding.reason for text in texts for finding in check.find(text)]
['1 other sequence has this text: bus-2', '1 other sequence has this text: bus-1']
"""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.names import counted, some
from chatdesc.types import split_words

NAME = "duplicate"
SEVERITY = 0.2
ACROSS = 0.5  # where a sequence of another class has the text
NAMED = 5


class DuplicateCheck:
    """Finds equal texts; capitals, spaces and punctuation do not count."""

    name = NAME
    kinds: tuple[str, ...] = ("duplicate",)

    def __init__(self) -> None:
        self._with: dict[str, list[Subject]] = {}

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Note who has which text."""
        self._with = {}
        for subject in subjects:
            self._with.setdefault(_words(subject.text), []).append(subject)

    def find(self, subject: Subject) -> list[Finding]:
        """One finding where another sequence has the text."""
        words = _words(subject.text)
        others = [other for other in self._with.get(words, ()) if other.sequence != subject.sequence]
        if not words or not others:
            return []
        names = list(dict.fromkeys(other.sequence for other in others))
        classes = sorted({other.category for other in others if other.category} - {subject.category})
        count = counted(len(names), "other sequence has", "other sequences have")
        odd = f"; of another class ({some(classes, 3)})" if classes and subject.category else ""
        severity = ACROSS if odd else SEVERITY
        evidence = {"others": names[:NAMED], "count": len(names)}
        return [Finding(NAME, NAME, severity, f"{count} this text: {some(names, 3)}{odd}", evidence=evidence)]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def _words(text: str) -> str:
    """A text by its words alone; a text without any is no text."""
    return " ".join(word.text.casefold() for word in split_words(text))
