"""The opening of a text: the noun phrase that names the target, and its head.

>>> words = "small white racing car moving along the track".split()
>>> opening(words), words[head(words)]
(4, 'car')
>>> head("yellow climbing on the tree".split()) is None
True
"""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.checks.language import english, tags
from chatdesc.vocabulary import MORE_POSITIONS, SHAPES, canonical

ENDING = frozenset({"IN", "CC", "BE", "PRP", "VBZ"})
DETERMINER = frozenset({"DT"})
QUALITIES = MORE_POSITIONS | {"left", "right", "all", "some", "any", "no", "both"}


def is_quality(word: str) -> bool:
    """Whether a word only describes a target: a colour, a size, a side, an adjective that is no noun.

    >>> is_quality("orange"), is_quality("electric"), is_quality("human"), is_quality("swing")
    (True, True, False, False)
    """
    shape = canonical(word) in SHAPES
    return (
        word in QUALITIES or (canonical(word) is not None and not shape) or ("JJ" in tags(word) and not nounlike(word))
    )


def nounlike(word: str) -> bool:
    """Whether the lists have a word as a noun that is no participle."""
    found = tags(word)
    return bool(found & {"NN", "NNS"}) and "VBG" not in found and not (word.endswith("ed") and "VBN" in found)


def names_something(word: str) -> bool:
    """Whether a word can name a target."""
    return nounlike(word) and not is_quality(word)


def opening(words: Sequence[str]) -> int:
    """How many of the words (lower case) belong to the noun phrase that a text starts with.

    It ends before a preposition, a conjunction, a pronoun, a form of *be*, a second article, and before a verb that
    follows a noun.
    "and" joins qualities: "black and white dog".
    """
    named = False
    for i, word in enumerate(words):
        found = tags(word)
        if word == "and" and i and not named:
            continue
        if found == DETERMINER and i and words[i - 1] not in ("all", "both", "half", "and"):
            return i
        if (found & ENDING and not found & {"NN", "NNS"}) or (named and ("VBZ" in found or _participle(word))):
            return i
        named = named or names_something(word)
    return len(words)


def head(words: Sequence[str]) -> int | None:
    """The index of the noun that the opening of the words (lower case) is about; None where it has none."""
    nouns = [i for i in range(opening(words)) if names_something(words[i])]
    known = [i for i in nouns if english().knows(words[i])]
    return max(known or nouns, default=None)


def starts_with_verb(words: Sequence[str]) -> bool:
    """Whether a participle comes before any noun: "yellow eating food", but also "flying plane"."""
    first = next((word for word in words[: opening(words)] if names_something(word) or "VBG" in tags(word)), "")
    return tags(first) == {"VBG"}


def _participle(word: str) -> bool:
    found = tags(word)
    guessed = word.endswith(("ing", "ed")) and not english().knows(word)
    return guessed or "VBG" in found or (bool(found & {"VBN", "VBD"}) and not nounlike(word))
