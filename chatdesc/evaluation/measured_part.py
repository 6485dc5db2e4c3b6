"""Measures of the texts of a run or a dataset, beside those of named sources, for ``score --measure``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatdesc.evaluation.alignment import manual_text, recorded_rows
from chatdesc.evaluation.measuring import MeasureModels, keep, measure_rows, measure_texts
from chatdesc.evaluation.parts import Part
from chatdesc.evaluation.steps import Steps
from chatdesc.measures.sequence import texts_of
from chatdesc.names import counted
from chatdesc.stages.align import Wording
from chatdesc.tables import Record
from chatdesc.texts.named import NamedTexts

MANUAL, REFINED = "manual", "refined"


@dataclass(frozen=True, slots=True)
class MeasuredPart:
    """Measures of a part's texts.

    Attributes:
        rows: as of ``measuring.measure_rows``.
        left_out: sequences that failed, with the reason.
    """

    rows: list[Record]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def measure_part(
    part: Part,
    named: Sequence[NamedTexts],
    measures: Sequence[str],
    models: MeasureModels,
    steps: Steps,
    baseline: str | None = None,
) -> MeasuredPart:
    """Measure all texts of a part's sequences on its frames; those of a run are put into its rows.

    Args:
        baseline: the text that others are compared with; None takes ``manual`` where there is one.

    Raises:
        ChatdescError: a source has no text of these sequences, a model cannot be had, or the run is in use.
    """
    assert part.data is not None
    texts = _texts(part, [one.of(part.names) for one in named])
    measured = measure_texts(part.data, texts, measures, models, steps)
    there = {text for of in texts.values() for text in of}
    names = [name for name in (MANUAL, *(one.name for one in named), REFINED) if name in there]
    notes = list[str]()
    if part.run is not None:
        rows = counted(keep(part.run, measured), "row")
        notes.append(f"{rows} of {part.run} have the measures now; the next annotate writes them into its dataset")
    against = baseline or (MANUAL if MANUAL in names else "")
    return MeasuredPart(measure_rows(measured.by_name, names, against), tuple(measured.failed.items()), tuple(notes))


def _texts(part: Part, named: Sequence[NamedTexts]) -> dict[str, dict[str, Wording]]:
    """Sequence -> its texts by name; sequences without any are left out."""
    assert part.data is not None
    if part.run is None:
        own: Mapping[str, dict[str, Wording]] = {n: manual_text(part.data[n].manual_text) for n in part.names}
    else:
        own = {row["sequence"]: texts_of(row) for row in recorded_rows(part.run, part.names)}
    more = {name: {one.name: one.texts[name].phrases for one in named if name in one.texts} for name in part.names}
    found = {name: own.get(name, {}) | more[name] for name in part.names}
    return {name: of for name, of in found.items() if of}
