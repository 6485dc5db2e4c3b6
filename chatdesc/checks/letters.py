"""How much a string of letters looks like a word rather than random, by a model of three letters in a row.

>>> wordlike("chameleon") > 0 > wordlike("qzxwvbkj")
True
>>> near_a_word("bicylce"), near_a_word("qzxwvbkj")
(True, False)

The model learns from the words of CLIP's vocabulary, which come from texts about pictures: common words, names, and
words of other languages. A name that it does not hold still looks like a word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from string import ascii_lowercase

from chatdesc.checks.language import edits
from chatdesc.text import whole_words

SHORTEST = 3  # letters of a word to learn from
LONGEST = 40  # letters of a word
PRIOR = 5.0  # counts that a shorter context has in the estimate of a longer one


@dataclass(frozen=True, slots=True)
class LetterModel:
    """Counts of one, two and three letters in a row; ``^`` begins a word, ``$`` ends it."""

    triples: Counter[str]
    pairs: Counter[str]
    singles: Counter[str]
    before_triples: Counter[str]
    before_pairs: Counter[str]

    def gain(self, triple: str) -> float:
        """Logarithm of how much likelier the last letter is after the other two than by chance."""
        first = (self.singles[triple[2]] + 1) / (self.singles.total() + len(ascii_lowercase) + 1)
        second = (self.pairs[triple[1:]] + PRIOR * first) / (self.before_pairs[triple[1]] + PRIOR)
        third = (self.triples[triple] + PRIOR * second) / (self.before_triples[triple[:2]] + PRIOR)
        return math.log(third * (len(ascii_lowercase) + 1))


@cache
def known_words() -> frozenset[str]:
    """Words of CLIP's vocabulary in small ASCII letters."""
    return frozenset(word for word in whole_words() if word.isascii() and word.isalpha() and len(word) >= SHORTEST)


@cache
def _model() -> LetterModel:
    triples = Counter(triple for word in known_words() for triple in _triples(word))
    pairs, singles, before_triples, before_pairs = (Counter[str]() for _ in range(4))
    for triple, count in triples.items():
        pairs[triple[1:]] += count
        singles[triple[2]] += count
        before_triples[triple[:2]] += count
        before_pairs[triple[1]] += count
    return LetterModel(triples, pairs, singles, before_triples, before_pairs)


def _triples(word: str) -> Iterator[str]:
    framed = f"^^{word}$"
    return (framed[i : i + 3] for i in range(len(framed) - 2))


@cache
def _gain(triple: str) -> float:
    return _model().gain(triple)


def wordlike(letters: str) -> float:
    """Logarithm of how much likelier a word is to have these small ASCII letters than a random string; 0 is even."""
    return sum(map(_gain, _triples(letters)))


def near_a_word(letters: str) -> bool:
    """Whether a known word is at most one letter away: one too many, missing, wrong, or two that changed places."""
    known = known_words()
    return letters in known or (len(letters) <= LONGEST and any(other in known for other in edits(letters)))
