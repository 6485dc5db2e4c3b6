"""The tables of ``score`` with texts of several sources, for a terminal of 80 columns.

>>> row = {"dataset": "lasot", "judge": "clip", "measure": "cut", "unit": "share", "n": 3, "manual": 0.5, "qwen": 0.0}
>>> [table.rows for table in mean_tables([row], ("manual", "qwen"), "alignment")]
[[{'encoder': 'clip', 'measure': 'cut, %', 'n': '3', 'manual': '50.0', 'qwen': '0.0'}]]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chatdesc.evaluation.intervals import MDE, better_cell, detectable_cell, gain_cell
from chatdesc.evaluation.text_statistics import SHORT
from chatdesc.tables import Record, show

WIDE = 4  # sources that fit as columns; more of them become rows
TITLES = {
    "alignment": "alignment of texts and targets, cosine x 100",
    "grounding": "where texts lead",
    "words": "texts",
}
JUDGES = {"alignment": "encoder", "grounding": "grounder"}
SCALES = {"share": (100.0, 1), "words": (1.0, 1), "cosine": (1.0, 2)}  # factor and decimals by unit
OTHER = (1.0, 3)


@dataclass(frozen=True, slots=True)
class Shown:
    """A table for a terminal."""

    title: str
    rows: list[Record]


def mean_tables(rows: Sequence[Record], sources: Sequence[str], table: str) -> list[Shown]:
    """Rows of ``by_source.means``: a column per source, or with more than WIDE of them a row per source.

    Each dataset has tables of its own; with sources as rows each judge as well.
    """
    shown = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        of = [row for row in rows if row["dataset"] == dataset]
        there = [name for name in sources if any(row[name] is not None for row in of)]
        title = f"{TITLES[table]}: means{f' of {dataset}' if dataset else ''}"
        if len(there) <= WIDE:
            shown.append(Shown(title, [_wide(row, there, table) for row in of]))
            continue
        for judge in dict.fromkeys(row["judge"] for row in of):
            measures = [row for row in of if row["judge"] == judge]
            about = f"{title}, {JUDGES[table]} {judge}" if judge else title
            shown.append(Shown(about, [_long(name, measures) for name in there]))
    return shown


def difference_tables(rows: Sequence[Record]) -> list[Shown]:
    """Rows of ``by_source.differences``: a table per dataset and judge, with its measures and sources as rows.

    Measures in which no source differs from the baseline anywhere are left out.
    """
    groups: dict[tuple[str, str, str], list[Record]] = {}
    differing = {_measure_of(row) for row in rows if row["better"] or row["worse"]}
    for row in rows:
        if _measure_of(row) in differing:
            groups.setdefault((row["dataset"], row["table"], row["judge"]), []).append(row)
    return [Shown(_about(*group, of[0]["baseline"]), list(map(_difference, of))) for group, of in groups.items()]


def _measure_of(row: Record) -> tuple[str, str, str, str]:
    return row["dataset"], row["table"], row["judge"], row["measure"]


def _about(dataset: str, table: str, judge: str, baseline: str) -> str:
    of = f" of {dataset}" if dataset else ""
    return f"{JUDGES[table]} {judge}{of}: gain over {baseline}" if judge else f"texts{of}: difference from {baseline}"


def remarks(rows: Sequence[Record]) -> list[str]:
    """What a reader of the differences must know."""
    sources = len({row["source"] for row in rows})
    many = f", Holm-corrected over {sources} sources" if sources > 1 else ""
    return [f"{MDE}; p: sign test{many}"] if rows else []


def _wide(row: Record, sources: Sequence[str], table: str) -> Record:
    judge = {JUDGES[table]: row["judge"]} if table in JUDGES else {}
    cells = {name: _cell(row, row[name]) for name in sources}
    return judge | {"measure": _label(row), "n": str(row["n"])} | cells


def _long(source: str, rows: Sequence[Record]) -> Record:
    cells = {_short(row): _cell(row, row[source]) for row in rows}
    return {"source": source, "n": str(max(row["n"] for row in rows))} | cells


def _label(row: Record) -> str:
    unit = {"share": ", %", "words": ", words"}.get(row["unit"], "")
    return f"{row['measure']}{unit}"


def _short(row: Record) -> str:
    return f"{SHORT.get(row['measure'], row['measure'])}{', %' if row['unit'] == 'share' else ''}"


def _cell(row: Record, value: float | None) -> str:
    scale, digits = SCALES.get(row["unit"], OTHER)
    return show(None if value is None else scale * value, digits)


def _difference(row: Record) -> Record:
    scale, digits = SCALES.get(row["unit"], OTHER)
    return {
        "measure": _short(row) if row["table"] == "words" else _label(row),
        "source": row["source"],
        "n": str(row["pairs"]),
        "difference (95 %)": gain_cell(row, scale, digits),
        "MDE": detectable_cell(row, scale, digits),
        "better/ worse": better_cell(row),
        "p": _probability(row["p_holm"]),
    }


def _probability(value: float | None) -> str:
    """``.031``, ``<.001``; ``-`` where there is none.

    >>> _probability(0.03125), _probability(0.00001), _probability(1.0), _probability(None)
    ('.031', '<.001', '1', '-')
    """
    if value is None:
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0") if value < 0.9995 else "1"
