"""A trigram model of a dataset's own language, in which a text is judged by the other texts alone.

A word's probability comes from the two words before it, smoothed with the word before it, and that with kinds of words
(what a word can be), pairs of words in English, the word alone, and its frequency in English. Identical texts of a
class count once.

>>> texts = [Text("car", ("<T>", "on", "the", "road")), Text("bus", ("<T>", "on", "the", "street")),
...          Text("bus", ("<T>", "o", "the", "street"))]
>>> view = Trigrams(texts).without(texts[2])
>>> left, right = view.gains(texts[2].words, 1, "on")
>>> left > 1 and right > 1
True
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import log
from typing import NamedTuple

from chatdesc.checks.language import english, tags

Words = tuple[str, ...]
START, STOP = "<s>", "</s>"
SYMBOL = 1e-3  # the share of <T> and the like where nothing is known
UNSEEN = 1e-5  # half of every word's share in English: lists of words are silent about what a dataset is full of

# How many observations the estimate below is worth, and the parts of estimates that are mixed. They minimise the
# surprise of LaSOT's texts in half of its classes, each text under the model of all others.
TRIPLE, PAIR, KIND_PAIR, WORD, KIND = 6.0, 24.0, 32.0, 80.0, 4.0
BY_KINDS, BY_ENGLISH = 0.75, 0.2


class Text(NamedTuple):
    """The words of a text (lower case, or symbols such as ``<T>``) and its class."""

    category: str
    words: Words


class Context(NamedTuple):
    """What stands before a word, as a level of the model sees it."""

    level: str
    before: tuple[str, ...] = ()


class Trigrams:
    """Counts over distinct texts."""

    def __init__(self, texts: Iterable[Text]) -> None:
        self.texts = set(texts)
        self.counts: Counter[tuple[Context, str]] = Counter()
        self.totals: Counter[Context] = Counter()
        for text in self.texts:
            for context, word in observations(text.words):
                self.counts[context, word] += 1
                self.totals[context] += 1

    def without(self, text: Text) -> View:
        """The model of all texts but this one."""
        return View(self, text if text in self.texts else None)


class View:
    """Probabilities out of the model's counts less those of one text."""

    def __init__(self, model: Trigrams, text: Text | None) -> None:
        own = list(observations(text.words)) if text else []
        self._model = model
        self._own = Counter(own)
        self._own_totals = Counter(context for context, _ in own)

    def count(self, *words: str) -> int:
        """How often the other texts have these words in a row, up to three."""
        return self._seen(Context(LEVELS[len(words)], words[:-1]), words[-1])

    def probability(self, word: str, before: str, earlier: str) -> float:
        """Of ``word`` after ``earlier`` and ``before``."""
        alone = self._smooth(Context("word"), word, 0.5 * base_rate(word) + 0.5 * UNSEEN, WORD)
        found = (1 - BY_KINDS) * self._smooth(Context("kind, word", (kind_of(before),)), word, alone, KIND_PAIR)
        found += BY_KINDS * self._by_kinds(word, before, earlier, alone)
        if not before.startswith("<") and not word.startswith("<"):
            found = (1 - BY_ENGLISH) * found + BY_ENGLISH * english().pair(before, word)
        found = self._smooth(Context("pair", (before,)), word, found, PAIR)
        return self._smooth(Context("triple", (earlier, before)), word, found, TRIPLE)

    def gains(self, words: Words, index: int, *instead: str) -> tuple[float, float]:
        """How much likelier (log) a text gets with other words in place of the one at ``index``.

        The first number is the place's own, after what stands before it; the second is that of the next two words.
        """
        now = (START, START, *words, STOP, STOP)
        at = index + 2
        then = (*now[:at], *instead, *now[at + 1 :])
        end = at + len(instead)
        left = self._log(then, at, end) - self._log(now, at, at + 1)
        return left, self._log(then, end, end + 2) - self._log(now, at + 1, at + 3)

    def surprise(self, words: Words) -> float:
        """The mean negative log probability of a text's words."""
        padded = (START, START, *words, STOP)
        return -self._log(padded, 2, len(padded)) / (len(padded) - 2)

    def _log(self, padded: Words, start: int, stop: int) -> float:
        """The log probability of a part; nothing follows the end of a text."""
        places = (i for i in range(start, stop) if padded[i - 1] != STOP)
        return sum(log(self.probability(padded[i], padded[i - 1], padded[i - 2])) for i in places)

    def _by_kinds(self, word: str, before: str, earlier: str, alone: float) -> float:
        """The probability of the word's kind after the kinds before it, times that of the word within its kind."""
        kind, previous = kind_of(word), kind_of(before)
        rate = self._smooth(Context("kind"), kind, SYMBOL, 1.0)
        found = self._smooth(Context("kind pair", (previous,)), kind, rate, KIND)
        found = self._smooth(Context("kind triple", (kind_of(earlier), previous)), kind, found, KIND)
        return found * min(1.0, alone / rate)

    def _smooth(self, context: Context, word: str, below: float, weight: float) -> float:
        total = self._model.totals[context] - self._own_totals[context]
        return (self._seen(context, word) + weight * below) / (total + weight)

    def _seen(self, context: Context, word: str) -> int:
        key = context, word
        return self._model.counts[key] - self._own[key]


LEVELS = {1: "word", 2: "pair", 3: "triple"}


def observations(words: Words) -> Iterator[tuple[Context, str]]:
    """What a text adds to the counts."""
    padded = (START, START, *words, STOP)
    for earlier, before, word in zip(padded, padded[1:], padded[2:]):
        kinds = kind_of(earlier), kind_of(before), kind_of(word)
        yield Context("word"), word
        yield Context("kind, word", (kinds[1],)), word
        yield Context("pair", (before,)), word
        yield Context("triple", (earlier, before)), word
        yield Context("kind"), kinds[2]
        yield Context("kind pair", (kinds[1],)), kinds[2]
        yield Context("kind triple", kinds[:2]), kinds[2]


@lru_cache(maxsize=100_000)
def kind_of(word: str) -> str:
    """What a word can be, as one string."""
    return word if word.startswith("<") else "/".join(sorted(tags(word)))


@lru_cache(maxsize=100_000)
def base_rate(word: str) -> float:
    """The share of a word in English."""
    return SYMBOL if word.startswith("<") else english().frequency(word)
