"""Texts of many sequences under one name, wherever they come from.

>>> from tempfile import mkdtemp
>>> from pathlib import Path
>>> place = Path(mkdtemp()) / "mine.json"
>>> _ = place.write_text('{"kite-1": "a red kite", "bus-2": ["a bus", "the bus on the left"], "cat-3": {"50": "cat"}}')
>>> mine = read_named(f"mine={place}")
>>> mine.name, mine.texts["kite-1"].phrases, mine.texts["bus-2"].candidates
('mine', (Phrase(start=0, text='a red kite', background=()),), ('a bus', 'the bus on the left'))
>>> mine.texts["cat-3"].phrases[0].start
50
>>> mine.of(["Kite_1"]).notes
('mine: Kite_1 is matched with kite-1 in mine',)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from chatdesc.config import public_spec
from chatdesc.names import counted, some
from chatdesc.texts.matching import Matched, match
from chatdesc.texts.said import SequenceTexts, texts_of
from chatdesc.texts.source import read_source
from chatdesc.types import ChatdescError

__all__ = ["RESERVED", "NamedTexts", "SequenceTexts", "read_all", "read_named", "texts_of"]

RESERVED = (
    "no-text", "shuffled-same-class", "shuffled-other-class", "oracle-words", "manual", "refined", "refined-random",
    "refined-oracle",
)  # fmt: skip
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
HOW = "--texts NAME=SOURCE"


@dataclass(frozen=True, slots=True)
class NamedTexts:
    """The texts of one source.

    Attributes:
        name: the name in all tables.
        source: where they come from, without folders and secrets.
        texts: by the sequence's name; a sequence without a text is not there.
        notes: what a reader must know, each with the source's name: what was left out, and names close to others.
    """

    name: str
    source: str
    texts: Mapping[str, SequenceTexts]
    notes: tuple[str, ...] = ()

    def of(self, names: Iterable[str]) -> NamedTexts:
        """The texts of these sequences alone, under the names given here, with notes on names that do not match.

        Equal names go first. Then a name that differs in case, ``_`` or ``-`` is matched where no other could be
        meant, and a note says so. A name that only resembles one is not matched: a note names both.

        Raises:
            ChatdescError: no name matches.
        """
        wanted = list(dict.fromkeys(names))
        matched = match(wanted, self.texts.keys())
        if not matched.names:
            raise ChatdescError(_why_none(self, wanted, matched))
        texts = {name: self.texts[matched.names[name]] for name in wanted if name in matched.names}
        return replace(self, texts=texts, notes=(*self.notes, *_notes(self.name, matched, len(wanted))))


def read_named(spec: str) -> NamedTexts:
    """The texts of ``NAME=SOURCE``.

    Raises:
        ChatdescError: the name is missing, odd or taken, or the source cannot be read.
    """
    name, separator, source = spec.partition("=")
    if not separator or not source.strip():
        raise ChatdescError(f"{public_spec(spec)!r} does not say both a name and a source; write {HOW}")
    refuse_name(name)
    found = read_source(source)
    notes = tuple(f"{name}: {note}" for note in found.notes)
    return NamedTexts(name, public_spec(source), found.texts, notes)


def refuse_name(name: str) -> None:
    """Refuse a name that no column of a table can have.

    Raises:
        ChatdescError: it is a column's own, or has other characters than letters, digits, ``.``, ``_`` and ``-``.
    """
    if name.lower() in RESERVED:
        raise ChatdescError(f"{name!r} is the name of a column already; choose another: {HOW}")
    if not NAME.fullmatch(name):
        raise ChatdescError(
            f"{name[:60]!r} is no name for a column: up to 40 letters, digits, '.', '_' and '-', beginning with a "
            f"letter or digit; write {HOW}"
        )


def read_all(specs: Iterable[str]) -> tuple[NamedTexts, ...]:
    """The texts of several ``NAME=SOURCE``, in their order.

    Raises:
        ChatdescError: a name comes twice, or as ``read_named``.
    """
    listed = list(specs)
    names = [spec.partition("=")[0] for spec in listed]
    for name in names:
        if [other.lower() for other in names].count(name.lower()) > 1:
            raise ChatdescError(f"two sources are called {name!r}; give each a name of its own: {HOW}")
    return tuple(map(read_named, listed))


def _why_none(named: NamedTexts, wanted: list[str], matched: Matched) -> str:
    both = (
        f"{named.name} has texts of {some(sorted(named.texts), 3)}, and the sequences here are {some(wanted, 3)}"
        if named.texts
        else f"{named.name} has no text at all"
    )
    return f"no sequence here has a text in {named.name} ({named.source}): {both}{_close(named.name, matched, '; ')}"


def _notes(name: str, matched: Matched, asked: int) -> tuple[str, ...]:
    notes = []
    if matched.spelt:
        pairs = [f"{ours} is matched with {theirs} in {name}" for ours, theirs in matched.spelt.items()]
        notes.append(f"{name}: {some(pairs, 3)}")
    if matched.missing:
        without = counted(len(matched.missing), "sequence", "sequences")
        notes.append(f"{name}: no text for {without} of {asked}: {some(matched.missing, 3)}")
    if close := _close(name, matched):
        notes.append(f"{name}: {close}")
    return tuple(notes)


def _close(name: str, matched: Matched, lead: str = "") -> str:
    pairs = [f"{theirs} in {name} is close to {ours}" for ours, theirs in matched.close.items()]
    return f"{lead}{some(pairs, 3)}; rename {'it' if len(pairs) == 1 else 'them'} if the same is meant" if pairs else ""
