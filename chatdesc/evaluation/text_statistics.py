"""Statistics of texts, manual against refined: length, variety, what they name, how much they repeat one another.

>>> rows = [{"manual_text": "a kite", "text": "red kite on the left", "category": "kite"}]
>>> [row for row in statistics_rows(rows) if row["measure"] == "names a colour"][0]
{'measure': 'names a colour', 'unit': 'share', 'manual': 0.0, 'refined': 1.0, 'pairs': 1, 'difference': 1.0, ...}

Measures of one text (words, what it names) have a paired difference with a 95 % interval over the sequences that have
both texts. Measures of all texts together (vocabulary, repetition) have no interval.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.intervals import detectable_cell, fitting_digits, gain_cell, interval_columns, paired_means
from chatdesc.tables import Record
from chatdesc.text import fits_clip
from chatdesc.types import STOP_WORDS, one_line, split_words
from chatdesc.vocabulary import COLOURS, MORE_POSITIONS, POSITIONS, canonical

MORE_COLOURS = frozenset(
    "turquoise magenta maroon teal olive khaki tan cream ivory lilac blonde blond colorful".split()
)
PLURALS = {"people": "person", "mice": "mouse", "children": "child", "feet": "foot", "teeth": "tooth", "geese": "goose"}
MOST = 2000  # texts compared with one another


Words = tuple[str, ...]


class TextsRow(TypedDict):
    """What the statistics need of a row."""

    manual_text: str | None
    text: str | None
    category: str | None


def statistics_rows(rows: Iterable[TextsRow]) -> list[Record]:
    """One row per measure: its mean for the manual and for the refined texts, and their paired difference.

    Both rest on the sequences that have both texts; where none has, each side on its own.
    """
    texts = [(words_of(row["manual_text"]), words_of(row["text"]), row["category"]) for row in rows]
    both = [text for text in texts if text[0] and text[1]]
    chosen = both or texts
    table: list[Record] = []
    for name, unit, measure in SINGLE:
        pairs = [[measure(words, text[2]) if words else None for words in text[:2]] for text in chosen]
        table.append({"measure": name, "unit": unit} | paired_means((before, after) for before, after in pairs))
    for name, unit, measure_all in TOGETHER:
        sides = [[words for words in side if words] for side in ([t[0] for t in chosen], [t[1] for t in chosen])]
        manual, refined = (measure_all(side) if side else None for side in sides)
        empty = interval_columns(None) | {"pairs": len(both)}
        table.append({"measure": name, "unit": unit, "manual": manual, "refined": refined} | empty)
    return table


def words_of(text: str | None) -> Words:
    """Words in small letters; a text without any is no text."""
    return tuple(word.text.lower() for word in split_words(one_line(text or "")))


def names_category(words: Words, category: str | None) -> float | None:
    """1 where the words name every word of the category, in the singular or plural, else 0; None without a category."""
    wanted = re.findall(r"[a-z]+", (category or "").lower())
    if not wanted:
        return None
    parts = [part for word in words for part in word.split("-")]
    # LaSOT writes "electricfan" where people write two words.
    named = set().union(*(_forms(word) for word in (*words, *parts, *(a + b for a, b in pairwise(parts)))))
    return float("".join(wanted) in named or all(_forms(word) & named for word in wanted))


def _forms(word: str) -> set[str]:
    """A word and all words that it may be the plural of, some of which do not exist."""
    word = re.sub(r"['’]s?$", "", word)
    endings = (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe"), ("men", "man"))
    forms = {word} | {word.removesuffix(end) + single for end, single in endings if word.endswith(end)}
    return forms | {PLURALS[word]} if word in PLURALS else forms


def names_colour(words: Words, category: str | None = None) -> float:
    """1 where one of the words is a colour, else 0."""
    return float(any(canonical(w) in COLOURS or w in MORE_COLOURS for word in words for w in (word, *word.split("-"))))


def names_position(words: Words, category: str | None = None) -> float:
    """1 where one of the words is a position in the frame or relative to other things, else 0."""
    return float(any(canonical(word) in POSITIONS or word in MORE_POSITIONS for word in words))


def vocabulary(texts: list[Words]) -> float:
    """The number of distinct words."""
    return float(len({word for words in texts for word in words}))


def repeated(texts: list[Words]) -> float:
    """The share of texts that another sequence has word for word."""
    counts = Counter(texts)
    return float(np.mean([counts[words] > 1 for words in texts]))


def self_similarity(texts: list[Words]) -> float | None:
    """Mean Jaccard index over all pairs of texts, |shared words| / |words of either|, stop words left out; in [0, 1].

    0: no two texts share a word. 1: all are the same. None for fewer than two texts. Of more than MOST texts a fixed
    random draw of MOST is compared.

    Source: Jaccard, "The distribution of the flora in the alpine zone", New Phytologist 1912.
    """
    bags = [frozenset(words) - STOP_WORDS or frozenset(words) for words in texts]
    if len(bags) > MOST:
        bags = [bags[i] for i in np.random.default_rng(0).choice(len(bags), MOST, replace=False)]
    if len(bags) < 2:
        return None
    places = {word: i for i, word in enumerate(sorted(set().union(*bags)))}
    table = np.zeros((len(bags), len(places)), np.float32)
    for row, bag in zip(table, bags, strict=True):
        row[[places[word] for word in bag]] = 1
    return _mean_jaccard(table)


def _mean_jaccard(table: NDArray[np.float32]) -> float:
    """The mean over pairs of different rows of a table [texts, words] of 0 and 1."""
    shared = table @ table.T
    size = table.sum(1)
    ratio = shared / (size[:, None] + size[None] - shared)
    return float((ratio.sum() - np.trace(ratio)) / (len(table) * (len(table) - 1)))


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
SHORT = {
    "longer than CLIP reads": "> CLIP",
    "names the category": "class",
    "names a colour": "colour",
    "names a position": "position",
    "vocabulary": "vocab.",
    "same as another's": "same",
    "self-similarity": "alike",
}
"""What the measures are called where there is little room."""


def shown_statistics(rows: list[Record]) -> list[Record]:
    """Rows of ``statistics_rows`` for a terminal: shares in per cent."""
    return [_shown(row) for row in rows]


def _shown(row: Record) -> Record:
    scale, least = (100, 1) if row["unit"] == "share" else (1, 2)
    digits = fitting_digits(row, scale, least)

    def cell(value: float | None) -> str:
        whole = value is not None and value == int(value) and row["difference"] is None  # a count of words
        return "-" if value is None else f"{scale * value:.{0 if whole else digits}f}"

    return {
        "measure": f"{row['measure']}, {'%' if row['unit'] == 'share' else row['unit']}",
        "manual": cell(row["manual"]),
        "refined": cell(row["refined"]),
        "n": str(row["pairs"]),
        "difference (95 %)": gain_cell(row, scale, least),
        "MDE": detectable_cell(row, scale, least),
    }
