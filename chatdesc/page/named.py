"""Texts of other sources on the page: beside the manual text and the one to use, searched and sorted by their names.

>>> from chatdesc.texts.named import texts_of
>>> mine = NamedTexts("mine", "mine.json", {"kite-1": texts_of({0: "a kite", 50: "a far kite"})})
>>> shown([mine], "kite-1")[0]["phrases"], first_text(mine, "kite-1"), first_text(mine, "bus-2")
([[0, 'a kite'], [50, 'a far kite']], 'a kite', None)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chatdesc.page.records import FIELDS
from chatdesc.texts.named import NamedTexts
from chatdesc.types import ChatdescError

TAKEN = frozenset((*FIELDS, "gain", "attribute", "decision", "decided", "differ", "kind", "reviewer"))
"""What the page's own search and order know by name."""


def chosen(named: Iterable[NamedTexts], sequences: Sequence[str]) -> tuple[NamedTexts, ...]:
    """The texts of these sequences.

    Raises:
        ChatdescError: a source has none of them, or its name is one that the page's search has.
    """
    found = tuple(one.of(sequences) for one in named)
    for one in found:
        if one.name.lower() in TAKEN:
            raise ChatdescError(
                f"--texts {one.name}=...: the page searches for {one.name!r} already; choose another name"
            )
    return found


def first_text(named: NamedTexts, sequence: str) -> str | None:
    """The text in force first; None where the source has none."""
    said = named.texts.get(sequence)
    return said.phrases[0].text if said else None


def shown(named: Iterable[NamedTexts], sequence: str) -> list[dict[str, Any]]:
    """What a sequence's page shows of each source that has a text of it.

    Returns:
        Per source ``name``; ``phrases``: [frame from which on it is in force, text]; ``more``: other texts for the
        whole video.
    """
    return [
        {
            "name": one.name,
            "phrases": [[phrase.start, phrase.text] for phrase in said.phrases],
            "more": [text for text in said.candidates if text not in {phrase.text for phrase in said.phrases}],
        }
        for one in named
        if (said := one.texts.get(sequence))
    ]


def figures(details: Iterable[dict[str, Any]], grounded: Iterable[dict[str, Any]]) -> None:
    """Add ``iou`` and ``margin`` of the first phrase to each source's details, where a grounder was asked."""
    answers = {(answer["start"], answer["text"]): answer for answer in grounded}
    for one in details:
        answer = answers.get(tuple(one["phrases"][0]), {})
        one |= {key: answer.get(key) for key in ("iou", "margin")}


def line(named: Iterable[NamedTexts], details: Iterable[dict[str, Any]], length: int) -> list[list[Any]]:
    """[text, IoU, margin] per source for the table, in the order of the sources; null where nothing is known."""
    by_name = {one["name"]: one for one in details}
    return [
        [found["phrases"][0][1][:length], found.get("iou"), found.get("margin")]
        if (found := by_name.get(one.name))
        else [None, None, None]
        for one in named
    ]
