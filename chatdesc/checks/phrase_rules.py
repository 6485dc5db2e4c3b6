"""Rules about words that stand side by side: said twice, articles, participles, prepositions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from chatdesc.checks.corpus import Reading
from chatdesc.checks.faults import Fault, Rule, cased, is_plural, participle_of, side_by_side, word_at
from chatdesc.checks.language import DETERMINERS, JOINING, PREPOSITIONS, english, lemma, tags
from chatdesc.checks.openings import head, names_something
from chatdesc.vocabulary import COLOURS, canonical

SAID_TWICE = frozenset("very so really far had that bye ha no go knock yo chop beep choo".split())
STACKING = frozenset("of in on at for with into onto among".split())  # hardly ever follow another preposition
LIKELIER = 3.0  # log: how much the other texts must prefer a text without the first of two prepositions
ARTICLES = frozenset("a an the".split())
DETERMINING = ARTICLES | {"his", "its", "their", "my", "your", "our", "every"}
ADVERBS = frozenset("above below inside outside past under over down up off out near by along across around".split())
LONELY = (PREPOSITIONS - ADVERBS) | (JOINING - {"that", "while"}) | {"is", "are"}
AS_CONSONANT = re.compile(r"uni(?!n|m|d)|us[eu]|uti|eu|one(?!rous)|once|ufo|uku|u-")
AS_VOWEL = re.compile(r"hour|honest|hono|heir|histor")
LETTERS_AS_VOWELS = frozenset("aefhilmnorsx")  # ef, aitch, el ...


def repeated(reading: Reading) -> Iterator[Fault]:
    """A word twice in a row."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if word == following and word not in SAID_TWICE and word[0].isalpha() and side_by_side(reading, i):
            yield Fault(i, i + 1, reading.spans[i].text, f"{word!r} stands twice in a row", 0.95)


def article_sound(reading: Reading) -> Iterator[Fault]:
    """ "a orange", "an man"."""
    for i, word in enumerate(reading.words):
        if word not in ("a", "an") or not side_by_side(reading, i) or (word == "a" and _is_letter(reading, i)):
            continue
        following = reading.spans[i + 1].text
        if following[0].isalpha() and not _may_follow(word, following):
            right = "a" if word == "an" else "an"
            yield Fault(i, i, cased(reading, i, right), f"{right!r} goes before the sound of {following!r}")


def two_articles(reading: Reading) -> Iterator[Fault]:
    """ "the a man", "a his hat"."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if {word, following} <= DETERMINING and word != following and side_by_side(reading, i):
            yield Fault(i, i + 1, None, f"{word!r} and {following!r} do not go together")


def article_alone(reading: Reading) -> Iterator[Fault]:
    """An article with nothing that it belongs to: "on the among other birds"."""
    for i, word in enumerate(reading.words):
        if word not in ARTICLES or (word == "a" and _is_letter(reading, i)):
            continue
        following = word_at(reading, i + 1)
        if not following:
            yield Fault(i, i, None, f"a noun is missing after {word!r}", 0.92)
        elif following in LONELY and side_by_side(reading, i):
            yield Fault(i, i + 1, None, f"a noun is missing between {word!r} and {following!r}", 0.92)


def participle(reading: Reading) -> Iterator[Fault]:
    """ "is ride a bike", "a man who wearing a hat"."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        noun = "NN" in tags(following) and word_at(reading, i + 2) not in DETERMINERS
        if word in ("is", "are", "was", "were", "being") and {"VB"} <= tags(following) <= {"VB", "NN"} and not noun:
            yield Fault(i + 1, i + 1, participle_of(following), f"{following!r} is no participle after {word!r}")
        if i and word in ("who", "which") and tags(following) == {"VBG"}:
            yield Fault(i, i + 1, following, f"a verb is missing between {word!r} and {following!r}", 0.85)


def bare_verb(reading: Reading) -> Iterator[Fault]:
    """A verb without its ending after the target's noun: "electric fan swing on the ground"."""
    found = head(reading.words)
    places = () if found is None else (found, found + 1)  # a verb that is a noun, too, passes for the head
    for at in places:
        noun, verb, after = (word_at(reading, i) for i in (at - 1, at, at + 1))
        if not names_something(noun) or is_plural(noun) or not _is_bare(reading, noun, verb):
            continue
        if after in DETERMINERS or after in PREPOSITIONS - {"of"}:
            better = participle_of(verb)
            yield Fault(at, at, better, f"{verb!r} is no participle, which {noun!r} goes with", 0.85)


def prepositions(reading: Reading) -> Iterator[Fault]:
    """Two prepositions that do not go together: "hunting on in the forest"."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if word not in STACKING or following not in STACKING - {"of"} or reading.view.count(word, following):
            continue
        before, after = word_at(reading, i - 1), word_at(reading, i + 2)
        inside = "VBG" in tags(before) and (after in DETERMINERS or names_something(after))
        if inside and sum(reading.view.gains(reading.text.words, i)) > LIKELIER:
            yield Fault(i, i + 1, following, f"{word!r} and {following!r} do not go together", 0.85)


def one_article_for_two(reading: Reading) -> Iterator[Fault]:
    """An article in the middle of what describes one noun: "orange and a yellow gecko"."""
    first, joint, article, second, noun = (word_at(reading, i) for i in range(5))
    if joint == "and" and article in ("a", "an") and _is_colour(first) and _is_colour(second) and names_something(noun):
        reason = f"the article between {first!r} and {second!r} makes two of one"
        yield Fault(0, 3, f"{reading.spans[0].text} and {second}", reason)


RULES: tuple[Rule, ...] = (
    repeated, article_sound, two_articles, article_alone, participle, bare_verb, prepositions, one_article_for_two,
)  # fmt: skip


def _may_follow(article: str, word: str) -> bool:
    """Whether a word can follow "a" or "an".

    >>> [_may_follow("an", word) for word in ("hour", "SUV", "unicorn", "unidentified", "man")]
    [True, True, False, True, False]
    """
    low = word.lower()
    if word.isupper() or english().is_abbreviation(low) or re.match(r"[a-z]-", low):
        vowel = low[0] in LETTERS_AS_VOWELS
    else:
        vowel = bool(AS_VOWEL.match(low)) or (low[0] in "aeiou" and not AS_CONSONANT.match(low))
    return vowel == (article == "an")


def _is_letter(reading: Reading, index: int) -> bool:
    """Whether an A is a name: "player A in red"."""
    return index > 0 and reading.spans[index].text == "A"


def _is_bare(reading: Reading, noun: str, verb: str) -> bool:
    """Whether a word after the target's noun is a verb that other texts have in -ing, and no part of its name."""
    if verb in reading.heads or "VB" not in tags(verb) or not tags(verb) <= {"VB", "NN"}:
        return False
    better = participle_of(verb)
    if better is None or "NN" not in tags(verb):
        return better is not None
    return lemma(noun) in reading.heads and reading.view.count(better) > 0


def _is_colour(word: str) -> bool:
    return canonical(word) in COLOURS
