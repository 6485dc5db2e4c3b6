"""Texts from rows: of a run, a dataset folder or the Hub, and of tables that have the same columns.

>>> row = {"sequence": "bus-2", "text": "a red bus", "manual_text": "bus", "ranges": []}
>>> from_rows([row], "runs/a").texts["bus-2"].candidates, from_rows([row], "runs/a", "manual").texts["bus-2"].candidates
(('a red bus',), ('bus',))
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from chatdesc.config import public_spec
from chatdesc.names import counted, some
from chatdesc.rows.check import wrong_column
from chatdesc.rows.schema import LATER, Row
from chatdesc.rows.sources import read_rows
from chatdesc.stages.track import Phrase
from chatdesc.texts.said import Said, SequenceTexts, texts_of
from chatdesc.types import ChatdescError, one_line

Words = Literal["refined", "manual"]
COLUMNS = ("sequence", "text", "manual_text", "ranges", "background", "scope")


def read_row_texts(source: str, words: Words = "refined", config: str | None = None) -> Said:
    """The texts of a run, a dataset folder or a repository.

    Raises:
        ChatdescError: as ``read_rows``, or no row has such a text.
    """
    try:
        return from_rows(read_rows(source, config=config, columns=COLUMNS), source, words)
    except ChatdescError as error:
        if "say --config" in str(error):
            raise ChatdescError(f"{error} (as a source of texts: {public_spec(source)}#NAME)") from None
        raise


def from_rows(rows: Iterable[Row], source: str, words: Words = "refined") -> Said:
    """The texts of rows: those to use, or those that the dataset came with.

    Raises:
        ChatdescError: a column has another type, or no row has such a text.
    """
    texts: dict[str, SequenceTexts] = {}
    without, twice, later = [], [], 0
    for row in rows:
        if wrong := wrong_column(row, COLUMNS):
            raise ChatdescError(
                f"{source}: row {row.get('sequence')!r}: column {wrong} has another type than chatdesc's"
            )
        found = texts_of([row.get("manual_text") or ""]) if words == "manual" else _to_use(row)
        later += words == "refined" and found is not None and row.get("scope") in LATER
        if found is None:
            without.append(row["sequence"])
        elif texts.setdefault(row["sequence"], found) != found:
            twice.append(row["sequence"])
    if not texts:
        raise ChatdescError(f"{source}: {_why_none(words, len(without))}")
    return Said(texts, tuple(_notes(words, without, twice, later)))


def _to_use(row: Row) -> SequenceTexts | None:
    """The texts to use, with the phrases for what surrounds the target."""
    timed: list[tuple[int, str | None, list[str] | None]]
    timed = [(part["start"], part.get("text"), part.get("background")) for part in row.get("ranges") or []]
    timed = timed or [(0, row.get("text"), row.get("background"))]
    phrases = {start: (text, tuple(around or ())) for start, text, around in timed if text and text.strip()}
    found = texts_of({start: text for start, (text, _) in phrases.items()})
    if found is None:
        return None
    around = tuple(Phrase(start, one_line(text), behind) for start, (text, behind) in sorted(phrases.items()))
    return SequenceTexts(around, found.candidates, found.written)


def _why_none(words: Words, count: int) -> str:
    other = "leave #manual out for the texts to use" if words == "manual" else "SOURCE#manual takes the manual ones"
    kind = "manual text" if words == "manual" else "text to use"
    return f"none of its {counted(count, 'row')} has a {kind}; {other}" if count else "it has no row"


def _notes(words: Words, without: list[str], twice: list[str], later: int) -> Iterable[str]:
    if without:
        kind = "manual text" if words == "manual" else "text"
        yield f"no {kind} in {counted(len(without), 'row')}: {some(without, 3)}"
    if twice:
        yield f"of sequences with several rows the first is taken: {some(twice, 3)}"
    if later:
        chosen = counted(later, "text was", "texts were")
        yield f"{chosen} chosen with ground-truth boxes of later frames, which texts for a test split may not be"
