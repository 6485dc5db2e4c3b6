"""Rules about number: one and many, and the verbs that go with them."""

from __future__ import annotations

from collections.abc import Iterator

from chatdesc.checks.corpus import Reading
from chatdesc.checks.faults import Fault, Rule, cased, describes, is_only_plural, is_plural, side_by_side, word_at
from chatdesc.checks.language import DETERMINERS, GROUPS, JOINING, MANY, PREPOSITIONS, english, lemma, plural, tags
from chatdesc.checks.openings import is_quality, names_something

ONE = frozenset("a an another each every one this".split())
ARTICLES = frozenset("a an every".split())  # no verb follows them: "a hands" is a noun
NOT_OTHERS = DETERMINERS | {"no", "any", "some", "one"}  # "another", "any other": one is meant
LARGE = frozenset("hundred thousand million dozen half".split())
AGREEING = {"is": "are", "are": "is", "was": "were", "were": "was", "has": "have"}
FOR_MANY = frozenset({"are", "were"})


def one_of_many(reading: Reading) -> Iterator[Fault]:
    """A plural after a word for one: "a rivers"."""
    for i, word in enumerate(reading.words):
        noun = noun_after(reading, i + 1) if word in ONE else None
        if noun is None or set(reading.words[i + 1 : noun]) & (MANY | LARGE):
            continue
        found = reading.words[noun]
        if is_plural(found) if word in ARTICLES else is_only_plural(found):
            single = lemma(found)
            better = None if describes(single) else cased(reading, noun, single)  # goods
            yield Fault(noun, noun, better, f"{found!r} is plural after {word!r}")


def many_of_one(reading: Reading) -> Iterator[Fault]:
    """A singular after a word for several: "two dog", "other elephant", "a group of dog"."""
    for i in range(len(reading.words)):
        counting = _counts(reading, i)
        noun = noun_after(reading, i + 1) if counting else None
        if noun is None or not _ends(reading, noun) or (noun > i + 1 and _is_term(reading, i, noun)):
            continue
        found = reading.words[noun]
        many = plural(found) if "NNS" not in tags(found) else None
        if many:
            yield Fault(noun, noun, cased(reading, noun, many), f"{found!r} is singular after {counting!r}")


def agreement(reading: Reading) -> Iterator[Fault]:
    """ "the women who is", "the man are"."""
    for i, word in enumerate(reading.words):
        at = i + 2 if word_at(reading, i + 1) in ("who", "which", "that") else i + 1
        verb = word_at(reading, at)
        if verb not in AGREEING or not _is_subject(reading, i):
            continue
        many = is_only_plural(word)
        if many != (verb in FOR_MANY) and (many or ("NNS" not in tags(word) and plural(word))):
            number = "plural" if many else "singular"
            yield Fault(at, at, AGREEING[verb], f"{word!r} is {number}, {verb!r} is not")


RULES: tuple[Rule, ...] = (one_of_many, many_of_one, agreement)


def noun_after(reading: Reading, start: int) -> int | None:
    """The last noun of a phrase that starts at a word; None where it is no plain phrase of qualities and nouns."""
    noun = None
    for i in range(start, len(reading.words)):
        word = reading.words[i]
        if i > start and not side_by_side(reading, i - 1):
            break
        if is_only_plural(word) or (names_something(word) and ("VBZ" not in tags(word) or noun is None)):
            noun = i
        elif noun is not None or word in PREPOSITIONS or not (is_quality(word) or describes(word)):
            break
    return noun


def _counts(reading: Reading, index: int) -> str:
    """The words that say that several follow, up to the one at ``index``; empty where they do not."""
    word, before = reading.words[index], word_at(reading, index - 1)
    if word == "of":
        return f"{before} of" if before in GROUPS else ""
    if word == "other":
        return "" if before in NOT_OTHERS else word
    named = before in ("number", "no", "player", "the", "a", "an")  # "player two", "a two seat car"
    return word if word in MANY - {"both"} and not named else ""


def _is_term(reading: Reading, index: int, noun: int) -> bool:
    """Whether a noun is part of a term, as in "two player game" and "other marine life"."""
    before = reading.words[noun - 1]
    counted = reading.words[index] not in ("other", "of") and names_something(reading.words[index + 1])
    return counted or english().pair(before, reading.words[noun]) > 0


def _ends(reading: Reading, index: int) -> bool:
    """Whether a phrase ends with its noun, unlike "two year old boy" and "two fat and naked boys"."""
    after = word_at(reading, index + 1)
    joined = after in JOINING and not describes(reading.words[index])
    return not after or joined or bool(tags(after) & {"IN", "BE", "VBG"}) or not side_by_side(reading, index)


def _is_subject(reading: Reading, index: int) -> bool:
    """Whether a noun is what the verb after it is about: nothing stands before it that it could belong to."""
    earlier = set(reading.words[:index])
    return names_something(reading.words[index]) and not earlier & (PREPOSITIONS | JOINING)
