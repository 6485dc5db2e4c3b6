"""Names of sequences and files for people: natural order, similar names, the first of many.

>>> sorted(["swing-10", "swing-2"], key=natural)
['swing-2', 'swing-10']
>>> near("airplan-1", ["airplane-1", "bus-2"])
'; did you mean airplane-1?'
>>> some(["a", "b", "c", "d", "e", "f"])
'a, b, c, d, e and 1 more'
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

SHOWN = 5  # names in a message


def natural(name: str) -> tuple[list[object], str]:
    """Sort key that puts ``2.jpg`` before ``10.jpg``, whatever surrounds the numbers."""
    parts = re.split(r"([0-9]+)", name)
    return [_number(p) if i % 2 else p.lower() for i, p in enumerate(parts)], name


def _number(digits: str) -> tuple[int, str]:
    """Sorts as the number does; Python reads no number of more than some thousand digits."""
    plain = digits.lstrip("0")
    return len(plain), plain


def near(word: str, words: Iterable[str]) -> str:
    """Up to three of ``words`` that resemble ``word``, as the end of an error message; empty if none does."""
    by_lower = {name.lower(): name for name in words}
    similar = [by_lower[name] for name in difflib.get_close_matches(word.lower(), by_lower, 3, 0.5)]
    return f"; did you mean {' or '.join(similar)}?" if similar else ""


def some(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first of the names, and the number of the others."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
