"""Texts with strings of random letters, as programs leave them behind.

>>> check = GibberishCheck()
>>> [finding.reason for finding in check.find(Subject("bus-1", "bus, EzcLslFPwz."))]
['random letters']
>>> check.find(Subject("bus-1", "a bus and a motorcylce of Schwarzenegger in Szczecin"))
[]

A string is random letters if its letters are likelier drawn at random than those of a word (see ``letters``), if it has
digits, signs and capitals within counts against it, and if no word is one letter away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.letters import known_words, near_a_word, wordlike

NAME = "gibberish"
SEVERITY = 0.95
LEAST = 5  # letters of a string that can be judged
LIMIT = -6.0  # of the string's score; random letters are below
CAPITAL = 3.0  # what a capital after a small letter costs
SIGN = 4.0  # what a digit or a sign between letters costs
NAMED = 6.0  # what one capital, at the beginning, gives: names look odd
HARMLESS = re.compile(r"(?<=[^\W\d_])['\u2019](?:s|t|re|ve|m|ll|d)\b|(?<=[^\W\d_])[-_/.&](?=[^\W\d_])|_")
ADDRESS = re.compile(r"://|@|^www\.|\.[a-z]{2,4}(?:/|$)")


class GibberishCheck:
    """Finds strings of random letters; words that are only misspelt, and names, are none."""

    name = NAME
    kinds: tuple[str, ...] = ("data",)
    english_only = True

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """One finding per string."""
        return [Finding(NAME, "data", SEVERITY, "random letters", span) for span in gibberish(subject.text)]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def gibberish(text: str) -> Iterator[tuple[int, int]]:
    """Where the strings of random letters in a text stand."""
    for match in re.finditer(r"\S+", text):
        string = match[0].rstrip(".,;:!?")
        if string and is_random(string):
            yield match.start(), match.start() + len(string)


def is_random(string: str) -> bool:
    """Whether a string without spaces is random letters."""
    letters = "".join(char for char in string if char.isalpha())
    if len(letters) < LEAST or not letters.isascii() or ADDRESS.search(string) or _has_words(string, len(letters)):
        return False
    return score(string) < LIMIT and not near_a_word(letters.lower())


def _has_words(string: str, letters: int) -> bool:
    """Whether most of a string's letters are words, between whatever signs."""
    words = [part for part in re.findall(r"[a-z]+", string.lower()) if part in known_words()]
    return 2 * sum(map(len, words)) > letters


def score(string: str) -> float:
    """How much a string looks like words, less what its capitals, digits and signs cost."""
    parts = HARMLESS.sub(" ", string).split()
    signs = sum(len(re.findall(r"[^a-zA-Z]+(?=[a-zA-Z])|(?<=[a-zA-Z])[^a-zA-Z]+$", part)) for part in parts)
    words = re.findall(r"[a-z]+", " ".join(parts).lower())
    named = NAMED * (len(parts) == 1 and parts[0].istitle())
    return sum(map(wordlike, words)) + named - CAPITAL * sum(map(_capitals, parts)) - SIGN * signs


def _capitals(part: str) -> int:
    """Capitals after a small letter; those of words that are written together, such as YouTube, do not count."""
    together = re.fullmatch(r"(?:[a-z]{2,}|[A-Z][a-z]+)?(?:[A-Z][a-z]{2,})+", part)
    return 0 if together else len(re.findall(r"(?<=[a-z])[A-Z]", part))
