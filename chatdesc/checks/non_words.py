"""Words that are none: "motorcylce", "carring"."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.corpus import LanguageCheck, Reading, is_plain
from chatdesc.checks.language import english, forms, plural, tags
from chatdesc.checks.letters import known_words
from chatdesc.checks.siblings import ONE_TARGET
from chatdesc.tables import Record

PART = 3  # letters: the shortest part of a compound
COMMON = 2e-6  # share in English: a part of a compound, and a neighbour that forbids one
KNOWN = 2e-7  # share in English: a rarer neighbour is meant only where the dataset has it
JARGON = 3  # texts that have an unknown word with nothing known beside it: a word of its own
TELLING = 3  # letters: a shorter string is as likely an abbreviation
SHORT = 5  # letters
SECOND_EDIT = 6  # letters: shorter words have too many neighbours two edits away
SLIPS = 5.0  # log: one letter for two is likelier than another letter; swapped or missing ones are in between


@dataclass(frozen=True, slots=True)
class Guess:
    """A word that may have been meant, and its share of the belief among all of them."""

    word: str
    belief: float


class NonWordCheck(LanguageCheck):
    """Finds words that no list has and that no name, compound or reduplication explains."""

    name = "non-word"
    kinds: tuple[str, ...] = ("typo",)

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Learn the dataset's own language."""
        super().prepare(subjects)
        self._texts = Counter(word for text in self._corpus.model.texts for word in set(text.words))

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per fault."""
        reading = self._corpus.read(subject)
        unknown = (i for i, w in enumerate(reading.spans) if is_plain(w) and not english().knows(w.text))
        return [found for index in unknown if (found := self._look(reading, index))]

    def _look(self, reading: Reading, index: int) -> Finding | None:
        word = reading.words[index]
        near = neighbours(word)
        frequent = any(english().frequency(other) > COMMON for other in near.close)
        if is_reduplicated(word) or (is_derived(word) and not frequent) or self._is_compound(reading, word, near):
            return None
        options = regular(word) or self._options(reading, index, near)
        guesses = weigh(reading, index, options)
        if not guesses:
            return None
        if self._texts[word] >= JARGON and not near.close and not is_label(word, reading.category):
            return None
        return _finding(reading, index, guesses, near)

    def _is_compound(self, reading: Reading, word: str, near: Neighbours) -> bool:
        """Whether a word is two words that go together, or two that nothing known is written like."""
        joined = compounds(word)
        together = any(english().pair(*parts) or reading.view.count(*parts) for parts in joined)
        clear = any(min(map(len, parts)) > PART for parts in joined) and not self._here(reading, near)
        return together or clear or (bool(joined) and not near.close)

    def _here(self, reading: Reading, near: Neighbours) -> list[str]:
        """The neighbours that the dataset has, but for those that are slips themselves."""
        options = (other for other in (*near.close, *near.far) if not english().turned(other))
        return [other for other in options if other in self._texts or other in reading.heads]

    def _options(self, reading: Reading, index: int, near: Neighbours) -> tuple[str, ...]:
        """The neighbours that may have been meant: of a name or a far cry, those that the dataset has."""
        name = reading.spans[index].text[:1].isupper() or "-" in reading.words[index]
        here = self._here(reading, near)
        if reading.words[index] in known_words() or len(reading.words[index]) < TELLING:  # hd, koi, tshirt
            return tuple(other for other in here if _seen_here(reading, index, other))
        rest = () if name else (o for o in near.close if english().frequency(o) > KNOWN and not english().turned(o))
        return (*here, *(other for other in rest if other not in here))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Known words that are written like an unknown one: one edit away, two edits away."""

    close: tuple[str, ...]
    far: tuple[str, ...] = ()


@lru_cache(maxsize=10_000)
def neighbours(word: str) -> Neighbours:
    """The neighbours of an unknown word; those two edits away only where it has none that is closer.

    >>> neighbours("motorcylce").close, neighbours("gametarget").close, neighbours("t-shrit").close[0]
    (('motorcycle',), (), 't-shirt')
    """
    parts = word.removesuffix("'s").split("-")
    unknown = [i for i, part in enumerate(parts) if len(part) > 1 and not english().spells(part)] or [0]
    part = parts[unknown[0]]
    if len(unknown) > 1:
        return Neighbours(())
    near = english().near(part)
    if len(part) < SHORT:  # a short word has a neighbour in every list
        near = [other for other in near if english().frequency(other) > COMMON]
    far = english().near_by_two(part)[:10] if not near and len(part) >= SECOND_EDIT else []
    close, far = (
        ["-".join((*parts[: unknown[0]], w, *parts[unknown[0] + 1 :])) for w in found] for found in (near, far)
    )
    return Neighbours(tuple(close), tuple(far))


def regular(word: str) -> tuple[str, ...]:
    """The participle that was meant where an irregular verb has got a regular one.

    >>> regular("holded"), regular("grabed")
    (('held',), ())
    """
    verb = word.removesuffix("ed")
    irregular = (form for form, found in forms(verb).items() if "VBN" in found and not form.endswith("ed"))
    return tuple(irregular) if verb != word and "VB" in tags(verb) and english().knows(verb) else ()


def is_reduplicated(word: str) -> bool:
    """Whether a word says a syllable twice.

    >>> is_reduplicated("yoyo"), is_reduplicated("yo-yo"), is_reduplicated("toto's")
    (True, True, False)
    """
    return bool(re.fullmatch(r"([a-z]{2,4})-?\1", word))


def compounds(word: str) -> list[tuple[str, str]]:
    """The frequent words that a word may be made of, two by two.

    >>> compounds("gametarget"), compounds("motorcylce")
    ([('game', 'target')], [])
    """
    cuts = ((word[:i], word[i:]) for i in range(PART, len(word) - PART + 1))
    return [parts for parts in cuts if all(english().frequency(part) > COMMON for part in parts)]


def is_derived(word: str) -> bool:
    """Whether a word is a regular form of a known one that the lists lack.

    >>> is_derived("draglines"), is_derived("wirelessly"), is_derived("controling")
    (True, True, False)
    """
    if word.endswith("ly") and "JJ" in tags(word[:-2]) and english().spells(word[:-2]):
        return True
    noun = word[:-1]
    return english().spells(noun) and "NN" in tags(noun) and plural(noun) == word


def is_label(word: str, category: str | None) -> bool:
    """Whether a word is part of the class's own name: ``rubic`` of ``rubicCube``."""
    return category is not None and word in {part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", category)}


def weigh(reading: Reading, index: int, words: Sequence[str]) -> list[Guess]:
    """The guesses at what was meant, the likeliest first: what the place wants, times how such a slip happens."""
    scores = {word: _fit(reading, index, word) + _slip(reading.words[index], word) for word in words}
    if not scores:
        return []
    best = max(scores.values())
    total = sum(exp(score - best) for score in scores.values())
    found = (Guess(word, exp(score - best) / total) for word, score in scores.items())
    return sorted(found, key=lambda guess: -guess.belief)


def _seen_here(reading: Reading, index: int, word: str) -> bool:
    """Whether other texts have a word beside one of the words that stand here."""
    symbol = ONE_TARGET if word in reading.heads else word
    places = ((reading.before(index), symbol), (symbol, reading.after(index)))
    return any(reading.view.count(*pair) for pair in places)


def _fit(reading: Reading, index: int, word: str) -> float:
    """How much likelier (log) a text gets by a word, or by the symbol of the target where the word is its name."""
    symbols = [ONE_TARGET] if word in reading.heads else []
    return max(sum(reading.view.gains(reading.text.words, index, option)) for option in (word, *symbols))


def _slip(written: str, meant: str) -> float:
    """How likely (log, up to a constant) a writer's slip is."""
    first = log(4) if written[:1] == meant[:1] else 0.0
    single, alone = (re.sub(r"(.)\1", r"\1", word) for word in (written, meant))
    if single == alone and len(meant) > len(written):  # grabed, grabbed
        return first + SLIPS
    dropped = any(written == meant[:i] + meant[i + 1 :] for i in range(len(meant)))
    return first + (SLIPS / 2 if dropped or single == alone or sorted(written) == sorted(meant) else 0.0)


def _finding(reading: Reading, index: int, guesses: Sequence[Guess], near: Neighbours) -> Finding:
    word, best = reading.spans[index].text, guesses[0]
    span, severity = reading.span(index), 0.95 if near.close else 0.8
    evidence: Record = {"neighbours": [guess.word for guess in guesses[:5]]}
    if is_label(reading.words[index], reading.category):  # whose texts all have it, so that they say nothing
        reason = f"no list of English words has {word!r}, a part of the class's name {reading.category!r}"
        return Finding("non-word", "typo", severity, reason, span, None, evidence)
    reason = f"no list of English words has {word!r}; {best.word!r} is written like it"
    evidence["confidence"] = round(best.belief, 3)
    suggestion = best.word.capitalize() if word[:1].isupper() else best.word
    return Finding("non-word", "typo", severity, reason, span, suggestion, evidence)
