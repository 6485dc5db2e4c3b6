"""Grammar that short descriptions get wrong: words said twice, articles, number, agreement, two prepositions in a row.

Each rule looks at a few neighbouring words; a word counts as plural, say, only where it can be nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.corpus import Corpus, Reading
from chatdesc.checks.language import (
    BEING, DETERMINERS, JOINING, MANY, ONE, PREPOSITIONS, english, forms, lemma, plural, sources, tags,
)  # fmt: skip
from chatdesc.checks.openings import head, is_quality, names_something
from chatdesc.vocabulary import COLOURS, canonical

SAID_TWICE = frozenset("very so really far had that bye ha no go knock yo chop beep choo".split())
STACKING = frozenset("of in on at for with into onto among".split())  # hardly ever follow another preposition
OPEN_ENDED = frozenset("out up off down over from in on by along across around through next inside outside away".split())
SOUNDS_LIKE_CONSONANT = ("uni", "use", "usu", "uti", "eu", "one", "once", "ufo", "ukulele")
SOUNDS_LIKE_VOWEL = ("hour", "honest", "honor", "honour", "heir")
LETTERS_AS_VOWELS = frozenset("fhlmnrsx")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule finds: the words from ``first`` to ``last``, what could stand there, and why."""

    first: int
    last: int
    suggestion: str | None
    reason: str
    severity: float = 0.9


Rule = Callable[[Reading], Iterator[Fault]]


class GrammarCheck:
    """Finds faults of grammar by rules over neighbouring words."""

    name = "grammar"
    kinds: tuple[str, ...] = ("grammar",)

    def prepare(self, subjects: Sequence[Subject]) -> None:
        self._corpus = Corpus(subjects)

    def find(self, subject: Subject) -> list[Finding]:
        reading = self._corpus.read(subject)
        faults = {(fault.first, fault.last): fault for rule in reversed(RULES) for fault in rule(reading)}
        return [_finding(reading, fault) for fault in sorted(faults.values(), key=lambda fault: fault.first)]

    def describe_self(self) -> dict[str, str]:
        return {"name": self.name, "words": sources()}


def repeated(reading: Reading) -> Iterator[Fault]:
    """A word twice in a row."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if word == following and word not in SAID_TWICE and word[0].isalpha() and _side_by_side(reading, i):
            yield Fault(i, i + 1, reading.spans[i].text, f"{word!r} stands twice in a row", 0.95)


def article_sound(reading: Reading) -> Iterator[Fault]:
    """"a orange", "an man"."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        right = "an" if _starts_with_vowel(reading.spans[i + 1].text) else "a"
        if word in ("a", "an") and word != right and following[0].isalpha() and _side_by_side(reading, i):
            yield Fault(i, i, right, f"{right!r} goes before the sound of {following!r}")


def two_articles(reading: Reading) -> Iterator[Fault]:
    """"the a man"; "a his hat"."""
    strict = DETERMINERS - {"this", "that", "these", "those", "her", "each", "another"}
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if word in strict and following in strict and word != following and _side_by_side(reading, i):
            yield Fault(i, i + 1, None, f"{word!r} and {following!r} do not go together")


def article_alone(reading: Reading) -> Iterator[Fault]:
    """An article with nothing that it belongs to: "on the among other birds"."""
    for i, word in enumerate(reading.words):
        if word not in ("a", "an", "the", "his", "its", "their", "my"):
            continue
        following = reading.words[i + 1] if i + 1 < len(reading.words) else ""
        if not following or following in LONELY and _side_by_side(reading, i):
            where = f"before {following!r}" if following else "at the end"
            yield Fault(i, min(i + 1, len(reading.words) - 1), None, f"a noun is missing after {word!r}, {where}", 0.92)


def one_of_many(reading: Reading) -> Iterator[Fault]:
    """A plural after a word for one: "a rivers"."""
    for i, word in enumerate(reading.words[:-1]):
        noun = _noun_after(reading, i + 1)
        if word not in ("a", "an", "another", "each", "every", "one", "this", "that") or noun is None:
            continue
        if word in ("that", "one", "this", "each") and noun != i + 1:
            continue
        bare = reading.words[noun]
        if is_plural(bare):
            better = None if is_describing(lemma(bare)) else _cased(reading, noun, lemma(bare))  # goods
            yield Fault(noun, noun, better, f"{bare!r} is plural after {word!r}")


def many_of_one(reading: Reading) -> Iterator[Fault]:
    """A singular after a word for several: "two dog", "other elephant", "a group of dog"."""
    for i, word in enumerate(reading.words[:-1]):
        before = reading.words[i - 1] if i else ""
        several = word in MANY and not (word == "other" and before in OTHERS) and not (word == "both" or _dated(reading, i))
        several = several or word == "of" and before in ("group", "couple", "several", "herd", "bunch", "flock", "pair")
        noun = _noun_after(reading, i + 1) if several else None
        if noun is None:
            continue
        bare = reading.words[noun]
        many = plural(bare)
        if many and tags(bare) == {"NN"} or many and "NNS" not in tags(bare) and _ends_phrase(reading, noun):
            reason = f"{bare!r} is singular after {' '.join(filter(None, (before, word))) if word == 'of' else word!r}"
            yield Fault(noun, noun, _cased(reading, noun, many), reason)


def agreement(reading: Reading) -> Iterator[Fault]:
    """"the women who is", "the man are"."""
    for i, word in enumerate(reading.words[:-1]):
        at = i + 2 if reading.words[i + 1] in ("who", "which", "that") else i + 1
        if at >= len(reading.words):
            continue
        verb = reading.words[at]
        if verb not in AGREEING or not _is_subject(reading, i):
            continue
        many, better = verb in ("are", "were", "have"), AGREEING[verb]
        if many != is_only_plural(word) and (is_only_plural(word) or tags(word) == {"NN"} and plural(word)):
            number = "plural" if is_only_plural(word) else "singular"
            yield Fault(at, at, better, f"{word!r} is {number}, {verb!r} is not")


def participle(reading: Reading) -> Iterator[Fault]:
    """"is ride a bike", "a man who wearing a hat"."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if word in ("is", "are", "was", "were", "being") and tags(following) == {"VB"} and following not in BEING:
            better = next((form for form, found in forms(following).items() if found == {"VBG"}), None)
            yield Fault(i + 1, i + 1, better, f"{following!r} is no participle after {word!r}")
        if word in ("who", "which") and tags(following) == {"VBG"}:
            before = reading.words[i - 1] if i else ""
            yield Fault(i, i + 1, following, f"a verb is missing between {word!r} and {following!r}" if before else "", 0.85)


def bare_verb(reading: Reading) -> Iterator[Fault]:
    """A verb without its ending after the target's noun: "electric fan swing on the ground"."""
    index = head(reading.words)
    if index is None or index + 2 >= len(reading.words) or is_plural(reading.words[index]):
        return
    for at in (index, index + 1):  # a verb that is a noun, too, passes for the head
        verb, after = reading.words[at], reading.words[at + 1] if at + 1 < len(reading.words) else ""
        named = at and names_something(reading.words[at - 1])
        if not named or "VB" not in tags(verb) or not tags(verb) <= {"VB", "NN"} or verb in reading.heads:
            continue
        better = next((form for form, found in forms(verb).items() if found == {"VBG"}), None)
        known = better and (tags(verb) == {"VB"} or reading.view.count(better))
        if known and (after in DETERMINERS or after in PREPOSITIONS - {"of"}):
            yield Fault(at, at, better, f"{verb!r} is no participle; a {better!r} goes with {reading.words[at - 1]!r}", 0.85)


def prepositions(reading: Reading) -> Iterator[Fault]:
    """Two prepositions that do not go together: "hunting on in the forest"."""
    for i, (word, following) in enumerate(pairwise(reading.words)):
        if word not in STACKING or following not in STACKING - {"of"} or word == following or not i:
            continue
        after = reading.words[i + 2] if i + 2 < len(reading.words) else ""
        before = tags(reading.words[i - 1])
        if not (before & {"VBG", "IN"} or "VBN" in before) or reading.view.count(word, following):
            continue
        if after in DETERMINERS or after and names_something(after):
            left, right = reading.view.gains(reading.text.words, i)
            best = following if left + right > 0 else None
            yield Fault(i, i + 1, best, f"{word!r} and {following!r} do not go together", 0.85)


def one_article_for_two(reading: Reading) -> Iterator[Fault]:
    """An article in the middle of what describes one noun: "orange and a yellow gecko"."""
    for i, word in enumerate(reading.words[:-3]):
        first, second, noun = word, reading.words[i + 3], reading.words[i + 4 : i + 5]
        joined = reading.words[i + 1] == "and" and reading.words[i + 2] in ("a", "an")
        if joined and not i and _colour(first) and _colour(second) and noun and names_something(noun[0]):
            yield Fault(i, i + 3, f"{first} and {second}", f"the article between {first!r} and {second!r} makes two of one")


RULES: tuple[Rule, ...] = (
    repeated, article_sound, two_articles, article_alone, one_of_many, many_of_one, agreement, participle, bare_verb, prepositions,
    one_article_for_two,
)  # fmt: skip
LONELY = PREPOSITIONS - {"above", "below", "inside", "outside", "past", "under", "over", "down", "up", "off", "out", "near", "by"} | JOINING - {"that"} | {"is", "are"}  # fmt: skip # noqa: E501
AGREEING = {"is": "are", "are": "is", "was": "were", "were": "was", "has": "have"}
OTHERS = DETERMINERS | {"no", "any", "some", "one"}


def is_only_plural(word: str) -> bool:
    """Whether a word is the plural of a counted noun and nothing else.

    >>> [word for word in ("rivers", "men", "sheep", "swings", "grass", "gymnastics") if is_only_plural(word)]
    ['rivers', 'men']
    """
    return tags(word) == {"NNS"} and is_plural(word) or word in ("men", "women", "children", "people")


def is_plural(word: str) -> bool:
    """Whether a word is the plural of a counted noun; some are a form of a verb too: "hands"."""
    return "NNS" in tags(word) and "NN" not in tags(word) and plural(lemma(word)) == word


def _noun_after(reading: Reading, start: int) -> int | None:
    """The last noun of a phrase that starts at a word; None where it is no plain phrase of qualities and nouns."""
    noun = None
    for i in range(start, len(reading.words)):
        word = reading.words[i]
        if i > start and not _side_by_side(reading, i - 1):
            break
        if names_something(word) and ("VBZ" not in tags(word) or noun is None) or is_only_plural(word):
            noun = i
        elif noun is not None or not (is_quality(word) or is_describing(word)) or word in PREPOSITIONS:
            break
    return noun


def is_describing(word: str) -> bool:
    """Whether a word can stand before a noun that it describes."""
    return bool(tags(word) & {"JJ", "VBN", "CD"})


def _ends_phrase(reading: Reading, index: int) -> bool:
    after = reading.words[index + 1] if index + 1 < len(reading.words) else ""
    return not after or bool(tags(after) & {"IN", "BE", "VBG"}) or after in JOINING and not is_describing(reading.words[index])


def _is_subject(reading: Reading, index: int) -> bool:
    """Whether a noun is what the verb after it is about: nothing before it that it could belong to."""
    return not set(reading.words[:index]) & (PREPOSITIONS | JOINING | {"two", "group"}) and names_something(reading.words[index])


def _dated(reading: Reading, index: int) -> bool:
    """Whether a number is part of a name: "number two player"."""
    return index > 0 and reading.words[index - 1] in ("number", "no", "player", "the") and reading.words[index] != "other"


def _colour(word: str) -> bool:
    return canonical(word) in COLOURS


def _side_by_side(reading: Reading, index: int) -> bool:
    """Whether nothing but a space is between a word and the next one."""
    return not reading.gap(index).strip()


def _cased(reading: Reading, index: int, word: str) -> str:
    return word.capitalize() if reading.spans[index].text[:1].isupper() else word


def _starts_with_vowel(word: str) -> bool:
    low = word.lower()
    if len(word) > 1 and word.isupper() or len(word) == 1:
        return low[0] in LETTERS_AS_VOWELS | set("aeio")
    return low.startswith(SOUNDS_LIKE_VOWEL) or low[0] in "aeiou" and not low.startswith(SOUNDS_LIKE_CONSONANT)


def _finding(reading: Reading, fault: Fault) -> Finding:
    span = reading.span(fault.first, fault.last)
    return Finding("grammar", "grammar", fault.severity, fault.reason, span, fault.suggestion)
