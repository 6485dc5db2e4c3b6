"""The texts of a dataset as the checks of language see them: words, targets, and a model of the other texts.

>>> corpus = Corpus([Subject("bus-1", "a red bus"), Subject("bus-2", "a bus on the road")])
>>> Corpus.of(corpus) is corpus, corpus.read(corpus[0]).view.count("on")
(True, 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from statistics import fmean

from chatdesc.checks.base import Subject
from chatdesc.checks.language import edits, english, sources
from chatdesc.checks.ngrams import START, STOP, Text, Trigrams, View
from chatdesc.checks.siblings import Siblings, words_of
from chatdesc.types import Word, split_words

SAMPLE = 300


class Corpus(tuple[Subject, ...]):
    """The texts that checks compare with each other. What they say together is learned once, when it is first needed.

    An audit gives it to ``prepare``, so that all checks share it.
    """

    @classmethod
    def of(cls, subjects: Iterable[Subject]) -> Corpus:
        """These texts as a corpus; a corpus itself, with what it has learned."""
        return subjects if isinstance(subjects, cls) else cls(subjects)

    @cached_property
    def siblings(self) -> Siblings:
        """What the texts of each class are about."""
        return Siblings(self)

    @cached_property
    def model(self) -> Trigrams:
        """The model of the texts' language."""
        return Trigrams(map(self.text, self))

    @cached_property
    def surprise(self) -> float:
        """How much a text surprises who knows the others: the mean negative log probability of its words, in nats.

        Of more than SAMPLE distinct texts some are taken, evenly spread in their order. 0 without a text.
        """
        texts = [text for text in sorted(self.model.texts) if text.words]
        some = texts[:: -(-len(texts) // SAMPLE)] if texts else []
        return fmean(self.model.without(text).surprise(text.words) for text in some) if some else 0.0

    def read(self, subject: Subject) -> Reading:
        """One text, with what the others say about it."""
        return Reading(self, subject)

    def text(self, subject: Subject) -> Text:
        """A text as the model sees it."""
        category = subject.category or ""
        return Text(category, self.siblings.abstract(subject.category, words_of(subject.text)))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The English words of all texts."""
        words = (word for context, word in self.model.counts if context.level == "word")
        return frozenset(word for word in words if not word.startswith("<") and english().knows(word))

    def near(self, word: str) -> frozenset[str]:
        """Words of the dataset, and heads of any class, that are one edit away; looked for once per word."""
        if word not in self._near:
            one_away = frozenset(edits(word)) - {word}
            self._near[word] = one_away & self.vocabulary | one_away & self.siblings.owners.keys()
        return self._near[word]

    @cached_property
    def _near(self) -> dict[str, frozenset[str]]:
        return {}


class Reading:
    """A text, its words with their places, and the view of the other texts."""

    def __init__(self, corpus: Corpus, subject: Subject) -> None:
        self.category = subject.category
        self._whole = subject.text
        self.spans: tuple[Word, ...] = split_words(subject.text)
        self.words = words_of(subject.text)
        self.text = corpus.text(subject)
        self.corpus = corpus

    @cached_property
    def view(self) -> View:
        """The model of the other texts."""
        return self.corpus.model.without(self.text)

    @cached_property
    def heads(self) -> dict[str, int]:
        """The heads of the class's other texts."""
        return self.corpus.siblings.heads(self.category, self.words) if self.category else {}

    def kin(self, word: str) -> bool:
        """Whether another text of the class has a word that is not its head."""
        if not self.category or word in self.heads:
            return False
        return self.corpus.siblings.has(self.category, self.words, word)

    def span(self, index: int, last: int | None = None) -> tuple[int, int]:
        """The characters of the words from ``index`` to ``last``."""
        return self.spans[index].start, self.spans[index if last is None else last].end

    def gap(self, index: int) -> str:
        """The characters between a word and the next one."""
        return self._whole[self.spans[index].end : self.spans[index + 1].start]

    def at_punctuation(self, index: int) -> bool:
        """Whether more than a space stands between a word and one beside it, so that they are no neighbours."""
        places = (i for i in (index - 1, index) if 0 <= i < len(self.spans) - 1)
        return any(self.gap(i).strip() for i in places)

    def before(self, index: int) -> str:
        """The word or symbol before a word; ``<s>`` before the first."""
        return self.text.words[index - 1] if index else START

    def after(self, index: int) -> str:
        """The word or symbol after a word; ``</s>`` after the last."""
        return self.text.words[index + 1] if index + 1 < len(self.text.words) else STOP

    def near(self, word: str) -> set[str]:
        """Words of the dataset, and heads of the class, that are one edit away."""
        return set(filter(self.may_say, self.corpus.near(word)))

    def may_say(self, word: str) -> bool:
        """Whether a word is one of the dataset, or a head of the class."""
        return word in self.corpus.vocabulary or word in self.heads


class LanguageCheck:
    """What the checks that compare a text with the dataset's own language have in common."""

    name: str
    english_only = True

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Learn the dataset's own language."""
        self._corpus = Corpus.of(subjects)

    def describe_self(self) -> dict[str, str]:
        """Name, and the packages of the word lists."""
        return {"name": self.name, "words": sources()}


def is_plain(word: Word) -> bool:
    """Whether a word is made of ASCII letters (and hyphens, apostrophes) and is no name or abbreviation."""
    letters = word.text.replace("-", "").replace("'", "").replace("’", "")
    return letters.isascii() and letters.isalpha() and (word.text.islower() or word.start == 0)
