"""What one source says of one sequence, and what a whole source says.

>>> texts_of({50: "the kite", 0: "a red  kite"}).phrases[1]
Phrase(start=50, text='the kite', background=())
>>> texts_of(["a bus", "", "the bus on the left"]).candidates
('a bus', 'the bus on the left')
>>> texts_of([" "]) is None
True
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chatdesc.stages.track import Phrase
from chatdesc.types import one_line


@dataclass(frozen=True, slots=True)
class SequenceTexts:
    """What one source says of one sequence.

    Attributes:
        phrases: the text in force from a frame (counted from 0) on, in the order of frames, at least one; tables
            compare these. Of several texts for the whole video it is the first.
        candidates: all texts of the sequence, each once, in the source's order.
        written: the same texts as the source writes them, with its spaces and line breaks.
    """

    phrases: tuple[Phrase, ...]
    candidates: tuple[str, ...]
    written: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a reader found in a source.

    Attributes:
        texts: by the sequence's name; a sequence without a text is not there.
        notes: what a reader must know, without the source's name.
    """

    texts: dict[str, SequenceTexts]
    notes: tuple[str, ...] = ()


def texts_of(said: Mapping[int, str] | Iterable[str]) -> SequenceTexts | None:
    """One sequence's texts, by the frame from which on each holds, or several for the whole video; None without any."""
    if isinstance(said, Mapping):
        timed = {start: said[start] for start in sorted(said) if said[start].strip()}
        written = _each_once(timed.values())
        phrases = tuple(Phrase(start, one_line(text)) for start, text in timed.items())
    else:
        written = _each_once(text for text in said if text.strip())
        phrases = tuple(Phrase(0, text) for text in list(written)[:1])
    return SequenceTexts(phrases, tuple(written), tuple(written.values())) if phrases else None


def _each_once(texts: Iterable[str]) -> dict[str, str]:
    """The texts on one line, with the first way in which each is written."""
    written: dict[str, str] = {}
    for text in texts:
        written.setdefault(one_line(text), text)
    return written
