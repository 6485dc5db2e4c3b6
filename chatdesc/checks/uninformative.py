"""Texts that say no more of the target than its class, or nothing.

>>> check = UninformativeCheck()
>>> [check.find(Subject("bus-1", text, "bus"))[0].reason for text in ("the bus", "object", "todo")]
['says no more than the class, bus', 'says no more than "object"', 'is a placeholder']
>>> check.find(Subject("bus-1", "red bus", "bus"))
[]
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.types import STOP_WORDS, one_line, split_words

NAME = "uninformative"
SEVERITY = 0.6
LONGEST = 80  # characters of a placeholder
SHOWN = 40  # characters of a text in the reason
PLACEHOLDERS = re.compile(
    r"\W*(?:none|null|nan|n/?a|nil|unknown|undefined|todo|tbd|fixme|test|x{3,}|lorem ipsum.*)?\W*", re.I
)
ANYTHING = frozenset("object objects thing things target targets item something stuff subject".split())
NUMBERS = frozenset("one two three single some any".split())


class UninformativeCheck:
    """Finds texts without a word beside the class or, where it is not known, with a single word that says something."""

    name = NAME
    kinds: tuple[str, ...] = ("uninformative",)

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """One finding, for the whole text; an empty text is a matter of the data."""
        if not subject.text.strip():
            return []
        why = _why(subject)
        return [Finding(NAME, NAME, SEVERITY, why)] if why else []

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def _why(subject: Subject) -> str:
    text = one_line(subject.text)
    if len(text) <= LONGEST and PLACEHOLDERS.fullmatch(text):
        return "is a placeholder" if re.search(r"\w", text) else "has no letter"
    words = [word.text.lower() for word in split_words(text)]
    telling = [word for word in dict.fromkeys(words) if word not in STOP_WORDS | NUMBERS]
    named = "".join(re.findall(r"[a-z]+", (subject.category or "").lower()))
    joined = "".join(telling).replace("-", "")
    if named and joined in (named, f"{named}s", f"{named}es"):
        return f"says no more than the class, {subject.category}"
    if len(telling) <= 1 or set(telling) <= ANYTHING:
        said = " ".join(telling) or text
        return f'says no more than "{said[:SHOWN]}"' + ("..." if len(said) > SHOWN else "")
    return ""
