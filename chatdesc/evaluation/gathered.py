"""Texts of several sources of the same sequences, measured together where there are frames.

With frames all texts of a sequence are measured in one pass: the same frames, crops and proposals for all. Without
frames, what several runs recorded is put side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatdesc.evaluation.alignment import (
    AlignmentModels,
    Rated,
    Texts,
    first_text,
    manual_text,
    rate_texts,
    recorded_rows,
    texts_of_row,
)
from chatdesc.evaluation.parts import Part, labels
from chatdesc.evaluation.readings import MANUAL, Readings, joined, of_ratings, of_row
from chatdesc.evaluation.steps import Steps
from chatdesc.names import counted, some
from chatdesc.rows.schema import BROKEN, Row
from chatdesc.stages.align import Wording
from chatdesc.texts.named import NamedTexts

REFINED = "refined"
FEW_SHARE = 0.5  # of the sequences: a source with fewer is named, as means of all sources rest on what all have
NOTHING = "there is no text, or no frame with a visible target"
APART = (
    "these numbers are as the runs recorded them: each run's margins are over what its own texts led to; "
    "with ROOT and --encoder all texts are scored on the same crops"
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """Numbers of texts of several sources.

    Attributes:
        names: the sources in the order of columns: ``manual`` where there is such a text, the named ones, ``refined``.
        left_out: what has no number, with the reason; ``failed`` of them because something failed.
    """

    readings: list[Readings]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    failed: int = 0


def source_names(parts: Sequence[Part], named: Sequence[NamedTexts]) -> list[str]:
    """The columns that there may be, by ``with_named`` or ``of_runs``, before anything is measured."""
    if named or len(parts) == 1:
        return [MANUAL, *(one.name for one in named), *([REFINED] if parts[0].run is not None else [])]
    return [MANUAL, *_called(parts).values()]


def with_named(part: Part, named: Sequence[NamedTexts], models: AlignmentModels, steps: Steps) -> Gathered:
    """The texts of a run or a dataset beside those of other sources, on frames.

    Sequences of which no named source has a text are left out: they would say nothing of any.

    Raises:
        ChatdescError: a source has no text of these sequences, or a model cannot be loaded.
    """
    found = [one.of(part.names) for one in named]
    names = [name for name in part.names if any(name in one.texts for one in found)]
    notes = [*part.notes, *dict.fromkeys(note for one in found for note in one.notes), *_sparse(found, len(names))]
    if len(names) < len(part.names):
        rest = counted(len(part.names) - len(names), "sequence")
        notes.append(f"{rest} of {len(part.names)} left out: no named source has a text of them")
    more = {one.name: {name: said.phrases for name, said in one.texts.items()} for one in found}
    return _on_frames(part, names, REFINED, more, models, steps, notes)


def of_runs(parts: Sequence[Part], models: AlignmentModels, steps: Steps) -> Gathered:
    """The texts of several runs of the same sequences, each run a source of its folder's name.

    The first part may be a dataset. With frames the texts of all runs of its dataset are measured anew.

    Raises:
        ChatdescError: a run has no finished sequence, or a model cannot be loaded.
    """
    first, runs = parts[0], [part for part in parts if part.run is not None]
    called = _called(parts)
    if first.data is None:
        return _recorded([(called[part.place], part) for part in parts], (APART,))
    beside = [part for part in runs if part is not first and part.dataset == first.dataset]
    apart = [part for part in runs if part is not first and part.dataset != first.dataset]
    rows = {called[part.place]: recorded_rows(_run(part), part.names) for part in beside}
    more = {label: {row["sequence"]: own for row in of if (own := _own(row))} for label, of in rows.items()}
    there = set(first.data.names)
    names = [name for name in dict.fromkeys(n for part in (first, *beside) for n in part.names) if name in there]
    measured = _on_frames(first, names, called.get(first.place, REFINED), more, models, steps, list(first.notes))
    return _added(measured, _recorded([(called[part.place], part) for part in apart])) if apart else measured


def _called(parts: Sequence[Part]) -> dict[str, str]:
    """The name of each run, by its place."""
    places = [part.place for part in parts if part.run is not None]
    return dict(zip(places, labels(list(map(Path, places))), strict=True))


def _on_frames(
    part: Part,
    names: Sequence[str],
    own: str,
    more: Mapping[str, Mapping[str, Wording]],
    models: AlignmentModels,
    steps: Steps,
    notes: Sequence[str],
) -> Gathered:
    """All texts of the sequences ``names`` measured on the part's frames; its run's own text is called ``own``."""
    assert part.data is not None
    steps.total = len(names)
    rows = {} if part.run is None else {row["sequence"]: row for row in recorded_rows(part.run, names)}
    base = {name: _texts(rows[name], own) if name in rows else None for name in names}
    beside = {name: {source: of[name] for source, of in more.items() if name in of} for name in names}
    rated = rate_texts(part.data, base, models, steps, beside)
    readings = [_readings(one, models.grounder) for one in rated]
    lacking = _lacking(rows.values())
    left_out = [(one.sequence, why) for one in readings if not one.values for why in one.problems or (NOTHING,)]
    failed = sum(bool(one.problems) for one in readings if not one.values) + sum(
        row["status"] in BROKEN for row in lacking
    )
    named = [MANUAL, *more, *([own] if part.run is not None else [])]
    kept = tuple(name for name in named if any(name in one.said for one in readings))
    return Gathered(readings, kept, tuple(notes), (*left_out, *_reasons(lacking, own)), failed)


def _recorded(runs: Sequence[tuple[str, Part]], notes: tuple[str, ...] = ()) -> Gathered:
    """What runs recorded of their own texts."""
    rows = [(label, recorded_rows(_run(part), part.names)) for label, part in runs]
    readings = joined(of_row(row, label) for label, of in rows for row in of)
    lacking = {label: _lacking(of) for label, of in rows}
    failed = sum(row["status"] in BROKEN for of in lacking.values() for row in of)
    left_out = tuple(reason for label, of in lacking.items() for reason in _reasons(of, label))
    manual = [MANUAL] if any(MANUAL in one.said for one in readings) else []
    return Gathered(readings, (*manual, *(label for label, _ in runs)), notes, left_out, failed)


def _added(one: Gathered, other: Gathered) -> Gathered:
    names = tuple(dict.fromkeys((*one.names, *other.names)))
    left_out, notes = one.left_out + other.left_out, one.notes + other.notes
    return Gathered(one.readings + other.readings, names, notes, left_out, one.failed + other.failed)


def _run(part: Part) -> Path:
    assert part.run is not None
    return part.run


def _texts(row: Row, own: str) -> Texts:
    """The manual text of a row, and its own."""
    mine = _own(row)
    return manual_text(row["manual_text"]) | ({own: mine} if mine else {})


def _own(row: Row) -> Wording:
    return () if row["text"] is None else texts_of_row(row).get(REFINED, ())


def _readings(rated: Rated, grounder: str) -> Readings:
    said = {name: text for name in rated.texts if (text := first_text(rated.texts, name))}
    values = of_ratings(rated.ratings, grounder)
    return Readings(rated.sequence, rated.dataset, rated.category, said, values, rated.problems)


def _lacking(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["text"] is None]


def _reasons(rows: Iterable[Row], own: str) -> list[tuple[str, str]]:
    """Why a run has no text of its own: a line per reason."""
    return [(f"{row['sequence']}, {own}", why) for row in rows for why in row["problems"] or ["there is no text"]]


def _sparse(found: Sequence[NamedTexts], count: int) -> list[str]:
    """Notes on sources of which few sequences have a text, and on sources that no sequence has all of."""
    if not set.intersection(*(set(one.texts) for one in found)):
        return ["no sequence has a text of every source: each mean rests on other sequences, so compare differences"]
    few = [f"{one.name} ({len(one.texts)})" for one in found if len(one.texts) < FEW_SHARE * count]
    return [f"of {count} sequences few have a text of {some(few)}: means rest on those that all have"] if few else []
