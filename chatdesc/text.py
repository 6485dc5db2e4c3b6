"""Texts as trackers read them: one line, no comma, no ``#``, and no longer than CLIP's context.

>>> clean_for_trackers("caf\u00e9 table, the \u201cleft\u201d one\\n#2")
'cafe table the "left" one 2'
>>> clip_tokens("a red kite")          # with the two tokens that CLIP puts around it
5
"""

from __future__ import annotations

import gzip
import html
import re
import unicodedata
from functools import cache, lru_cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

CLIP_TOKENS = 77
LONGEST = CLIP_TOKENS * 32  # characters that are not spaces; no token of CLIP stands for more than 32
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2

_PLAIN = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2026": "...",
        "\u2044": "/",
        "\u00d7": "x",
        "\u00df": "ss",
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u00f8": "o",
        "\ufeff": "",
        "\u200b": "",
    }
)
HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # halves of a character, from JSON; they stand for no byte
_ENDING = re.compile(rb"(?:\r\n|\n|\r)?\Z")
_PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def printable(text: str) -> str:
    """A text for a terminal: control and format characters, which could steer it, become U+FFFD; line ends stay.

    >>> printable("red\\x1b[2J kite\\u202e")
    'red\ufffd[2J kite\ufffd'
    """
    return "".join(
        "\ufffd" if unicodedata.category(char) in ("Cc", "Cf", "Cs") and char not in "\n\t" else char for char in text
    )


def clean_for_trackers(text: str) -> str:
    """A text that every known reader reads whole: one line, no comma, no ``#``, ASCII where ASCII says the same."""
    decoded = HALVES.sub(" ", text).encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\ufffd", " ")
    plain = "".join(_ascii(char) for char in decoded.translate(_PLAIN))
    kept = "".join(" " if char in ",#" or unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in plain)
    return " ".join(kept.split())


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    return unicodedata.normalize("NFKD", char).translate(_PLAIN).encode("ascii", "ignore").decode() or char


def line_ending(content: bytes) -> bytes:
    """How a file's last line ends: with LF, CRLF, CR or nothing.

    >>> line_ending(b"a red kite\\r\\n"), line_ending(b"a red kite")
    (b'\\r\\n', b'')
    """
    match = _ENDING.search(content)
    return match[0] if match else b""


def fits_clip(text: str) -> bool:
    """Whether a text fits into CLIP's context of 77 tokens.

    >>> fits_clip("a red kite"), fits_clip("kite " * 76)
    (True, False)
    """
    # A text of few bytes fits, because a token stands for at least one byte; one of very many does not.
    seen = _seen(text)
    if len(seen.encode()) <= CLIP_TOKENS - 2:
        return True
    return len("".join(seen.split())) <= LONGEST and clip_tokens(text) <= CLIP_TOKENS


def clip_tokens(text: str) -> int:
    """Number of CLIP's tokens for a text, start and end token included: exact for ASCII, else an upper bound.

    Counted by byte-pair encoding with the merges in open_clip's package, because its tokenizer needs torch. A word that
    is not all ASCII counts one token per byte.
    """
    return 2 + sum(_pieces(word) if word.isascii() else len(word.encode()) for word in _seen(text).split())


def _seen(text: str) -> str:
    """A text as CLIP's tokenizer prepares it: entities resolved twice, composed (NFC), in lower case."""
    whole = unicodedata.normalize("NFC", html.unescape(html.unescape(text)))
    return whole.lower().encode("utf-8", "replace").decode()


def _pieces(word: str) -> int:
    return sum(_tokens(piece) for piece in _PIECES.findall(word))


@lru_cache(maxsize=4096)
def _tokens(piece: str) -> int:
    """Byte-pair encoding of one ASCII piece: the pair that was learnt first is merged first."""
    ranks, parts = _merges(), [*piece[:-1], piece[-1] + "</w>"]
    while len(parts) > 1:
        best = min(pairwise(parts), key=lambda pair: ranks.get(pair, MERGES))
        if best not in ranks:
            break
        merged: list[str] = []
        for part in parts:
            if merged and (merged[-1], part) == best:
                merged[-1] += part
            else:
                merged.append(part)
        parts = merged
    return len(parts)


def whole_words() -> frozenset[str]:
    """The tokens of CLIP that end a word, most of which are words, in small letters.

    >>> "kite" in whole_words(), "qzx" in whole_words()
    (True, False)
    """
    tokens = (first + second for first, second in _merges())
    return frozenset(token.removesuffix("</w>") for token in tokens if token.endswith("</w>"))


@cache
def _merges() -> dict[tuple[str, ...], int]:
    package = find_spec("open_clip")  # not imported, because that imports torch
    assert package is not None and package.origin is not None
    with gzip.open(Path(package.origin).with_name(VOCABULARY), "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : MERGES + 1]
    return {tuple(line.split()): rank for rank, line in enumerate(lines)}
