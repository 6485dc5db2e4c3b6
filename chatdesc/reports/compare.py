"""A comparison on a terminal and in files.

>>> arm = {"arm": "refined", "grounder": "owlv2", "selector": True, "protocol": "lasot", "AUC": 0.5, "notes": ()}
>>> shown_arms([arm])
[{'arm': 'refined', 'AUC': '50.00'}]
>>> written([arm])[0]["grounder"]
'owlv2 (chose the texts)'
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatdesc.atomic import writing
from chatdesc.drawing.figures import can_draw
from chatdesc.evaluation.compare_plots import draw_comparison
from chatdesc.evaluation.comparison import ComparisonResult
from chatdesc.evaluation.intervals import (
    COLUMNS,
    MDE,
    better_cell,
    cut_cell,
    detectable_cell,
    fitting_digits,
    gain_cell,
)
from chatdesc.evaluation.judges import PART
from chatdesc.evaluation.tables import PERCENT
from chatdesc.reports.against import against_tables
from chatdesc.tables import Record, Tables, percent, plain, plain_table, show

if TYPE_CHECKING:
    from rich.table import Table

NAMES = ("grounder", "selector", "protocol")  # columns that the title has
CHOSE = " (chose the texts)"  # after the name of a grounder whose feedback chose the texts
CUT = ("manual_truncated", "refined_truncated")


def comparison_tables(result: ComparisonResult, width: int) -> list[Table]:
    """The tables that have rows, for a terminal of ``width`` characters."""
    grounder = result.grounder.name + (CHOSE if result.grounder.selector else "")
    about = f"{result.dataset}, protocol {result.protocol}, {f'grounder {grounder}' if result.tracked else 'external'}"
    titled = (
        (shown_arms(result.arms), f"{about}, in %"),
        (shown_arms(result.similar_arms), f"similar-object frames, {about}, in %"),
        (shown_differences(result.differences), f"paired differences, {about}, in points ({MDE})"),
        *against_tables(result.against, about),
        (
            shown_verification(result.verification),
            "verification: mean IoU of the proposal chosen, against two references on the same proposals",
        ),
        (
            shown_judges(result.judges),
            "independent checks (chose = this model selected the texts; partly = it depends on the one that did)",
        ),
        (
            shown_differences([row | {"cut": cut_of(row)} for row in result.source_judges], 1, 2),
            "texts of others in the grounder's eyes, first frame, against the manual ones (cut: texts that it cut, %)",
        ),
    )
    return [plain_table(rows, title, width) for rows, title in titled if rows]


def write_comparison(result: ComparisonResult, folder: Path) -> list[Path]:
    """Write all tables as CSV and Markdown, and, where matplotlib is installed, the plots.

    Raises:
        ChatdescError: the folder cannot be made, or a file cannot be written.
    """
    with Tables(folder) as tables:
        tables.add("compare", written(result.arms), percent)
        tables.add("compare_differences", written(result.differences), percent)
        tables.add("compare_verification", written(result.verification), _three_digits)
        tables.add("compare_judges", written(result.judges), _three_digits)
        tables.add("compare_source_judges", result.source_judges, _three_digits)
        tables.add("compare_similar", written(result.similar_arms), percent)
        tables.add("compare_similar_differences", written(result.similar_differences), percent)
        tables.add("compare_similar_groups", result.similar_groups, percent)
        tables.add("compare_similar_sequences", result.similar_sequences, percent)
        tables.add("compare_baseline", written(result.against), _three_digits)
        tables.add("compare_texts", result.texts, percent)
        tables.add("compare_groups", result.groups, percent)
        tables.add("compare_sequences", result.sequences, percent)
    with writing(folder):
        return [*tables.paths, *(draw_comparison(result, folder) if can_draw() else [])]


def _three_digits(value: Any) -> str:
    return show(value, 3) if isinstance(value, float) else plain(value)


def written(rows: list[Record]) -> list[Record]:
    """Rows as files have them: whether a grounder chose the texts stands after its name, a judge's part in words."""
    return [{key: _written(key, row) for key in row if key != "selector"} for row in rows]


def _written(key: str, row: Record) -> Any:
    if key == "grounder":
        return row[key] + (CHOSE if row["selector"] else "")
    return str(row[key]) if key == PART else row[key]


def shown_arms(rows: list[Record]) -> list[Record]:
    """Rows of arms for a terminal: shares in per cent; the title names grounder and protocol."""
    hidden = (*NAMES, "notes")
    return [{k: percent(v) if k in PERCENT else v for k, v in row.items() if k not in hidden} for row in rows]


def shown_differences(rows: list[Record], scale: float = 100.0, least: int = 2) -> list[Record]:
    """Rows with an interval for a terminal: the gain and its interval in one cell, all with decimals that fit."""
    hidden = {*COLUMNS, *NAMES, *CUT}
    return [
        {key: _number(value, fitting_digits(row, scale, least)) for key, value in row.items() if key not in hidden}
        | {"n": str(row["pairs"]), "gain (95 %)": gain_cell(row, scale, least)}
        | {"MDE": detectable_cell(row, scale, least), "better/ worse": better_cell(row)}
        for row in rows
    ]


def shown_verification(rows: list[Record]) -> list[Record]:
    """Verification for a terminal, with short headings, in IoU with three digits or more."""
    short = {"reference_iou": "its IoU", "chosen_iou": "chosen"}
    return shown_differences([{short.get(k, k): v for k, v in row.items()} for row in rows], 1, 3)


def shown_judges(rows: list[Record]) -> list[Record]:
    """Judges for a terminal, in their own units; ``chose`` is yes, partly or no, ``cut`` the texts that were cut."""
    return [
        {**cells, "chose": row[PART].short, "cut, %": cut_cell(row)}
        for row, cells in zip(rows, shown_differences([_renamed(row) for row in rows], 1, 2), strict=True)
    ]


def cut_of(row: Record) -> str:
    """The share of a source's texts that a grounder cut, in per cent."""
    return "-" if row["cut"] is None else percent(row["cut"])


def _renamed(row: Record) -> Record:
    return {"chose" if key == PART else key: value for key, value in row.items()}


def _number(value: Any, digits: int) -> str:
    return show(value, digits) if isinstance(value, float) or value is None else str(value)
