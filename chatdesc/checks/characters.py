"""Characters that do not belong into a text: a damaged encoding, remains of markup, look-alikes, control characters.

>>> [(span, why, new) for span, _, why, new in odd_characters("a cafÃ© sign &amp; a\u00a0lamp")]
[((5, 7), 'the encoding is damaged', 'é'), ((13, 18), 'HTML', '&'), ((20, 21), 'NO-BREAK SPACE', ' ')]
"""

from __future__ import annotations

import html
import re
import unicodedata

from chatdesc.checks.spots import Spot, Spots, apart

PLAIN = {
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-", "\u2026": "...",
    "\u00b4": "'", "\uff0c": ",", "\u3002": ".", "\uff1b": ";", "\uff1a": ":", "\uff01": "!", "\uff1f": "?",
    "\uff08": "(", "\uff09": ")", "\u3001": ",",
}  # fmt: skip
LINES = "\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"  # a matter of spaces and lines
DAMAGED = re.compile(
    "[\u00c2-\u00f4\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192][\u0080-\u00bf\u0152-\u2122]{1,3}|\u00e2\u20ac."
)


def odd_characters(text: str) -> Spots:
    """Where such characters stand, how severe they are, why, and what could stand there; None where nobody knows."""
    found = [item for look in (_undecoded, _damaged, _markup, _invisible, _look_alikes) for item in look(text)]
    yield from apart(found)


def _undecoded(text: str) -> Spots:
    for match in re.finditer("[\udc80-\udcff]+", text):
        data = match[0].encode("utf-8", "surrogateescape")
        codes = " ".join(f"0x{byte:02x}" for byte in data)
        read = _windows(data)
        known = read if read and len(read) == 1 and (read.isalpha() or read in PLAIN) else None  # several may be GBK
        yield Spot(match.span(), 0.9, f"byte {codes} is no UTF-8", known)
    for match in re.finditer("[\ud800-\udc7f\udd00-\udfff]+", text):
        yield Spot(match.span(), 0.9, "half of a character", "")
    for match in re.finditer("\ufffd+", text):
        yield Spot(match.span(), 0.9, "a character was lost when the text was decoded")


def _windows(data: bytes) -> str | None:
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return None


def _damaged(text: str) -> Spots:
    """UTF-8 that was read as Windows-1252: what comes out as UTF-8 again was no coincidence."""
    for match in DAMAGED.finditer(text):
        try:
            whole = match[0].encode("cp1252").decode("utf-8")
        except UnicodeError:
            continue
        yield Spot(match.span(), 0.9, "the encoding is damaged", whole)


def _markup(text: str) -> Spots:
    for match in re.finditer(r"&(?:[a-zA-Z]{2,8}|#\d{1,6}|#x[0-9a-fA-F]{1,5});", text):
        whole = html.unescape(match[0])
        if whole != match[0]:
            known = whole.isprintable() and "\ufffd" not in whole
            yield Spot(match.span(), 0.9, "HTML", " " if whole.isspace() else whole if known else None)
    for match in re.finditer(r"</?[a-zA-Z][\w-]*(?:\s[^<>]*)?/?>", text):
        yield Spot(match.span(), 0.8, "HTML", "")
    for match in re.finditer(r"\\[nrt](?![a-z])|\\u[0-9a-fA-F]{4}", text):
        whole = chr(int(match[0][2:], 16)) if match[0][1] == "u" else " "
        yield Spot(match.span(), 0.8, "an escape of a programming language", whole if whole.isprintable() else None)


def _invisible(text: str) -> Spots:
    for place, char in enumerate(text):
        if char.isascii() and (char.isprintable() or char in LINES):
            continue
        kind = unicodedata.category(char)
        if kind == "Cf" and _joins(text, place):
            continue
        if kind in ("Cc", "Cf") and char not in LINES:
            yield Spot((place, place + 1), 0.8, unicodedata.name(char, f"control character U+{ord(char):04X}"), "")
        elif kind == "Zs" and char != " ":
            yield Spot((place, place + 1), 0.6, unicodedata.name(char), " ")
        elif kind in ("Co", "Cn", "So"):
            yield Spot((place, place + 1), 0.6, unicodedata.name(char, f"character U+{ord(char):04X}"))


def _joins(text: str, place: int) -> bool:
    """Whether a format character stands beside a letter that is not Latin: some writing systems need them."""
    beside = text[max(0, place - 1) : place] + text[place + 1 : place + 2]
    return any(char.isalpha() and not unicodedata.name(char, "").startswith("LATIN") for char in beside)


def _look_alikes(text: str) -> Spots:
    """Letters of another writing system within a Latin word, and punctuation of one beside Latin words."""
    for match in re.finditer(r"[^\W\d_]+", text):
        scripts = {unicodedata.name(char, "?").split(" ")[0] for char in match[0]}
        if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
            yield Spot(match.span(), 0.9, "letters of two writing systems in a word")
    for match in re.finditer("[\uff0c\u3002\uff1b\uff1a\uff01\uff1f\uff08\uff09\u3001\u00b4]", text):
        if re.search("[a-zA-Z]", text[max(0, match.start() - 2) : match.end() + 2]):
            follows = text[match.end() : match.end() + 1]
            space = " " if follows.isalnum() and PLAIN[match[0]] in ",.;:!?" else ""
            yield Spot(match.span(), 0.6, unicodedata.name(match[0]), PLAIN[match[0]] + space)
    for match in re.finditer("[\uff10-\uff5a]+", text):
        yield Spot(match.span(), 0.6, "wide letters", unicodedata.normalize("NFKC", match[0]))
