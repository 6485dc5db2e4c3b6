"""Words of a text that are needed to find the target, and words that lead elsewhere.

A text is grounded again without each of its words. Without a word that is needed the target has no clear lead. A word
is harmful if it lessens the clear lead that the target has without it, and if the encoder says so, too: the target
agrees better with the text without it. Crops show neither size nor place, so such words are not found to be harmful.
"""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import digits, evidence, is_read, span_of
from chatdesc.measures.leads import gain, middle
from chatdesc.measures.words import Role, role
from chatdesc.places import places_in
from chatdesc.stages.look import Sight, Without
from chatdesc.tables import Record

NAME = "word-by-word"
SEVERITY = 0.6


class WordByWordCheck:
    """Finds words that are not true of the target, which the text finds better without them."""

    name = NAME
    kinds: tuple[str, ...] = ("wrong_target",)
    needs = "words"
    english_only = False

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per harmful word; its evidence has the roles of all words."""
        sight = subject.sight
        if sight is None or not is_read(sight):
            return []
        roles = [(without, role(sight, without)) for without in sight.without]
        said = _roles(sight, roles)
        return [
            _finding(sight, subject.text, without, said)
            for without, found in roles
            if found == "harmful" and not _is_place(sight, without)
        ]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def _is_place(sight: Sight, without: Without) -> bool:
    """Whether a word is part of a place, which the check of texts that stop being true judges."""
    return any(place.start <= without.word.start < place.stop for place in places_in(sight.text))


def _roles(sight: Sight, roles: Sequence[tuple[Without, Role | None]]) -> list[Record]:
    return [
        {
            "word": without.word.text,
            "role": found,
            "lead_without": digits(middle(without.leads)),
            "alignment_gain": digits(gain(sight, without)),
        }
        for without, found in roles
    ]


def _finding(sight: Sight, text: str, without: Without, said: list[Record]) -> Finding:
    word = without.word.text
    reason = f"without {word!r} the words lead to the target more clearly, and it agrees better with them"
    return Finding(
        NAME, "wrong_target", SEVERITY, reason, span_of(word, text), evidence=evidence(sight) | {"words": said}
    )
