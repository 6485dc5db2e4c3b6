"""An ablation of verification on a terminal and in files.

>>> row = {"verifier": "similarity", "key_frames": 12, "IoU": 0.5, "share": 0.625, "lost": None, "none_auc": 0.8,
...     "balanced": 0.75, "calibration": 0.1}
>>> shown_choices([row])[0]["share of gap"], shown_choices([row])[0]["where lost"]
('0.625', '-')
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatdesc.evaluation.ablation import AblationResult
from chatdesc.evaluation.intervals import MDE, gain_cell
from chatdesc.evaluation.same_proposals import REFERENCES
from chatdesc.reports.compare import shown_arms, shown_differences, written
from chatdesc.tables import Record, Tables, percent, plain, plain_table, show

if TYPE_CHECKING:
    from rich.table import Table

SHORT = {
    "IoU": "IoU", "share": "share of gap", "lost": "where lost", "none_auc": "none AUC", "balanced": "balanced",
    "calibration": "calib. error",
}  # fmt: skip
OF_ATTRIBUTES = ("attribute", "sequences", "arm", "AUC", "IoU", "share", "lost", "none_auc")


def ablation_tables(result: AblationResult, width: int) -> list[Table]:
    """The tables that have rows, for a terminal of ``width`` characters."""
    about = f"{result.dataset}, protocol {result.protocol}, grounder {result.grounder.name}"
    titled = (
        (shown_arms(result.arms), f"closed loop: {about}, in %"),
        (shown_differences(result.differences), f"closed loop: paired differences, in points ({MDE})"),
        (
            shown_choices(result.choices),
            "same proposals: 0 of the gap is the mean of all proposals, 1 the best one; lost = the tracker is off the "
            "target; none AUC = how well the doubt tells that no proposal is right",
        ),
        (
            shown_choice_differences(result.choice_differences),
            "same proposals: paired differences; for the intervals sequences are drawn anew",
        ),
        (shown_attributes(result.attributes), "by attribute: AUC in closed loop in %, the rest on the same proposals"),
    )
    return [plain_table(rows, title, width) for rows, title in titled if rows]


def write_ablation(result: AblationResult, folder: Path) -> list[Path]:
    """Write all tables as CSV and Markdown.

    Raises:
        ChatdescError: the folder cannot be made, or a file cannot be written.
    """
    with Tables(folder) as tables:
        tables.add("verification", written(result.arms), percent)
        tables.add("verification_differences", written(result.differences), percent)
        tables.add("verification_choices", result.choices, _three_digits)
        tables.add("verification_choice_differences", result.choice_differences, _three_digits)
        tables.add("verification_attributes", result.attributes, _three_digits)
    return tables.paths


def shown_choices(rows: list[Record]) -> list[Record]:
    """Verifiers on the same proposals, with three digits; the title's note has the number of key frames."""
    return [{"verifier": row["verifier"]} | {short: show(row[key], 3) for key, short in SHORT.items()} for row in rows]


def shown_choice_differences(rows: list[Record]) -> list[Record]:
    """Differences of the figures, with their intervals in one cell."""
    return [
        {"before": row["before"], "after": row["after"], "measure": SHORT[row["measure"]], "n": str(row["pairs"])}
        | {"gain (95 %)": gain_cell(row, 1, 3)}
        for row in rows
    ]


def shown_attributes(rows: list[Record]) -> list[Record]:
    """The columns for which a terminal has room, without the two references, which are in the files."""
    return [
        {SHORT.get(key, HEADINGS.get(key, key)): _cell(key, row[key]) for key in OF_ATTRIBUTES}
        for row in rows
        if row["arm"] not in REFERENCES
    ]


HEADINGS = {"sequences": "seqs"}


def _cell(key: str, value: Any) -> str:
    if key == "AUC":
        return percent(value)
    return _three_digits(value)


def _three_digits(value: Any) -> str:
    return show(value, 3) if isinstance(value, float) else plain(value)
