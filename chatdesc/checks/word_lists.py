"""Texts that are a list of words and no phrase, as programs write them from labels and attributes.

>>> check = WordListCheck()
>>> texts = "animal,cat,gray,center", "cat, furnitu.", "a cat, left of a dog"
>>> [bool(check.find(Subject("cat-1", text))) for text in texts]
[True, True, False]
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.letters import known_words
from chatdesc.types import STOP_WORDS, one_line

NAME = "word-list"
SEVERITY = 0.6
SEVERAL = 3  # items of a list, or words in a row
ITEM_WORDS = 3  # words that an item has at most
CUT = 4  # letters of a word that was cut, at least
VERBS = re.compile(r"\w{2,}(?:ing|ed|en)\b", re.I)


class WordListCheck:
    """Finds texts of words in a row, between commas, without a word that joins them."""

    name = NAME
    kinds: tuple[str, ...] = ("grammar",)
    english_only = True

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """One finding, for the whole text."""
        items = [item.split() for item in re.split(r"[,;]", one_line(subject.text).rstrip(". ")) if item.strip()]
        if not is_list(items):
            return []
        return [Finding(NAME, "grammar", SEVERITY, "a list of words, no phrase", evidence={"items": len(items)})]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def is_list(items: list[list[str]]) -> bool:
    """Whether the words between commas are a list: nothing joins the words of an item, and the items are short."""
    if len(items) < 2 or any(word.lower() in STOP_WORDS for item in items for word in item):
        return False
    sizes = [len(item) for item in items]
    if len(items) >= SEVERAL:
        return max(sizes) < ITEM_WORDS
    in_a_row = sizes[0] == 1 and sizes[1] >= SEVERAL and not any(VERBS.fullmatch(word) for word in items[1])
    return sizes == [1, 1] or (in_a_row and any(is_cut(word) for word in items[1]))


def is_cut(word: str) -> bool:
    """Whether a word is none, but the beginning of one.

    >>> is_cut("furnitu"), is_cut("furniture"), is_cut("gametarget")
    (True, False, False)
    """
    known, low = known_words(), word.lower()
    if len(low) < CUT or low in known:
        return False
    place = bisect_left(_sorted(), low)
    return place < len(known) and _sorted()[place].startswith(low)


@cache
def _sorted() -> list[str]:
    return sorted(known_words())
