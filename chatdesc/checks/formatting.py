"""Spaces, line breaks, punctuation and capitals that a copy editor would change, each with what should stand there.

>>> check = FormattingCheck()
>>> [(found.reason, found.suggestion) for found in check.find(Subject("dog-1", "black  dog ,running"))]
[('2 spaces in a row', ' '), ('a space before ","', ', ')]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.characters import odd_characters
from chatdesc.checks.spots import Spot, Spots, apart

NAME = "formatting"
SMALL = 0.9  # share of its uses in which a word is written small, from which on a capital is odd
BREAK = re.compile("[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
SHORT = 5  # letters that a word in capitals may have: TV, NBA, SUVs


class FormattingCheck:
    """Finds what is wrong with a text whatever it says; it learns from all texts which words are written small."""

    name = NAME
    kinds: tuple[str, ...] = ("formatting",)

    def __init__(self) -> None:
        self._small: Counter[str] = Counter()
        self._capital: Counter[str] = Counter()

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Count the words that are written small, and those with a capital within a sentence."""
        self._small.clear()
        self._capital.clear()
        for subject in subjects:
            self._small.update(re.findall(r"\b[a-z]+\b", subject.text))
            self._capital.update(match[0].lower() for match in _capitals(subject.text))

    def find(self, subject: Subject) -> list[Finding]:
        """What is wrong, in the order of the text; overlapping findings are left out."""
        text = subject.text
        if not text.strip():
            return []
        spots = [spot for look in (*LOOKS, self._odd_capitals) for spot in look(text)]
        return [Finding(NAME, NAME, spot.severity, spot.reason, spot.span, spot.new) for spot in apart(spots)]

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}

    def _odd_capitals(self, text: str) -> Spots:
        """Words with a capital within a sentence that all other texts write small."""
        for match in _capitals(text):
            word = match[0].lower()
            small, capital = self._small[word], self._capital[word]
            if small >= SMALL * (small + capital):
                yield Spot(match.span(), 0.6, f"a capital within the sentence ({small} times it is {word!r})", word)


def _capitals(text: str) -> Iterator[re.Match[str]]:
    """Words with one capital in front that stand within a sentence."""
    return re.finditer(r"(?<=[a-z,] )[A-Z][a-z]+\b", text)


def _spaces(text: str) -> Spots:
    body = text.rstrip("\r\n")
    for match in re.finditer(r"[ \t]+", body):
        span, run = match.span(), match[0]
        what = "a tab" if "\t" in run else "a space" if len(run) == 1 else f"{len(run)} spaces"
        at_end = span[1] == len(body)
        if not span[0] or at_end:
            yield Spot(span, 0.3, f"{what} at the {'end' if at_end else 'beginning'}", "")
        elif len(run) > 1 or "\t" in run:
            yield Spot(span, 0.7, f"{what} in a row" if "\t" not in run else "a tab within the text", " ")


def _lines(text: str) -> Spots:
    """Line breaks but one at the end: a reader takes the first line alone."""
    start, stop = len(text) - len(text.lstrip()), len(text.rstrip())
    if start and "\n" in text[:start]:
        yield Spot((0, start), 0.7, "blank lines at the beginning", "")
    for match in re.finditer(r"\s+", text[:stop]):
        if match.start() >= start and BREAK.search(match[0]):
            yield Spot(match.span(), 0.7, "a line break within the text: some trackers read one line only", " ")
    endings = re.findall(r"\r\n|\n|\r", text[stop:])
    if len(endings) > 1:
        yield Spot((stop, len(text)), 0.3, "blank lines at the end", endings[0])


def _punctuation(text: str) -> Spots:
    for match in re.finditer(r"(?<=\w)[ \t]+([,;:!?]|\.(?![\w.]))(?=(\w)?)", text):
        yield Spot(match.span(), 0.7, f'a space before "{match[1]}"', match[1] + (" " if match[2] else ""))
    for match in re.finditer(r"(?<=[^\W\d_])([,;!?])(?=[^\W\d_])", text):
        yield Spot(match.span(), 0.7, f'no space after "{match[1]}"', f"{match[1]} ")
    for match in re.finditer(r"(?<=[a-z]{2})\.(?=[A-Z][a-z])", text):
        yield Spot(match.span(), 0.7, 'no space after "."', ". ")
    for match in re.finditer(r"([,;:])(?:\s*\1)+|(?<!\.)\.\.(?!\.)|\.{4,}|[,;:](?=\.)", text):
        repeated = len(match[0]) > 1
        yield Spot(match.span(), 0.8, f'"{match[0]}" is no punctuation', match[0][0] if repeated else "")


def _trailing(text: str) -> Spots:
    """Noise behind the last word, quotation marks around the whole text, and brackets without their other half."""
    end = len(text.rstrip())
    if match := re.search(r"(?<=[\w.!?])[ \t]*[,;:/\\|*_#~=<>^`+-]+\Z", text[:end]):
        yield Spot(match.span(), 0.7, f'"{match[0].strip()}" at the end', "")
    start = len(text) - len(text.lstrip())
    if match := re.match(r"[,;:./\\|*_~=<>^`+-]+\s*(?=\w)", text[start:end]):
        yield Spot((start, start + match.end()), 0.7, f'"{match[0].strip()}" at the beginning', "")
    for left, right in ("()", "[]", "{}", "\u201c\u201d"):
        if text.count(left) != text.count(right):
            place = text.find(left) if left in text else text.find(right)
            yield Spot((place, place + 1), 0.6, f'"{text[place]}" without its other half')
    if text.count('"') % 2:
        place = text.index('"')
        yield Spot((place, place + 1), 0.6, "a quotation mark without its other half")


def _letters(text: str) -> Spots:
    """Capitals at odd places."""
    words = re.findall(r"[^\W\d_]+", text)
    if len(words) > 1 and all(word.isupper() for word in words) and any(len(word) > SHORT for word in words):
        start = len(text) - len(text.lstrip())
        yield Spot((start, len(text.rstrip())), 0.5, "all in capitals", text.strip().capitalize())
        return
    for match in re.finditer(r"\b(?:[A-Z]{2,}(?:[aeiouy]|[a-z]{2})[a-z]*|[a-z]+[A-Z]+)\b", text):
        if not re.fullmatch(r"[A-Z]{2,}s|[a-z][A-Z]+", match[0]):
            plain = match[0].lower() if match.start() else match[0].capitalize()
            yield Spot(match.span(), 0.7, "capitals at odd places", plain)


LOOKS: tuple[Callable[[str], Spots], ...] = (odd_characters, _spaces, _lines, _punctuation, _trailing, _letters)
