"""Arms against their baseline, on a terminal.

>>> row = {"frames": "all", "measure": "AUC", "arm": "mine", "baseline": "manual", "pairs": 280, "before": 0.5,
...        "after": 0.51, "difference": 0.01, "low": 0.002, "high": 0.018, "detectable": 0.011, "better": 150,
...        "equal": 20, "worse": 110, "p": 0.015, "p_holm": 0.03, "power_280": 0.7, "needed": 350}
>>> shown_against([row])
[{'arm': 'mine', 'n': '280', 'gain (95 %)': '+1.00 (0.20..1.80)', 'MDE': '1.10', '+/=/-': '150/20/110', 'p': '.030', \
'N for .8': '350'}]
"""

from __future__ import annotations

from collections.abc import Iterator

from chatdesc.evaluation.against import ALL_FRAMES, SIMILAR_FRAMES
from chatdesc.evaluation.intervals import detectable_cell, gain_cell
from chatdesc.tables import Record

SHOWN = "AUC"  # of the measures; files have all
MEANING = "gain with BCa interval, p of a sign test by Holm, N for .8 = sequences that would show such a gain"


def against_tables(rows: list[Record], about: str) -> Iterator[tuple[list[Record], str]]:
    """Rows and title of a table per part of the frames or sequences."""
    for frames in dict.fromkeys(row["frames"] for row in rows):
        of = [row for row in rows if row["frames"] == frames and row["measure"] == SHOWN]
        yield shown_against(of), f"arms against {of[0]['baseline']}, {_on(frames)}, AUC in points, {about} ({MEANING})"


def shown_against(rows: list[Record]) -> list[Record]:
    """Rows for a terminal of 80 columns: differences in points, p without its zero."""
    return [
        {"arm": row["arm"], "n": str(row["pairs"]), "gain (95 %)": gain_cell(row, 100.0)}
        | {"MDE": detectable_cell(row, 100.0), "+/=/-": f"{row['better']}/{row['equal']}/{row['worse']}"}
        | {"p": p_cell(row), "N for .8": "-" if row["needed"] is None else str(row["needed"])}
        for row in rows
    ]


def p_cell(row: Record) -> str:
    """The corrected p; in brackets the plain one of an arm that sees the ground truth; ``-`` without one."""
    value = row["p"] if row["p_holm"] is None else row["p_holm"]
    if value is None:
        return "-"
    shown = "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
    return f"({shown})" if row["p_holm"] is None else shown


def _on(frames: str) -> str:
    known = {ALL_FRAMES: "all frames", SIMILAR_FRAMES: "similar-object frames"}
    return known.get(frames, f"sequences with {frames}")
