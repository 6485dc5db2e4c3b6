"""Texts of many sequences under one name, wherever they come from.

>>> from tempfile import mkdtemp
>>> place = Path(mkdtemp()) / "mine.json"
>>> _ = place.write_text('{"kite-1": "a red kite", "bus-2": ["a bus", "the bus on the left"], "cat-3": {"50": "cat"}}')
>>> mine = read_named(f"mine={place}")
>>> mine.name, mine.texts["kite-1"].phrases, mine.texts["bus-2"].candidates
('mine', (Phrase(start=0, text='a red kite', background=()),), ('a bus', 'the bus on the left'))
>>> mine.texts["cat-3"].phrases[0].start
50
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesc.config import public_spec
from chatdesc.stages.track import Phrase
from chatdesc.types import ChatdescError, one_line

RESERVED = ("no-text", "shuffled-same-class", "shuffled-other-class", "oracle-words", "manual", "refined")


@dataclass(frozen=True, slots=True)
class SequenceTexts:
    """What one source says of one sequence.

    Attributes:
        phrases: the text in force from a frame on, in the order of frames, at least one; tables compare these. Of
            several texts for the whole video it is the first.
        candidates: all texts of the sequence, each once, in the source's order.
    """

    phrases: tuple[Phrase, ...]
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NamedTexts:
    """The texts of one source.

    Attributes:
        name: the name in all tables.
        source: where they come from, without folders and secrets.
        texts: by the sequence's name; a sequence without a text is not there.
        notes: what a reader must know: what was left out, and names that are close to others.
    """

    name: str
    source: str
    texts: Mapping[str, SequenceTexts]
    notes: tuple[str, ...] = ()

    def of(self, names: Iterable[str]) -> NamedTexts:
        """The texts of these sequences alone, with a note on the names that do not match.

        Raises:
            ChatdescError: no name matches.
        """
        return NamedTexts(self.name, self.source, {n: self.texts[n] for n in names if n in self.texts}, self.notes)


def read_named(spec: str) -> NamedTexts:
    """The texts of ``NAME=SOURCE``.

    Raises:
        ChatdescError: the name is missing, odd or taken, or the source cannot be read.
    """
    name, _, source = spec.partition("=")
    return NamedTexts(name, public_spec(source), _json(json.loads(Path(source).read_text(encoding="utf-8"))))


def read_all(specs: Iterable[str]) -> tuple[NamedTexts, ...]:
    """The texts of several ``NAME=SOURCE``, in their order.

    Raises:
        ChatdescError: a name comes twice, or as ``read_named``.
    """
    found = tuple(map(read_named, specs))
    if len({texts.name for texts in found}) < len(found):
        raise ChatdescError("two sources have one name; give each its own: --texts NAME=SOURCE")
    return found


def texts_of(said: Mapping[int, str] | Iterable[str]) -> SequenceTexts:
    """One sequence's texts: by frame, or several for the whole video."""
    if isinstance(said, Mapping):
        phrases = tuple(Phrase(start, one_line(said[start])) for start in sorted(said))
        return SequenceTexts(phrases, tuple(dict.fromkeys(p.text for p in phrases)))
    candidates = tuple(dict.fromkeys(map(one_line, said)))
    return SequenceTexts((Phrase(0, candidates[0]),), candidates)


def _json(content: dict[str, Any]) -> dict[str, SequenceTexts]:
    return {name: texts_of(_said(value)) for name, value in content.items()}


def _said(value: Any) -> Mapping[int, str] | list[str]:
    if isinstance(value, dict):
        return {int(frame): str(text) for frame, text in value.items()}
    return [value] if isinstance(value, str) else [str(text) for text in value]
