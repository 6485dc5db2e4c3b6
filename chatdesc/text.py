"""Texts as trackers take them: one line, no comma, no ``#``, and no longer than CLIP reads. Imports nothing of ours.

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
_PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def clean_for_trackers(text: str) -> str:
    """A text that every known reader takes whole: one line, no comma, no ``#``, ASCII where that says the same."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\ufffd", " ")
    plain = "".join(_ascii(char) for char in decoded.translate(_PLAIN))
    kept = "".join(" " if char in ",#" or unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in plain)
    return " ".join(kept.split())


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    return unicodedata.normalize("NFKD", char).translate(_PLAIN).encode("ascii", "ignore").decode() or char


def fits_clip(text: str) -> bool:
    """Whether CLIP reads a text to its end. A text of few bytes does, for each token stands for at least one."""
    return len(_seen(text).encode()) <= CLIP_TOKENS - 2 or clip_tokens(text) <= CLIP_TOKENS


def clip_tokens(text: str) -> int:
    """CLIP's tokens for a text: exact for ASCII, never too few for anything else.

    Counted from the merges that open_clip brings along, because its own tokenizer needs torch. A run that is not all
    ASCII counts a token a byte, which is the most that it can be.
    """
    return 2 + sum(_pieces(word) if word.isascii() else len(word.encode()) for word in _seen(text).split())


def _seen(text: str) -> str:
    """A text as CLIP sees it: entities resolved twice, composed, in small letters."""
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


@cache
def _merges() -> dict[tuple[str, ...], int]:
    found = find_spec("open_clip")  # finds it without importing it, for that would import torch
    assert found is not None and found.origin is not None
    with gzip.open(Path(found.origin).with_name(VOCABULARY), "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : MERGES + 1]
    return {tuple(line.split()): rank for rank, line in enumerate(lines)}
