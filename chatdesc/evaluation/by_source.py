"""Tables with one column per source of texts, and the paired differences of all sources from a baseline.

>>> cosine = Measure("alignment", "clip", "cosine", "cosine")
>>> values = {cosine: {"manual": Reading(20.0), "qwen": Reading(26.0), "mine": Reading(23.0)}}
>>> readings = [Readings(f"kite-{n}", "lasot", None, {}, values) for n in range(4)]
>>> [row] = means(readings, ("manual", "qwen", "mine"))
>>> row["n"], row["manual"], row["qwen"], row["mine"]
(4, 20.0, 26.0, 23.0)
>>> [(row["source"], row["difference"], row["p"], row["p_holm"]) for row in differences(readings, ("manual", "qwen"))]
[('qwen', 6.0, 0.125, 0.125)]
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chatdesc.evaluation.intervals import interval_columns, paired
from chatdesc.evaluation.readings import MANUAL, Measure, Reading, Readings
from chatdesc.evaluation.text_statistics import TOGETHER, words_of
from chatdesc.metrics.paired import known_mean
from chatdesc.metrics.significance import holm, sign_test
from chatdesc.tables import Record

TABLES = ("alignment", "grounding", "words")
NAMED = ("dataset", "judge", "measure", "unit", "sequences", "n")  # columns of ``means`` before those of the sources

By = dict[str, Reading]


def means(readings: Iterable[Readings], names: Sequence[str], table: str = "alignment") -> list[Record]:
    """A row per dataset, judge and measure of ``table`` (NAMED), with one column per source.

    Means rest on the ``n`` sequences that all sources have which have any; where there are none, on each source's own.
    ``sequences`` is the number of those with a number at all. A source without any in a dataset has None.
    """
    return [_mean_row(dataset, measure, list(rows), names) for dataset, measure, rows in _groups(readings, table)]


def together(readings: Iterable[Readings], names: Sequence[str]) -> list[Record]:
    """The same for measures of all texts together: vocabulary, and how much texts repeat one another."""
    by_dataset: dict[str, list[Readings]] = {}
    for one in readings:
        if one.said:
            by_dataset.setdefault(one.dataset, []).append(one)
    rows: list[Record] = []
    for dataset, of in by_dataset.items():
        there = [name for name in names if any(name in one.said for one in of)]
        common = [one for one in of if all(name in one.said for name in there)]
        for label, unit, measure in TOGETHER:
            texts = {name: [words_of(one.said[name]) for one in common or of if name in one.said] for name in there}
            values: Record = {name: measure(texts[name]) if texts.get(name) else None for name in names}
            rows.append(_labels(dataset, Measure("words", "", label, unit), len(of), len(common)) | values)
    return rows


def differences(
    readings: Iterable[Readings], names: Sequence[str], baseline: str = MANUAL, table: str = "alignment"
) -> list[Record]:
    """A row per dataset, judge, measure and source: how much it differs from ``baseline``, over the pairs of both.

    Columns: ``means`` of both over the pairs, those of ``intervals.COLUMNS``, and ``p``: the sign test; ``p_holm`` is
    corrected over the sources of one measure.
    """
    rows: list[Record] = []
    for dataset, measure, of in _groups(readings, table):
        found = [_difference(measure, list(of), name, baseline) | {"dataset": dataset} for name in names]
        kept = [row for row in found if row["source"] != baseline and row["pairs"]]
        for row, corrected in zip(kept, holm([row["p"] for row in kept]), strict=True):
            rows.append({"dataset": dataset} | row | {"p_holm": corrected})
    return rows


def _groups(readings: Iterable[Readings], table: str) -> Iterable[tuple[str, Measure, list[By]]]:
    groups: dict[tuple[str, Measure], list[By]] = {}
    for one in readings:
        for measure, by in one.values.items():
            if measure.table == table:
                groups.setdefault((one.dataset, measure), []).append(by)
    return [(dataset, measure, rows) for (dataset, measure), rows in groups.items()]


def _labels(dataset: str, measure: Measure, sequences: int, count: int) -> Record:
    values = (dataset, measure.judge, measure.name, measure.unit, sequences, count)
    return dict(zip(NAMED, values, strict=True))


def _mean_row(dataset: str, measure: Measure, rows: list[By], names: Sequence[str]) -> Record:
    known = [{name: by[name].value for name in names if name in by and by[name].value is not None} for by in rows]
    there = [name for name in names if any(name in values for values in known)]
    common = [values for values in known if there and all(name in values for name in there)]
    some = sum(bool(values) for values in known)
    columns: Record = {name: known_mean(values.get(name) for values in common or known) for name in names}
    return _labels(dataset, measure, some, len(common)) | columns


def _difference(measure: Measure, rows: list[By], name: str, baseline: str) -> Record:
    gap = paired(_pair(by, name, baseline) for by in rows)
    labels = {"table": measure.table, "judge": measure.judge, "measure": measure.name, "unit": measure.unit}
    sides = {"source": name, "baseline": baseline, "mean of baseline": gap.before, "mean of source": gap.after}
    return labels | sides | interval_columns(gap) | {"p": sign_test(gap.better, gap.worse)}


def _pair(by: By, name: str, baseline: str) -> tuple[float | None, float | None]:
    """The baseline's number and the source's, on the same crops where that is known."""
    nothing = Reading(None)
    one, other = by.get(baseline, nothing), by.get(name, nothing)
    before = other.against if baseline == MANUAL and other.against is not None else one.value
    return before, other.value
