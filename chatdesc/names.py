"""Names of sequences and files for people: natural order, similar names, the first of many, one and several.

>>> sorted(["swing-10", "swing-2"], key=natural)
['swing-2', 'swing-10']
>>> near("airplan-1", ["airplane-1", "bus-2"]), near("airplan-1", ["airplane-1", "airplane-2", "airplane-3"])
('; did you mean airplane-1?', '; did you mean airplane-1, airplane-3 or airplane-2?')
>>> some(["a", "b", "c", "d", "e", "f"])
'a, b, c, d, e and 1 more'
>>> file_name("bus-1", ".txt"), file_name("../bus", ".txt"), len(file_name("bus" * 100, ".txt"))
('bus-1.txt', '%2E.%2Fbus.txt', 187)
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from urllib.parse import quote

SHOWN = 5  # names in a message
LONGEST = 255  # bytes of a file's name, on every common file system
DIGITS = dict.fromkeys(map(ord, "123456789"), "0")
HEAD = 150  # of them are the beginning of a longer name


def natural(name: str) -> tuple[list[object], str]:
    """Sort key that puts ``2.jpg`` before ``10.jpg``, whatever surrounds the numbers."""
    parts = re.split(r"([0-9]+)", name)
    return [_number(p) if i % 2 else p.lower() for i, p in enumerate(parts)], name


def in_natural_order(names: Iterable[str]) -> list[str]:
    """The names sorted; those that differ in digits alone, as frames do, need no keys.

    >>> in_natural_order(["2.jpg", "10.jpg"]), in_natural_order(["010.jpg", "002.jpg"])
    (['2.jpg', '10.jpg'], ['002.jpg', '010.jpg'])
    """
    found = list(names)
    alike = len({name.translate(DIGITS) for name in found}) < 2
    return sorted(found) if alike else sorted(found, key=natural)


def _number(digits: str) -> tuple[int, str]:
    """Sorts as the number does; Python reads no number of more than some thousand digits."""
    plain = digits.lstrip("0")
    return len(plain), plain


def near(word: str, words: Iterable[str]) -> str:
    """Up to three of ``words`` that resemble ``word``, as the end of an error message; empty if none does."""
    by_lower = {name.lower(): name for name in words}
    *others, last = [by_lower[name] for name in difflib.get_close_matches(word.lower(), by_lower, 3, 0.5)] or [""]
    return f"; did you mean {', '.join(others)}{' or ' * bool(others)}{last}?" if last else ""


def between_commas(listed: str) -> list[str]:
    """The names in a list with commas.

    >>> between_commas("bus-1, bus-2,")
    ['bus-1', 'bus-2']
    """
    return [name.strip() for name in listed.split(",") if name.strip()]


def some(names: Sequence[str], shown: int = SHOWN) -> str:
    """The first of the names, and the number of the others."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def counted(number: int, one: str, several: str = "") -> str:
    """A number with what it counts; ``several`` is ``one`` with an s (or es), where it is not said.

    >>> counted(1, "sequence"), counted(0, "box"), counted(2, "row is", "rows are")
    ('1 sequence', '0 boxes', '2 rows are')
    """
    return f"{number} {one if number == 1 else several or one + ('es' if one.endswith('x') else 's')}"


def file_name(name: str, ending: str) -> str:
    """The name of a sequence's file: its own where every file system takes that, else ``escaped``."""
    try:
        size = len((name + ending).encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        size = LONGEST + 1
    odd = size > LONGEST or name.startswith(".") or re.search(r"[/\\\x00-\x1f]", name)
    whole = escaped(name, ending) if odd else name + ending
    return f"%2E{whole[1:]}" if name.startswith(".") else whole  # no hidden file


def escaped(name: str, ending: str) -> str:
    """A file's name for a sequence, whatever characters its name has; a long one is cut, with a hash after #."""
    try:
        quoted = quote(name, safe=" ()+,=", errors="surrogateescape")
    except UnicodeEncodeError:  # half a pair of UTF-16, from JSON
        quoted = quote(name, safe=" ()+,=", errors="backslashreplace") + "#"
    if len(quoted) + len(ending) > LONGEST or quoted.endswith("#"):  # no other name holds #
        head = re.sub("%.?$", "", quoted[:HEAD].rstrip("#"))
        quoted = f"{head}#{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
    return quoted + ending
