"""What texts are like, manual against refined: how long, how varied, what they name, how much they repeat one another.

>>> rows = [{"manual_text": "a kite", "text": "red kite on the left", "category": "kite"}]
>>> [row for row in statistics_rows(rows) if row["measure"] == "names a colour"][0]
{'measure': 'names a colour', 'unit': 'share', 'texts': 1, 'manual': 0.0, 'refined': 1.0, 'difference': 1.0, ...}

Measures of one text (words, what it names) have a paired difference with a 95 % interval over the sequences that have
both texts; measures of all texts together (vocabulary, repetition) have none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.alignment import paired_bootstrap
from chatdesc.tables import Record
from chatdesc.text import fits_clip
from chatdesc.types import STOP_WORDS, one_line, split_words
from chatdesc.vocabulary import COLOURS, POSITIONS, canonical

MORE_COLOURS = frozenset(
    "turquoise magenta maroon teal olive khaki tan cream ivory lilac blonde blond colorful".split()
)
MORE_POSITIONS = frozenset(
    "above below behind beside between bottommost centre center foreground background front corner edge far near "
    "nearest next side first second third last topmost underneath under over ahead rear".split()
)
PLURALS = {"people": "person", "mice": "mouse", "children": "child", "feet": "foot", "teeth": "tooth", "geese": "goose"}
MOST = 2000  # texts compared with one another


def statistics_rows(rows: Iterable[Record]) -> list[Record]:
    """One row per measure, for rows with ``manual_text``, ``text`` and ``category`` (None where there is none)."""
    kept = [(_words(r["manual_text"]), _words(r["text"]), r.get("category"), r) for r in rows]
    pairs = [(m, t, c) for m, t, c, _ in kept if m and t]
    manual = [(m, c) for m, _, c, _ in kept if m]
    refined = [(t, c) for _, t, c, _ in kept if t]
    found = [_one_by_one(name, unit, of, manual, refined, pairs) for name, unit, of in SINGLE]
    for name, unit, of_all in TOGETHER:
        sides = [of_all([words for words, _ in texts]) if texts else None for texts in (manual, refined)]
        found.append(_row(name, unit, len(pairs), *sides))
    return found


Words = tuple[str, ...]


def _words(text: str | None) -> Words:
    """Words in small letters; a text without any is no text."""
    return tuple(word.text.lower() for word in split_words(one_line(text or "")))


def _row(name: str, unit: str, texts: int, manual: float | None, refined: float | None) -> Record:
    row: Record = {"measure": name, "unit": unit, "texts": texts, "manual": manual, "refined": refined}
    return row | {"difference": None, "low": None, "high": None, "better": None, "worse": None}


def _one_by_one(
    name: str,
    unit: str,
    of: Callable[[Words, str | None], float | None],
    manual: list[tuple[Words, str | None]],
    refined: list[tuple[Words, str | None]],
    pairs: list[tuple[Words, Words, str | None]],
) -> Record:
    means = [_mean([of(*text) for text in texts]) for texts in (manual, refined)]
    both = [(a, b) for m, t, c in pairs if (a := of(m, c)) is not None and (b := of(t, c)) is not None]
    row = _row(name, unit, len(both), *means)
    if not both:
        return row
    gap = paired_bootstrap([a for a, _ in both], [b for _, b in both])
    return row | {"difference": gap.mean, "low": gap.low, "high": gap.high, "better": gap.better, "worse": gap.worse}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def names_category(words: Words, category: str | None) -> float | None:
    """Whether every word of the category is there, plurals aside; None without a category."""
    wanted = re.findall(r"[a-z]+", (category or "").lower())
    if not wanted:
        return None
    parts = [part for word in words for part in word.split("-")]
    # LaSOT writes "electricfan" where people write two words.
    there = set().union(*(_forms(word) for word in (*words, *parts, *(a + b for a, b in pairwise(parts)))))
    return float("".join(wanted) in there or all(_forms(word) & there for word in wanted))


def _forms(word: str) -> set[str]:
    """A word and all that it may be the plural of; what is no word meets none either."""
    word = re.sub(r"['’]s?$", "", word)
    endings = (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe"), ("men", "man"))
    found = {word} | {word.removesuffix(end) + one for end, one in endings if word.endswith(end)}
    return found | {PLURALS[word]} if word in PLURALS else found


def names_colour(words: Words, category: str | None = None) -> float:
    """Whether there is a colour word."""
    return float(any(canonical(w) in COLOURS or w in MORE_COLOURS for word in words for w in (word, *word.split("-"))))


def names_position(words: Words, category: str | None = None) -> float:
    """Whether there is a word for a place in the frame or among other things."""
    return float(any(canonical(word) in POSITIONS or word in MORE_POSITIONS for word in words))


def vocabulary(texts: list[Words]) -> float:
    """Distinct words."""
    return float(len({word for words in texts for word in words}))


def repeated(texts: list[Words]) -> float:
    """Share of texts that another sequence has word for word."""
    counts = Counter(texts)
    return float(np.mean([counts[words] > 1 for words in texts]))


def self_similarity(texts: list[Words]) -> float | None:
    """Mean over all pairs of texts of |shared words| / |words of either|, words without content left out.

    0: no two texts share a word; 1: all are the same. Of many texts MOST are drawn, always the same ones.
    """
    bags = [frozenset(words) - STOP_WORDS or frozenset(words) for words in texts]
    if len(bags) > MOST:
        bags = [bags[i] for i in np.random.default_rng(0).choice(len(bags), MOST, replace=False)]
    if len(bags) < 2:
        return None
    places = {word: i for i, word in enumerate(sorted(set().union(*bags)))}
    there = np.zeros((len(bags), len(places)), np.float32)
    for row, bag in zip(there, bags, strict=True):
        row[[places[word] for word in bag]] = 1
    return _mean_jaccard(there)


def _mean_jaccard(there: NDArray[np.float32]) -> float:
    shared = there @ there.T
    size = there.sum(1)
    ratio = shared / (size[:, None] + size[None] - shared)
    return float((ratio.sum() - np.trace(ratio)) / (len(there) * (len(there) - 1)))


SINGLE: tuple[tuple[str, str, Callable[[Words, str | None], float | None]], ...] = (
    ("length", "words", lambda words, _: float(len(words))),
    ("longer than CLIP reads", "share", lambda words, _: float(not fits_clip(" ".join(words)))),
    ("names the category", "share", names_category),
    ("names a colour", "share", names_colour),
    ("names a position", "share", names_position),
)
TOGETHER: tuple[tuple[str, str, Callable[[list[Words]], float | None]], ...] = (
    ("vocabulary", "words", vocabulary),
    ("same as another's", "share", repeated),
    ("self-similarity", "0 to 1", self_similarity),
)


def shown_statistics(rows: list[Record]) -> list[Record]:
    """The same for a terminal: shares in per cent."""

    def cell(value: float | None, unit: str, sign: str = "") -> str:
        if value is None:
            return "-"
        return f"{100 * value:{sign}.1f} %" if unit == "share" else f"{value:{sign}.2f}".removesuffix(".00")

    return [
        {
            "measure": r["measure"],
            "unit": "" if r["unit"] == "share" else r["unit"],
            "manual": cell(r["manual"], r["unit"]),
            "refined": cell(r["refined"], r["unit"]),
            "difference": cell(r["difference"], r["unit"], "+"),
            "95 %": "-" if r["low"] is None else _between(cell(r["low"], r["unit"]), cell(r["high"], r["unit"])),
        }
        for r in rows
    ]


def _between(low: str, high: str) -> str:
    return f"{low.removesuffix(' %')} .. {high}"
