"""Words of a text that are needed to find the target, and words that lead elsewhere.

A text is grounded again without each of its words. With a word that is needed the target has a clear lead on most
frames, and without it none. With a word that is harmful the text leads elsewhere, and without it to the target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import CLEAR, digits, evidence, middle, span_of
from chatdesc.places import places_in
from chatdesc.stages.look import Sight, Without
from chatdesc.tables import Record

NAME = "word-by-word"
SEVERITY = 0.6

Role = Literal["needed", "redundant", "harmful"]


class WordByWordCheck:
    """Finds words that lead elsewhere, while the text without them leads to the target."""

    name = NAME
    kinds: tuple[str, ...] = ("wrong_target",)
    needs = "words"
    english_only = False

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per harmful word; its evidence has the roles of all words."""
        sight = subject.sight
        if sight is None:
            return []
        roles = [(without, role(sight, without)) for without in sight.without]
        said = _roles(roles)
        return [
            _finding(sight, subject.text, without, said)
            for without, found in roles
            if found == "harmful" and not _is_place(sight, without)
        ]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def role(sight: Sight, without: Without) -> Role | None:
    """What a word does for its text; None where the text leads to the target neither with it nor without it."""
    whole, rest = middle(view.lead for view in sight.views), middle(without.leads)
    if whole is not None and whole >= CLEAR:
        return "redundant" if rest is not None and rest >= CLEAR else "needed"
    if whole is not None and whole < 0 and rest is not None and rest >= CLEAR:
        return "harmful"
    return None


def _is_place(sight: Sight, without: Without) -> bool:
    """Whether a word is part of a place, which the check of texts that stop being true judges."""
    return any(place.start <= without.word.start < place.stop for place in places_in(sight.text))


def _roles(roles: Sequence[tuple[Without, Role | None]]) -> list[Record]:
    return [
        {"word": without.word.text, "role": found, "lead_without": digits(middle(without.leads))}
        for without, found in roles
    ]


def _finding(sight: Sight, text: str, without: Without, said: list[Record]) -> Finding:
    word = without.word.text
    reason = f"with {word!r} the words lead to something else on most frames, without it to the target"
    return Finding(
        NAME, "wrong_target", SEVERITY, reason, span_of(word, text), evidence=evidence(sight) | {"words": said}
    )
