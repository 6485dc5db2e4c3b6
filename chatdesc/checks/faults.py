"""What the rules of grammar have in common: the fault that they report, and looks at neighbouring words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chatdesc.checks.corpus import Reading
from chatdesc.checks.language import english, forms, lemma, plural, tags


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule finds.

    Attributes:
        first: the index of the first word that it is about.
        last: that of the last one.
        suggestion: what could stand there, or None.
        reason: why, in words.
        severity: as in a Finding.
    """

    first: int
    last: int
    suggestion: str | None
    reason: str
    severity: float = 0.9


Rule = Callable[[Reading], Iterator[Fault]]


def word_at(reading: Reading, index: int) -> str:
    """The word at an index, in lower case; empty before the first and after the last."""
    return reading.words[index] if 0 <= index < len(reading.words) else ""


def side_by_side(reading: Reading, index: int) -> bool:
    """Whether nothing but space is between a word and the next one."""
    return index + 1 < len(reading.words) and not reading.gap(index).strip()


def cased(reading: Reading, index: int, word: str) -> str:
    """A word in the case of the one at an index."""
    return word.capitalize() if reading.spans[index].text[:1].isupper() else word


def is_plural(word: str) -> bool:
    """Whether a word is the plural of a counted noun; some are a form of a verb too.

    >>> [word for word in ("rivers", "hands", "sheep", "glass", "gymnastics") if is_plural(word)]
    ['rivers', 'hands']
    """
    return "NNS" in tags(word) and "NN" not in tags(word) and plural(lemma(word)) == word


def is_only_plural(word: str) -> bool:
    """Whether a word is such a plural and nothing else.

    >>> [word for word in ("rivers", "men", "hands", "people") if is_only_plural(word)]
    ['rivers', 'men', 'people']
    """
    return (tags(word) == {"NNS"} and is_plural(word)) or word in ("men", "women", "children", "people")


def describes(word: str) -> bool:
    """Whether a word can stand before a noun that it describes."""
    return bool(tags(word) & {"JJ", "VBN", "CD"})


def participle_of(verb: str) -> str | None:
    """The form in -ing.

    >>> participle_of("swing")
    'swinging'
    """
    options = [form for form, found in forms(verb).items() if "VBG" in found and lemma(form, "VERB") == verb]
    return max(options, key=english().frequency, default=None)
