"""What the texts of a class are about: the heads of their openings, each text judged by the others alone.

>>> texts = ["lion walking in the field", "yellow lion on a tree", "yellow climbing on a tree"]
>>> siblings = Siblings([Subject(f"lion-{n}", text, "lion") for n, text in enumerate(texts)])
>>> siblings.heads("lion", words_of(texts[1]))
Counter({'lion': 1})
>>> siblings.abstract("lion", words_of(texts[1]))
('yellow', '<T>', 'on', 'a', 'tree')
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from chatdesc.checks.base import Subject
from chatdesc.checks.language import lemma, tags
from chatdesc.checks.openings import head, opening
from chatdesc.types import split_words

ONE_TARGET, MORE_TARGETS = "<T>", "<Ts>"
MOST = 0.3  # of a class's texts: a head that so many share is what the class is about

Words = tuple[str, ...]


class Siblings:
    """The distinct texts of every class, and their heads."""

    def __init__(self, subjects: Iterable[Subject]) -> None:
        self._heads: dict[str, dict[Words, str | None]] = {}
        for subject in subjects:
            if subject.category:
                self._heads.setdefault(subject.category, {})[words_of(subject.text)] = None
        self._counts = {category: self._learn(texts) for category, texts in self._heads.items()}
        self.owners: dict[str, Counter[str]] = {}
        for category, counts in self._counts.items():
            for word, count in counts.items():
                self.owners.setdefault(word, Counter())[category] += count

    def heads(self, category: str, words: Words) -> Counter[str]:
        """How many other texts of a class have which head, as singular nouns."""
        counts = Counter(self._counts.get(category, {}))
        own = self._heads.get(category, {}).get(words)
        if own is not None:
            counts[own] -= 1
        return +counts

    def others(self, category: str, words: Words) -> int:
        """How many other distinct texts a class has."""
        texts = self._heads.get(category, {})
        return len(texts) - (words in texts)

    def has(self, category: str, words: Words, word: str) -> bool:
        """Whether another text of a class has a word."""
        return any(word in text for text in self._heads.get(category, {}) if text != words)

    def openings(self, category: str, words: Words) -> list[Words]:
        """The opening words of the other texts."""
        return [text[: opening(text)] for text in self._heads.get(category, {}) if text != words]

    def abstract(self, category: str | None, words: Words) -> Words:
        """The words, with every mention of the class's target replaced by ``<T>``, or ``<Ts>`` where it is plural."""
        counts = self._counts.get(category or "", Counter())
        name = (category or "").lower()
        return tuple(
            self._symbol(word) if _noun(word) and counts[lemma(word)] + (lemma(word) == name) > 1 else word
            for word in words
        )

    def _symbol(self, word: str) -> str:
        return MORE_TARGETS if "NNS" in tags(word) and "NN" not in tags(word) else ONE_TARGET

    def _learn(self, texts: dict[Words, str | None]) -> Counter[str]:
        """Set every text's head: the class's own where its opening has that, for nouns and verbs look alike."""
        first = Counter(found for words in texts if (found := _head(words)))
        common = {word for word, count in first.items() if count > 1 and count >= MOST * len(texts)}
        for words in texts:
            shared = [lemma(word) for word in words[: opening(words)] if lemma(word) in common]
            texts[words] = shared[-1] if shared else _head(words)
        return Counter(found for found in texts.values() if found)


def words_of(text: str) -> Words:
    """The words of a text in lower case."""
    return tuple(word.text.lower().replace("’", "'") for word in split_words(text))


def _noun(word: str) -> bool:
    return bool(tags(word) & {"NN", "NNS"})


def _head(words: Sequence[str]) -> str | None:
    found = head(words)
    return None if found is None else lemma(words[found])
