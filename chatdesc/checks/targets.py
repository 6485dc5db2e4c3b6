"""The target's noun: missing, of another class, or standing for several targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.corpus import LanguageCheck, Reading
from chatdesc.checks.faults import is_plural
from chatdesc.checks.language import GROUPS, MANY, english, lemma
from chatdesc.checks.openings import head, names_something, opening, starts_with_verb

AGREED = 0.5  # of a class's other texts: where fewer have a head, openings are not read right
SINGLE = 0.8  # of all texts: where so many are about one thing, several are worth a look
COUNTING = MANY - {"other"} | {"all", "some"}
SEVERAL = GROUPS | {"row"}


class TargetCheck(LanguageCheck):
    """Compares what a text is about with what the other texts of its class are about."""

    name = "target"
    kinds: tuple[str, ...] = ("wrong_target", "ambiguous")

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Learn the dataset's own language."""
        super().prepare(subjects)
        found = [number for subject in subjects if (number := _number(self._corpus.read(subject)))]
        self._single = found.count("one") >= SINGLE * len(found)

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per fault."""
        reading = self._corpus.read(subject)
        found = [self._wrong(reading), self._several(reading)]
        return [finding for finding in found if finding][:1]

    def _wrong(self, reading: Reading) -> Finding | None:
        """No head of the class in the opening: it is missing, or another class's head is there."""
        if not reading.words or not reading.category or _known_head(reading) is not None:
            return None
        index, agreed = head(reading.words), _agreed(reading)
        noun = None if index is None else lemma(reading.words[index])
        if noun is None and (agreed or _readable(reading)):
            return _missing(reading, agreed)
        if not agreed or noun is None or reading.category.lower().endswith(noun):  # a ball may be a basketball
            return None
        if starts_with_verb(reading.words) or _only_leads(reading, noun):
            return _missing(reading, agreed)
        owners = self._corpus.siblings.owners.get(noun, Counter())
        other = max((c for c in owners if c != reading.category), key=lambda c: (c == noun, owners[c]), default=None)
        if index is not None and other and (owners[other] > 1 or other.lower() == noun):
            return _other_class(reading, index, agreed, other)
        return None

    def _several(self, reading: Reading) -> Finding | None:
        index = _head_index(reading)
        if not self._single or index is None or _number(reading) != "many" or starts_with_verb(reading.words):
            return None
        if not reading.category and (reading.words[index] in SEVERAL or set(reading.words[:index]) & COUNTING):
            return None  # counted on purpose, and no class says that there is one
        word = reading.spans[index].text
        reason = f"{word!r} are several things; nearly all texts of the dataset name one target"
        suggestion = None if lemma(reading.words[index]) == reading.words[index] else lemma(reading.words[index])
        return Finding(
            "target", "ambiguous", 0.75 if reading.category else 0.5, reason, reading.span(index), suggestion
        )


def _agreed(reading: Reading) -> str | None:
    """The head that the class's other texts agree on: one that several have, or the class's own name."""
    counts, name = reading.heads, (reading.category or "").lower()
    most = max(counts, key=lambda word: counts[word], default=None)
    if most is None:
        return name if english().knows(name) and names_something(name) else None
    sure = counts[most] > 1 or most in name
    return most if sure and _readable(reading) else None


def _readable(reading: Reading) -> bool:
    """Whether the class's other texts have heads, so that one without stands out."""
    others = reading.corpus.siblings.others(reading.category or "", reading.words)
    return 0 < AGREED * others <= sum(reading.heads.values())


def _known_head(reading: Reading) -> int | None:
    """The index of a head of the class in the opening, if it has one."""
    name = (reading.category or "").lower()
    nouns = reading.heads.keys() | ({name} if not reading.heads else set())
    places = (i for i in range(opening(reading.words)) if lemma(reading.words[i]) in nouns)
    return max(places, default=None)


def _only_leads(reading: Reading, noun: str) -> bool:
    """Whether the other texts have ``noun`` only before the class's own noun: "license" of "license plate"."""
    assert reading.category is not None
    texts = [words for words in reading.corpus.siblings.openings(reading.category, reading.words) if noun in words]
    follows = [words[i + 1 :] for words in texts for i, word in enumerate(words) if word == noun]
    return bool(follows) and all(any(lemma(word) in reading.heads for word in rest) for rest in follows)


def _head_index(reading: Reading) -> int | None:
    known = _known_head(reading)
    return head(reading.words) if known is None else known


def _number(reading: Reading) -> str | None:
    """``many`` where the opening is about several things, ``one`` where it is about one, None where nobody can tell."""
    index = _head_index(reading)
    if index is None:
        return None
    word = reading.words[index]
    group = word in SEVERAL and reading.after(index) == "of"
    return "many" if group or is_plural(word) else "one"


def _missing(reading: Reading, agreed: str | None) -> Finding:
    named = (
        " or ".join(repr(noun) for noun, _ in Counter(reading.heads).most_common(3)) if agreed is None else repr(agreed)
    )
    reason = f"the text names no target; the other texts of {reading.category!r} name a {named}"
    last = max(opening(reading.words) - 1, 0)
    return Finding("target", "wrong_target", 0.92, reason, reading.span(0, last), None, _evidence(reading))


def _other_class(reading: Reading, index: int, agreed: str, other: str) -> Finding:
    word = reading.spans[index].text
    reason = (
        f"the text is about a {word!r}, which is what texts of {other!r} are about; "
        f"the other texts of {reading.category!r} name a {agreed!r}"
    )
    evidence = _evidence(reading) | {"class_of_noun": other}
    return Finding("target", "wrong_target", 0.95, reason, reading.span(index), agreed, evidence)


def _evidence(reading: Reading) -> dict[str, object]:
    most = sorted(reading.heads.items(), key=lambda item: (-item[1], item[0]))[:5]
    return {"class": reading.category, "heads": [{"noun": noun, "texts": count} for noun, count in most]}
