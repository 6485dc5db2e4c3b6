"""Measures of texts of many sequences: looked at together, put into a run's rows, and as tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdesc.backends import create
from chatdesc.config import Resources, Settings
from chatdesc.engine.models import Models, create_describer, refuse_silent
from chatdesc.engine.schedule import LEAST_IN_FLIGHT, Scheduler
from chatdesc.evaluation.intervals import (
    better_cell,
    detectable_cell,
    fitting_digits,
    gain_cell,
    interval_columns,
    paired,
)
from chatdesc.evaluation.steps import Steps
from chatdesc.loaders.base import Dataset
from chatdesc.measures.case import ANSWERS, LOOKS
from chatdesc.measures.registry import MEASURES, needs
from chatdesc.measures.sequence import measure_sequence
from chatdesc.metrics.paired import known_mean
from chatdesc.private import without_secrets
from chatdesc.rows.schema import MeasureRecord, Row
from chatdesc.rows.store import Store, read_config
from chatdesc.stages.align import Wording
from chatdesc.tables import Record, show
from chatdesc.types import Steps as Stage

Texts = Mapping[str, Wording]  # by the text's name


@dataclass(frozen=True, slots=True)
class MeasureModels:
    """The models that measures ask, each loaded only where a measure needs it.

    Attributes:
        settings: ``grounder``, the first of ``encoders``, ``describer`` and its options, ``measure_frames``, ``theta``.
        cache: where a describer's answers are kept; None keeps none.
    """

    settings: Settings = field(default_factory=Settings)
    resources: Resources = field(default_factory=Resources)
    cache: Path | None = None

    def load(self, measures: Iterable[str]) -> Models:
        """The models for these measures.

        Raises:
            ChatdescError: no backend has such a name, its model cannot be loaded, or the describer does not answer.
        """
        needed, settings, device = needs(measures), self.settings, self.resources.device
        models = Models()
        if LOOKS in needed:
            trusted = {"trust_remote_code": True} if settings.trust_remote_code else {}
            encoder = settings.encoders[0]
            models.grounder = create("grounder", settings.grounder, device=device)
            models.encoders = {encoder: create("encoder", encoder, device=device, **trusted)}
        if ANSWERS in needed:
            models.describer = create_describer(settings, self.resources, self.cache)
            refuse_silent(models.describer, settings, measures)
        return models


@dataclass(frozen=True, slots=True)
class Measured:
    """Measures by sequence, and why others have none."""

    by_name: Mapping[str, list[MeasureRecord]]
    failed: Mapping[str, str] = field(default_factory=dict)


def measure_texts(
    data: Dataset,
    texts: Mapping[str, Texts],
    measures: Sequence[str],
    models: MeasureModels,
    steps: Steps | None = None,
) -> Measured:
    """Measure named texts of sequences; those of one sequence share frames and looks, each frame is decoded once.

    Args:
        texts: sequence -> its texts by name; ``data`` has them all.
        measures: names of ``measures.registry.MEASURES``.
        steps: told of each sequence.

    Raises:
        ChatdescError: a model cannot be had, or does not answer.
    """
    loaded, settings = models.load(measures), models.settings
    threshold = None if loaded.grounder is None else loaded.threshold(settings)
    in_flight = models.resources.sequences_in_flight or LEAST_IN_FLIGHT

    def job(name: str) -> Stage[list[MeasureRecord]]:
        sequence = data[name]
        if not sequence.usable:
            return []
        cache = sequence.frames.cache
        if cache is not None:
            cache.max_items = max(cache.max_items, settings.measure_frames * in_flight)
        return (yield from measure_sequence(sequence, texts[name], measures, settings, threshold))

    found: dict[str, list[MeasureRecord]] = {}
    failed: dict[str, str] = {}
    try:
        for name, result in Scheduler(loaded.lanes(), in_flight).run((name, job(name)) for name in texts):
            if isinstance(result, BaseException):
                failed[name] = without_secrets(f"{type(result).__name__}: {result}")
            else:
                found[name] = result
            if steps:
                steps.add()
    finally:
        loaded.close()
    return Measured({name: found[name] for name in texts if name in found}, failed)


def keep(run: Path, measured: Measured) -> int:
    """Put measures into the rows of a run, in place of those of the same measure and text; how many rows changed.

    ``RUN/dataset`` has them after the next ``annotate``, which writes it anew.

    Raises:
        ChatdescError: another process works in the folder, or a row cannot be read back.
    """
    with Store.open(run, read_config(run)) as store:
        changed = 0
        for row in store.rows(name for name, records in measured.by_name.items() if records):
            store.save(with_records(row, measured.by_name[row["sequence"]]))
            changed += 1
    return changed


def with_records(row: Row, records: Sequence[MeasureRecord]) -> Row:
    """A row with measures in place of those of the same measure and text."""
    new = {(record["measure"], record["text"]) for record in records}
    old = [record for record in row.get("measures") or [] if (record["measure"], record["text"]) not in new]
    return row | {"measures": [*old, *records]}


def measure_rows(by_name: Mapping[str, Sequence[MeasureRecord]], names: Sequence[str], baseline: str) -> list[Record]:
    """A row per measure and text: its mean, and its paired difference from the baseline's (``intervals.COLUMNS``).

    ``stops``: the share of sequences in which the text stops holding; None for measures that do not tell.

    Args:
        names: the texts, in the order of rows.
        baseline: the text that all are compared with; without it in ``names`` there are no differences.
    """
    return [row for measure in _measured(by_name) for row in _rows_of(measure, by_name, names, baseline)]


def _measured(by_name: Mapping[str, Sequence[MeasureRecord]]) -> list[str]:
    there = {record["measure"] for records in by_name.values() for record in records}
    return [name for name in MEASURES if name in there]


def _rows_of(
    measure: str, by_name: Mapping[str, Sequence[MeasureRecord]], names: Sequence[str], baseline: str
) -> Iterator[Record]:
    of = {name: {r["text"]: r for r in records if r["measure"] == measure} for name, records in by_name.items()}
    for text in names:
        records = [found[text] for found in of.values() if text in found]
        pairs = [
            (found[baseline]["value"], found[text]["value"]) for found in of.values() if {baseline, text} <= {*found}
        ]
        gap = paired(pairs) if text != baseline and pairs else None
        stops: Any = None
        if measure == "validity" and records:
            stops = sum(record["stops_at"] is not None for record in records) / len(records)
        yield {
            "measure": measure,
            "text": text,
            "sequences": len(records),
            "mean": known_mean(record["value"] for record in records),
            "stops": stops,
        } | interval_columns(gap)


def shown_measures(rows: Sequence[Record]) -> list[Record]:
    """Rows of ``measure_rows`` for a terminal, in fewer columns."""
    return [
        {
            "measure": row["measure"],
            "text": row["text"],
            "n": str(row["sequences"]),
            "mean": show(row["mean"], fitting_digits(row)),
            "gain (95 %)": gain_cell(row),
            "MDE": detectable_cell(row),
            "better/ worse": better_cell(row),
            "stops, %": show(None if row["stops"] is None else 100 * row["stops"], 0),
        }
        for row in rows
    ]
