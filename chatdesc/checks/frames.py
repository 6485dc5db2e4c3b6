"""Texts that speak of frames which their sequence does not have.

>>> check = FramesCheck()
>>> subject = Subject("bus-1", "turns left in frame 900, stops at the 3rd frame", num_frames=300)
>>> [found.reason for found in check.find(subject)]
['there is no frame 900: the sequence has 300']
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chatdesc.checks.base import Finding, Subject

NAME = "frames"
SEVERITY = 0.9
NUMBER = r"([0-9]{1,9})"
REFERENCES = (
    re.compile(
        rf"\bframes?\s*(?:no\.?|number|#)?\s*{NUMBER}(?:\s*(?:-|\u2013|to|and|until|through)\s*{NUMBER})?", re.I
    ),
    re.compile(rf"\b{NUMBER}(?:st|nd|rd|th)\s+(?:frame|image)\b", re.I),
    re.compile(rf"\b(?:from|since|until|till|after|before)\s+#{NUMBER}\b", re.I),
)


class FramesCheck:
    """Compares the numbers of frames in a text, and the ranges of a row's texts, with the sequence."""

    name = NAME
    kinds: tuple[str, ...] = ("data",)

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per number, and one per range of the row."""
        if not subject.num_frames:
            return []
        return [*self._of_text(subject, subject.num_frames), *self._of_ranges(subject, subject.num_frames)]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}

    def _of_text(self, subject: Subject, count: int) -> Iterator[Finding]:
        for match in (match for pattern in REFERENCES for match in pattern.finditer(subject.text)):
            for group in range(1, len(match.groups()) + 1):
                if match[group] and int(match[group]) > count:  # people count from 0 or from 1
                    yield _finding(int(match[group]), count, match.span(group))

    def _of_ranges(self, subject: Subject, count: int) -> Iterator[Finding]:
        for part in (subject.row.get("ranges") if subject.row else None) or ():
            if part["stop"] > count or part["start"] >= part["stop"]:
                span = f"{part['start']} to {part['stop'] - 1}"
                why = f"a text is for the frames {span}: the sequence has {count}"
                yield Finding(NAME, "data", SEVERITY, why, evidence={"range": span, "num_frames": count})


def _finding(number: int, count: int, span: tuple[int, int]) -> Finding:
    why = f"there is no frame {number}: the sequence has {count}"
    return Finding(NAME, "data", SEVERITY, why, span, evidence={"frame": number, "num_frames": count})
