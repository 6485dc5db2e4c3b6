"""Sequences of a source matched with those at hand: by name, then by what many spell in several ways.

``Jogging_1``, ``jogging-1`` and ``Jogging1`` are one name here; ``bus-11`` and ``bus-1-1`` are two. A name is matched
in this way only where no other has the same form on either side.

>>> matched = match(["Jogging-1", "Biker", "Human4-2"], ["Jogging_1", "Biker", "Human4"])
>>> matched.names, matched.close
({'Biker': 'Biker', 'Jogging-1': 'Jogging_1'}, {'Human4-2': 'Human4'})
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

CLOSE = 0.85  # difflib's ratio from which names without the same form are close
MOST = 50  # unmatched names that are compared with all others, which takes time


@dataclass(frozen=True, slots=True)
class Matched:
    """How names at hand meet those of a source.

    Attributes:
        names: by the name at hand, the source's.
        spelt: those of them that differ in case, ``_`` or ``-``.
        close: by a name at hand that has no match, one of the source that may be meant.
        missing: names at hand without a match.
    """

    names: dict[str, str]
    spelt: dict[str, str]
    close: dict[str, str]
    missing: tuple[str, ...]


def match(wanted: Iterable[str], there: Collection[str]) -> Matched:
    """Match the names at hand with a source's; every name of the source is used once."""
    asked = list(dict.fromkeys(wanted))
    exact = {name: name for name in asked if name in there}
    left, free = [n for n in asked if n not in exact], [n for n in there if n not in exact]
    ours, theirs = _alone(asked), _alone(there)
    by_form = {form(name): name for name in free if name in theirs}
    spelt = {n: by_form[form(n)] for n in left if n in ours and form(n) in by_form}
    missing = tuple(n for n in left if n not in spelt)
    return Matched(exact | spelt, spelt, _close(missing, set(free) - set(spelt.values())), missing)


def form(name: str) -> tuple[str, ...]:
    """Runs of letters and of digits, without case and what stands between them.

    >>> form("Jogging_1") == form("jogging1"), form("bus-11") == form("bus-1-1")
    (True, False)
    """
    return tuple(re.findall(r"[0-9]+|[^\W\d_]+|[^\w\s-]+", name.casefold()))


def _alone(names: Iterable[str]) -> set[str]:
    """The names whose form no other has."""
    by_form: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        by_form.setdefault(form(name), []).append(name)
    return {same[0] for same in by_form.values() if len(same) == 1}


def _close(missing: Iterable[str], free: Collection[str]) -> dict[str, str]:
    """Free names that resemble missing ones and have the same numbers, or a part of them: bus-1 is not near bus-2."""
    numbers = {name: _numbers(name) for name in sorted(free)}
    found = {}
    for name in list(missing)[:MOST]:
        own = _numbers(name)
        fitting = {there.casefold(): there for there, theirs in numbers.items() if _is_part(own, theirs)}
        if near := difflib.get_close_matches(name.casefold(), fitting, 1, CLOSE):
            found[name] = fitting[near[0]]
    return found


def _numbers(name: str) -> list[str]:
    return [digits.lstrip("0") or "0" for digits in re.findall(r"[0-9]+", name)]


def _is_part(one: list[str], other: list[str]) -> bool:
    """Whether one list begins with the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
