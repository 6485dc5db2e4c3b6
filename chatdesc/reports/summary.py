"""A run's summary: texts before and after, means over the run, problems.

>>> from chatdesc.rows.schema import empty_row
>>> rows = [empty_row() | {"sequence": f"kite-{n}", "text": "a kite", "text_source": "refined"} for n in range(4)]
>>> repeated_texts(rows)
[('a kite', 4)]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from chatdesc.metrics.paired import known_mean
from chatdesc.names import counted
from chatdesc.rows.schema import INFORMING, Row
from chatdesc.tables import Record, cell, show
from chatdesc.types import one_line

if TYPE_CHECKING:
    from rich.table import Table

REPEATED_SHARE = 0.05


GroundingKey = Literal["manual_iou", "manual_margin", "round0_iou", "iou", "margin"]
AlignmentKey = Literal["manual", "refined", "manual_margin", "refined_margin"]


def grounding(row: Row, key: GroundingKey) -> float | None:
    """A number of the row's grounding, None where it was not grounded."""
    return row["grounding"][key] if row["grounding"] else None


def alignment(row: Row, key: AlignmentKey) -> float | None:
    """The first encoder's number, None where there is none."""
    return row["alignment"][0][key] if row["alignment"] else None


def flat(row: Row) -> Record:
    """A row as one line of a table: its texts, grounding and alignment of both, and tracking AUC."""
    return {
        "sequence": row["sequence"],
        "split": row["split"],
        "status": row["status"],
        "text_source": row["text_source"],
        "manual_text": row["manual_text"],
        "text": row["text"],
        "manual_iou": grounding(row, "manual_iou"),
        "iou": grounding(row, "iou"),
        "manual_margin": grounding(row, "manual_margin"),
        "margin": grounding(row, "margin"),
        "manual_alignment": alignment(row, "manual"),
        "alignment": alignment(row, "refined"),
        "auc": row["tracking"]["auc"] if row["tracking"] else None,
    }


def before_after(rows: Iterable[Row], limit: int = 40) -> Table:
    """Per sequence: manual and refined text, grounding IoU, margin and alignment of both."""
    from rich.box import SIMPLE
    from rich.table import Table

    table = Table(
        title="manual text > text to use", title_justify="left", pad_edge=False, padding=(0, 1, 0, 0), box=SIMPLE
    )
    table.add_column("sequence", no_wrap=True)
    table.add_column("manual text")
    table.add_column("text")
    for name in ("IoU", "margin", "alignment"):
        table.add_column(name, justify="right", no_wrap=True)
    shown = list(rows)
    for row in shown[:limit]:
        manual = cell(one_line(row["manual_text"] or "")) or "[dim]none[/dim]"
        table.add_row(cell(row["sequence"]), manual, _text_cell(row), *_pairs(row))
    if len(shown) > limit:
        table.caption = f"{limit} of {len(shown)} sequences"
    return table


def _text_cell(row: Row) -> str:
    if row["text"] is None:
        return f"[red]{row['status']}[/red]"
    return f"[dim]{cell(row['text'])} (kept)[/dim]" if row["text_source"] == "manual" else cell(row["text"])


def _pairs(row: Row) -> list[str]:
    return [
        _pair(grounding(row, "manual_iou"), grounding(row, "iou"), 2),
        _pair(grounding(row, "manual_margin"), grounding(row, "margin"), 2),
        _pair(alignment(row, "manual"), alignment(row, "refined"), 0),
    ]


def _pair(before: float | None, after: float | None, digits: int) -> str:
    return re.sub(r"\b0\.", ".", f"{show(before, digits)} > {show(after, digits)}")


def summary(rows: list[Row]) -> Table:
    """Counts by status and text source, and means over the run."""
    from rich.table import Table

    table = Table(title=counted(len(rows), "sequence"), title_justify="left", show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    counts = Counter(row["status"] for row in rows)
    for status, count in sorted(counts.items(), key=lambda item: -item[1]):
        table.add_row(f"status {status}", str(count))
    sources = Counter(row["text_source"] for row in rows if row["text"] is not None)
    for source, count in sorted(sources.items()):
        table.add_row(f"text is {source}", str(count))
    if suspicious := sum(_suspicious(row) for row in rows):
        table.add_row("manual text is suspicious (audit)", str(suspicious))
    for name, values in (*_grounding(rows), *_tracking(rows)):
        table.add_row(name, show(known_mean(values), 3))
    return table


def _suspicious(row: Row) -> bool:
    return any(finding["kind"] not in INFORMING for finding in row.get("audit") or ())


Named = tuple[str, list[float | None]]


def _grounding(rows: list[Row]) -> list[Named]:
    return [
        ("grounding IoU, manual text", [grounding(row, "manual_iou") for row in rows]),
        ("grounding IoU, round 0", [grounding(row, "round0_iou") for row in rows]),
        ("grounding IoU, chosen text", [grounding(row, "iou") for row in rows]),
    ]


def _tracking(rows: list[Row]) -> list[Named]:
    done = [row["tracking"] for row in rows if row["tracking"]]
    if not done:
        return []
    return [
        (f"tracking AUC ({done[0]['protocol']} protocol)", [t["auc"] for t in done]),
        ("tracking precision @ 20 px", [t["precision"] for t in done]),
        ("tracking normalised precision", [t["norm_precision"] for t in done]),
        (f"verification IoU, {done[0]['verifier']}", [t["chosen_iou"] for t in done]),
        ("verification IoU, random (floor)", [t["random_iou"] for t in done]),
        ("verification IoU, oracle (ceiling)", [t["oracle_iou"] for t in done]),
    ]


def problems(rows: list[Row], limit: int = 10) -> list[str]:
    """Sequences with problems, a line each, at most ``limit``."""
    lines = [f"{r['sequence']}: {'; '.join(r['problems'])}" for r in rows if r["problems"]]
    more = [f"... and {len(lines) - limit} more; `problems` in the dataset has them all"] if len(lines) > limit else []
    return lines[:limit] + more


def repeated_texts(rows: list[Row]) -> list[tuple[str, int]]:
    """Refined texts that suspiciously many sequences share, with their number: the describer may not look at them."""
    counts = Counter(r["text"] for r in rows if r["text"] is not None and r["text_source"] == "refined")
    least = max(4, REPEATED_SHARE * len(rows))
    return [(text, count) for text, count in counts.most_common() if count >= least]
