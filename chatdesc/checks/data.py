"""What the loader says of a sequence, and texts that no tracker reads to their end.

>>> check = DataCheck()
>>> [(found.reason, found.severity) for found in check.find(Subject("bus-1", "", status="missing_text"))]
[('the sequence has no text', 0.9)]
>>> [(found.reason, found.severity) for found in check.find(Subject("bus-1", "a bus", problems=("img: no images",)))]
[('img: no images', 0.0)]
"""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.text import CLIP_TOKENS, fits_clip
from chatdesc.types import one_line

NAME = "data"
NO_TEXT = 0.9
LONG = 0.3
FAR_TOO_LONG = 0.9
FAR = 4  # times what CLIP reads
LETTERS = 6  # of a token, about


class DataCheck:
    """Finds missing and endless texts, and repeats the loader's problems, which speak against the sequence alone."""

    name = NAME
    kinds: tuple[str, ...] = ("data",)

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each sequence is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """A finding for the text, and one per problem."""
        found = _of_text(subject.text)
        evidence = {"status": subject.status}
        return found + [Finding(NAME, "data", 0.0, one_line(why), evidence=evidence) for why in subject.problems]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def _of_text(text: str) -> list[Finding]:
    if not text.strip():
        return [Finding(NAME, "data", NO_TEXT, "the sequence has no text", evidence={"characters": len(text)})]
    if fits_clip(text):
        return []
    far = len(text) > FAR * LETTERS * CLIP_TOKENS
    why = f"{len(text)} characters: trackers with CLIP read {CLIP_TOKENS} tokens"
    return [Finding(NAME, "data", FAR_TOO_LONG if far else LONG, why, evidence={"characters": len(text)})]
