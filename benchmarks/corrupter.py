"""Errors planted in texts, for benchmarks/audit.py: one word or space of a text, by a seed.

Which errors are planted does not depend on the checks: words come from the word lists and from the texts.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase

from chatdesc.checks.base import Subject
from chatdesc.checks.language import MANY, PREPOSITIONS, edits, english, forms, plural, tags

COMMON = 6e-6  # share in English: a writer's slip makes a word that writers use
ONE = frozenset("a an another one each every this that".split())  # a singular noun follows
SAME = frozenset({"IN", "DT", "CC", "BE", "PRP", "CD"})  # a preposition for a preposition is no error one can see
CLAUSES = frozenset({"VBG", "VBN", "VBD"})


@dataclass(frozen=True)
class Planted:
    """An error in a text.

    Attributes:
        kind: of PLANTERS.
        subject: with the wrong text.
        span: the characters that are wrong; empty where something is missing.
        before: the right text.
    """

    kind: str
    subject: Subject
    span: tuple[int, int]
    before: str


@dataclass(frozen=True)
class Job:
    """A text as its words, with the noun of its class, and the nouns of the others."""

    words: tuple[str, ...]
    noun: int | None
    other_nouns: tuple[str, ...]


Change = tuple[int, int, tuple[str, ...]]  # words from, to, and what stands there instead


def plant(kind: str, subject: Subject, nouns: dict[str, str], rng: random.Random) -> Planted | None:
    """Plant one error; None where the text has no place for it. ``nouns`` gives the noun of every class."""
    words = tuple(subject.text.split())
    noun = nouns.get(subject.category or "")
    others = tuple(sorted({other for other in nouns.values() if other != noun}))
    job = Job(words, words.index(noun) if noun in words else None, others)
    if kind == "spaces":
        return _spaces(subject, words, rng)
    change = PLANTERS[kind](job, rng)
    if change is None:
        return None
    start, stop, instead = change
    text = " ".join((*words[:start], *instead, *words[stop:]))
    at = len(" ".join((*words[:start], ""))) if start else 0
    span = (at, at + len(" ".join(instead)))
    return Planted(kind, replace(subject, text=text), span, subject.text)


def non_word(job: Job, rng: random.Random) -> Change | None:
    """A letter too many, missing, wrong, or two swapped."""
    return _one_word(job, rng, lambda word: [w for w in edits(word) if not english().knows(w)] if len(word) > 2 else [])


def real_word(job: Job, rng: random.Random) -> Change | None:
    """A common English word one edit away, of another lemma."""
    return _one_word(job, rng, _confusable)


def repeated_word(job: Job, rng: random.Random) -> Change | None:
    """A word twice in a row."""
    index = rng.randrange(len(job.words))
    return index, index + 1, (job.words[index],) * 2


def dropped_noun(job: Job, rng: random.Random) -> Change | None:
    """The noun of the class is missing."""
    return None if job.noun is None else (job.noun, job.noun + 1, ())


def class_swap(job: Job, rng: random.Random) -> Change | None:
    """The noun of another class."""
    return None if job.noun is None else (job.noun, job.noun + 1, (rng.choice(job.other_nouns),))


def number(job: Job, rng: random.Random) -> Change | None:
    """A plural where one is counted ("a dogs"), or a singular where several are ("other dog")."""
    found = []
    for index, (word, noun) in enumerate(zip(job.words, job.words[1:]), 1):
        many, one = (
            plural(noun),
            next((f for f, found in forms(noun).items() if "NNS" in tags(noun) and "NN" in found), None),
        )
        article_before = index > 1 and job.words[index - 2] in ONE | {"the"}
        if word in ONE and many and "NN" in tags(noun) and not _compound(job.words, index):
            found.append((index, many))
        if word in MANY and one and plural(one) == noun and not article_before:
            found.append((index, one))
    if not found:
        return None
    index, instead = rng.choice(found)
    return index, index + 1, (instead,)


def verb_form(job: Job, rng: random.Random) -> Change | None:
    """A wrong form of the verb after the class's noun: "fan swing on the ground", "hat wearing by a man".

    A past tense in place of a participle is no error: "fox played in the snow".
    """
    if job.noun is None or job.noun + 1 >= len(job.words):
        return None
    index = job.noun + 1
    verb = job.words[index]
    if not tags(verb) & CLAUSES or not tags(verb) <= CLAUSES:
        return None
    wrong = {"VB", "VBG"} if "VBN" in tags(verb) else {"VB"}
    others = sorted(form for form, found in forms(verb).items() if found & wrong and not found & tags(verb))
    return (index, index + 1, (rng.choice(others),)) if others else None


PLANTERS: dict[str, Callable[[Job, random.Random], Change | None]] = {
    "non-word": non_word,
    "repeated word": repeated_word,
    "dropped noun": dropped_noun,
    "class swap": class_swap,
    "real word": real_word,
    "number": number,
    "verb form": verb_form,
}
KINDS = (*PLANTERS, "spaces")


def _one_word(job: Job, rng: random.Random, options: Callable[[str], Sequence[str]]) -> Change | None:
    order = rng.sample(range(len(job.words)), len(job.words))
    for index in order:
        word = job.words[index]
        found = sorted(set(options(word))) if set(word) <= set(ascii_lowercase) else []
        if found:
            return index, index + 1, (rng.choice(found),)
    return None


def _confusable(word: str) -> list[str]:
    if len(word) < 2:
        return []
    family = forms(word).keys() | {word}
    return [
        other
        for other in edits(word)
        if len(other) > 1 and english().spells(other) and english().frequency(other) >= COMMON
        and not (forms(other).keys() | {other}) & family
        and not (tags(word) & SAME and tags(word) == tags(other))
    ]  # fmt: skip


def _compound(words: Sequence[str], index: int) -> bool:
    return (
        index + 1 < len(words) and bool(tags(words[index + 1]) & {"NN", "NNS"}) and words[index + 1] not in PREPOSITIONS
    )


def _spaces(subject: Subject, words: Sequence[str], rng: random.Random) -> Planted:
    gap = rng.randrange(len(words) + 1)
    at = len(" ".join(words[:gap]))
    text = " ".join(words)
    return Planted("spaces", replace(subject, text=f"{text[:at]} {text[at:]}"), (at, at + 1), subject.text)
