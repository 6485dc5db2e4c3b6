"""Real words in the wrong place: "bicycle buy a man", "bear waking on the ground"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log1p

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.corpus import LanguageCheck, Reading, is_plain
from chatdesc.checks.language import english, forms, lemma, plural, tags
from chatdesc.checks.ngrams import START, STOP
from chatdesc.checks.openings import is_quality, names_something
from chatdesc.checks.siblings import ONE_TARGET

# How much likelier (log) a text must get by another word, and what counts against it. Chosen with errors planted in
# half of LaSOT's classes.
STRANGE = (
    4.2  # surprise of the texts (nats) from which they share too little language for that: see benchmarks/audit.py
)
ENOUGH = 3.0
ALONE = 4.0  # no neighbour of the candidate on one side is seen with it elsewhere; half of it where a text ends there
OFTEN = 1.5  # times log(1 + n) for a word that n other texts have
SAME_KIND = 6.0  # a noun for a noun, a verb for a verb: there is no end of what is seen
ENGLISH = 1.0  # the word goes with a neighbour in English; with both of them, four times that
INFLECTED = 3.0  # the same word in another form: both are often right
WORSE = 2.0  # the most that the words after it can speak against a candidate
ONCE = 4.0  # a candidate that one other text has may be a slip itself
KIN = 3.0  # speaks for a candidate: other texts of the class have it, and none has the word
AMERICAN = (
    ("our", "or"), ("ey", "ay"), ("([iy])s(?=e|ing|ation)", r"\1z"), ("ll(?=ed|ing|er)", "l"), ("tre$", "ter"),
    ("ence$", "ense"), ("ogue$", "og"), ("yre$", "ire"), ("mme$", "m"),
)  # fmt: skip
CLOSED = frozenset({"IN", "DT", "CC", "BE", "PRP", "CD"})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may have been meant.

    Attributes:
        word: as it is suggested.
        score: how much likelier the text gets by it, less what counts against it.
        left: the gain (log) by what stands before it.
        right: the gain by the next two words.
        seen: how often the other texts have it.
    """

    word: str
    score: float
    left: float
    right: float
    seen: int


class RealWordCheck(LanguageCheck):
    """Finds known words where the dataset's other texts have a word one edit or one inflection away.

    Where the texts are few or say nothing alike, so that nobody can know from them what belongs where, it finds only
    rare words that become a frequent one of the dataset when two letters change places.
    """

    name = "real-word"
    kinds: tuple[str, ...] = ("typo",)

    @property
    def note(self) -> str:
        """Why it says little; empty where it does not."""
        if self._corpus.surprise <= STRANGE:
            return ""
        found = f"{self._corpus.surprise:.1f} nats of surprise a word, at most {STRANGE}"
        return f"real-word: the texts are too few or too diverse to tell real words in the wrong place ({found})"

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per fault."""
        reading, known = self._corpus.read(subject), self._corpus.surprise <= STRANGE
        plain = [i for i, word in enumerate(reading.spans) if is_plain(word) and not reading.at_punctuation(i)]
        return [found for index in plain if (found := _look(reading, index, known))]


def _look(reading: Reading, index: int, known: bool) -> Finding | None:
    best = best_candidate(reading, index) if known else None
    if best and best.score > ENOUGH:
        return _finding(reading, index, best)
    other = swapped(reading, index)
    if other is None:
        return None
    word, times = reading.spans[index].text, round(_times(other, reading.words[index]))
    reason = f"{word!r} is a rare word; {other!r} has the same letters and is {times} times as frequent"
    return Finding(RealWordCheck.name, "typo", 0.8, reason, reading.span(index), other, {"times_as_frequent": times})


def swapped(reading: Reading, index: int) -> str | None:
    """The dataset's word that a rare word becomes when two of its letters change places: "solider", "soldier"."""
    other = english().turned(reading.words[index])
    return other if other and reading.view.count(other) else None


def _times(other: str, word: str) -> float:
    """How many times as frequent in English a word is as another."""
    return english().frequency(other) / english().frequency(word)


def best_candidate(reading: Reading, index: int) -> Candidate | None:
    """The likeliest word in place of the one at ``index``, which is a known word and not the target."""
    word = reading.text.words[index]
    if word.startswith("<") or not english().knows(word):
        return None
    inflected = forms(word)
    others = reading.near(word) | set(filter(reading.may_say, inflected))
    found = (_weigh(reading, index, other, other in inflected) for other in others if not alike(word, other))
    return max(filter(None, found), key=lambda candidate: candidate.score, default=None)


def alike(word: str, other: str) -> bool:
    """Whether two words can stand for one another: spellings, degrees, two prepositions, a plural that few use.

    >>> alike("grey", "gray"), alike("colour", "color"), alike("large", "larger"), alike("on", "in"), alike("by", "buy")
    (True, True, True, True, False)
    >>> alike("fishes", "fish"), alike("dogs", "dog")
    (True, False)
    """
    kinds, other_kinds = tags(word), tags(other)
    if other in forms(word) and ("JJ" in kinds & other_kinds or ("NN" in kinds ^ other_kinds and not _counted(word))):
        return True
    return _american(word) == _american(other) or bool(kinds & CLOSED and kinds == other_kinds)


def _counted(word: str) -> bool:
    """Whether a noun's plural differs from its singular in more than taste: "fishes" does not."""
    return plural(lemma(word)) is not None


@lru_cache(maxsize=100_000)
def _american(word: str) -> str:
    """A spelling that British and American words share."""
    for british, american in AMERICAN:
        word = re.sub(british, american, word)
    return word


def _weigh(reading: Reading, index: int, other: str, inflected: bool) -> Candidate | None:
    word, view = reading.text.words[index], reading.view
    is_head = other in reading.heads
    symbol = ONE_TARGET if is_head else other
    seen = view.count(symbol)
    if not seen:
        return None
    alone = _unsupported(reading, index, symbol)
    if alone >= 2 * ALONE or _cannot_end(reading, index, symbol):
        return None
    left, right = view.gains(reading.text.words, index, symbol)
    against = alone + OFTEN * log1p(view.count(word)) + ENGLISH * _in_english(reading, index) ** 2
    against += INFLECTED * inflected + ONCE * (seen == 1)
    against += SAME_KIND * (not is_head and _same_kind(word, other))
    against -= KIN * (reading.kin(other) and not reading.kin(word))
    return Candidate(other, left + max(right, -WORSE) - against, left, right, seen)


def _same_kind(word: str, other: str) -> bool:
    """Whether two words can do the same in a sentence, and are no words of grammar."""
    described = all(names_something(one) or is_quality(one) for one in (word, other))
    return described or bool(tags(word) & tags(other) - CLOSED)


def _in_english(reading: Reading, index: int) -> int:
    """With how many of its neighbours the word often goes in English."""
    words = reading.words
    before = index > 0 and english().pair(words[index - 1], words[index]) > 0
    after = index + 1 < len(words) and english().pair(words[index], words[index + 1]) > 0
    return before + after


def _cannot_end(reading: Reading, index: int, symbol: str) -> bool:
    """Whether a text would end in a word that ends none: "from head to the"."""
    last = reading.after(index) == STOP and not reading.view.count(symbol, STOP)
    return last and bool(tags(symbol) & CLOSED)


def _unsupported(reading: Reading, index: int, symbol: str) -> float:
    """What counts against a candidate that other texts do not have between these neighbours."""
    found = 0.0
    for pair in ((reading.before(index), symbol), (symbol, reading.after(index))):
        if not reading.view.count(*pair):
            found += ALONE
        elif START in pair or STOP in pair:
            found += ALONE / 2
    return found


def _finding(reading: Reading, index: int, best: Candidate) -> Finding:
    word = reading.spans[index].text
    before = f"after {reading.words[index - 1]!r}" if index else "at the start"
    after = f"before {reading.words[index + 1]!r}" if index + 1 < len(reading.words) else "at the end"
    evidence = {
        "gain_before": round(best.left, 2), "gain_after": round(best.right, 2), "score": round(best.score, 2),
        "seen_elsewhere": best.seen,
    }  # fmt: skip
    reason = f"going by the other texts, {best.word!r} is likelier than {word!r} {before} and {after}"
    return Finding(RealWordCheck.name, "typo", severity(best.score), reason, reading.span(index), best.word, evidence)


def severity(score: float) -> float:
    """From .7 at the threshold towards .95."""
    return round(0.95 - 0.25 * exp((ENOUGH - score) / 4), 3)
