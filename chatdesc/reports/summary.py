"""Tables for people: what was refined, how good it is, what went wrong.

>>> console.print(before_after(rows))                                       # doctest: +SKIP
>>> write_table(alignment_rows(rows), Path("run"), "alignment")             # doctest: +SKIP
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chatdesc.metrics.alignment import paired_bootstrap
from chatdesc.types import one_line

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]
HEAVY = ("boxes", "visible", "frames", "provenance", "images")
REPEATED_SHARE = 0.05
NAME_WIDTH = 8  # what is left of a name, at least, where a table is too wide


def slim(row: Row) -> Row:
    """A row without what grows with the number of frames, to be kept for the tables."""
    tracking = row["tracking"] and {k: v for k, v in row["tracking"].items() if k not in ("boxes", "sources", "scores")}
    return {k: v for k, v in row.items() if k not in HEAVY} | {"tracking": tracking}


def mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None and not np.isnan(v)]
    return float(np.mean(known)) if known else None


def show(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def grounding(row: Row, key: str) -> float | None:
    return row["grounding"][key] if row["grounding"] else None


def alignment(row: Row, key: str) -> float | None:
    """The first encoder's number."""
    return row["alignment"][0][key] if row["alignment"] else None


def before_after(rows: Iterable[Row], limit: int = 40) -> Table:
    """Per sequence: manual and refined text, grounding IoU, margin and alignment of both."""
    from rich.box import SIMPLE
    from rich.markup import escape
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
        manual = escape(one_line(row["manual_text"] or "")) or "[dim]none[/dim]"
        table.add_row(escape(row["sequence"]), manual, _text_cell(row), *_pairs(row))
    if len(shown) > limit:
        table.caption = f"{limit} of {len(shown)} sequences"
    return table


def _text_cell(row: Row) -> str:
    from rich.markup import escape

    if row["text"] is None:
        return f"[red]{row['status']}[/red]"
    return f"[dim]{escape(row['text'])} (kept)[/dim]" if row["text_source"] == "manual" else escape(row["text"])


def _pairs(row: Row) -> list[str]:
    return [
        _pair(grounding(row, "manual_iou"), grounding(row, "iou"), 2),
        _pair(grounding(row, "manual_margin"), grounding(row, "margin"), 2),
        _pair(alignment(row, "manual"), alignment(row, "refined"), 0),
    ]


def _pair(before: float | None, after: float | None, digits: int) -> str:
    return re.sub(r"\b0\.", ".", f"{show(before, digits)} > {show(after, digits)}")


def summary(rows: list[Row]) -> Table:
    """Means over the run, counts by status, and what looks suspicious."""
    from rich.table import Table

    table = Table(title=f"{len(rows)} sequences", title_justify="left", show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    counts = Counter(row["status"] for row in rows)
    for status, count in sorted(counts.items(), key=lambda item: -item[1]):
        table.add_row(f"status {status}", str(count))
    sources = Counter(row["text_source"] for row in rows if row["text"] is not None)
    for source, count in sorted(sources.items()):
        table.add_row(f"text is {source}", str(count))
    for key, name in (("manual_iou", "manual text"), ("round0_iou", "round 0"), ("iou", "chosen text")):
        table.add_row(f"grounding IoU, {name}", show(mean(grounding(r, key) for r in rows), 3))
    for name, values in _tracking(rows):
        table.add_row(name, show(mean(values), 3))
    return table


def _tracking(rows: list[Row]) -> list[tuple[str, list[float]]]:
    done = [r["tracking"] for r in rows if r["tracking"]]
    if not done:
        return []
    of = lambda key: [t[key] for t in done]  # noqa: E731
    return [
        (f"tracking AUC ({done[0]['protocol']} protocol)", of("auc")),
        ("tracking precision @ 20 px", of("precision")),
        ("tracking normalised precision", of("norm_precision")),
        (f"verification IoU, {done[0]['verifier']}", of("chosen_iou")),
        ("verification IoU, random (floor)", of("random_iou")),
        ("verification IoU, oracle (ceiling)", of("oracle_iou")),
    ]


def problems(rows: list[Row], limit: int = 10) -> list[str]:
    """Sequences with something to say, a line each."""
    lines = [f"{r['sequence']}: {'; '.join(r['problems'])}" for r in rows if r["problems"]]
    more = [f"... and {len(lines) - limit} more; `problems` in the dataset has them all"] if len(lines) > limit else []
    return lines[:limit] + more


def repeated_texts(rows: list[Row]) -> list[tuple[str, int]]:
    """Texts that came back for suspiciously many sequences: a describer that does not look."""
    counts = Counter(r["text"] for r in rows if r["text"] is not None and r["text_source"] == "refined")
    least = max(4, REPEATED_SHARE * len(rows))
    return [(text, count) for text, count in counts.most_common() if count >= least]


def alignment_rows(rows: Iterable[Row]) -> list[Row]:
    """Dataset x encoder x measure: mean cosine x 100 and margin per text, paired difference with its 95 % interval."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for entry in row["alignment"] or []:
            groups.setdefault((row.get("dataset") or "", entry["encoder"]), []).append(entry)
    found: list[Row] = []
    for (dataset, encoder), entries in groups.items():
        for measure, manual, refined in (
            ("cosine", "manual", "refined"),
            ("margin", "manual_margin", "refined_margin"),
        ):
            named = {"dataset": dataset, "encoder": encoder, "measure": measure}
            found.append(named | _paired(entries, manual, refined))
    return found


def _paired(entries: list[Row], manual: str, refined: str) -> Row:
    both = [e for e in entries if e[manual] is not None and e[refined] is not None]
    row: Row = {
        "sequences": len(entries),
        "manual": mean(e[manual] for e in entries),
        "refined": mean(e[refined] for e in entries),
        "difference": None, "low": None, "high": None, "better": None, "worse": None,
        "manual_truncated": mean(e["manual_truncated"] for e in entries),
        "refined_truncated": mean(e["truncated"] for e in entries),
    }  # fmt: skip
    if both:
        gap = paired_bootstrap([e[manual] for e in both], [e[refined] for e in both])
        row |= {"difference": gap.mean, "low": gap.low, "high": gap.high, "better": gap.better, "worse": gap.worse}
    return row


def shown_alignment(rows: list[Row]) -> list[Row]:
    """The same table with few enough columns for a terminal; the dataset where there are several."""
    several = len({row["dataset"] for row in rows}) > 1
    return [
        ({"dataset": row["dataset"]} if several else {})
        | {
            "encoder": row["encoder"],
            "measure": row["measure"],
            "n": str(row["sequences"]),
            "manual": show(row["manual"], 1),
            "refined": show(row["refined"], 1),
            "gain (95 %)": "-"
            if row["low"] is None
            else f"{row['difference']:+.1f} ({row['low']:.0f}..{row['high']:.0f})",
            "better/worse": "-" if row["better"] is None else f"{row['better']}/{row['worse']}",
            "cut, %": "/".join("-" if v is None else f"{100 * v:.0f}" for v in _cut(row)),
        }
        for row in rows
    ]


def _cut(row: Row) -> tuple[float | None, float | None]:
    return row["manual_truncated"], row["refined_truncated"]


def plain_table(rows: list[Row], title: str = "", width: int | None = None) -> Table:
    """Dicts with equal keys as a terminal table; with the terminal's width, cells wrap between words."""
    from rich.box import SIMPLE
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", pad_edge=False, padding=(0, 1, 0, 0), box=SIMPLE)
    columns = [[key, *(_cell(row[key]) for row in rows)] for key in (rows[0] if rows else [])]
    widths = [None] * len(columns) if width is None else _widths(columns, width - 2 * len(columns))
    for place, (cells, room) in enumerate(zip(columns, widths, strict=True)):
        table.add_column(cells[0], justify="left" if place < 2 else "right", overflow="fold", width=room)
    for row in rows:
        table.add_row(*(escape(_cell(v)) for v in row.values()))
    return table


def _widths(columns: list[list[str]], room: int) -> list[int]:
    """Characters per column: cells of several words wrap first; names, in the first column, are broken last."""
    widths = [max(map(len, cells)) for cells in columns]
    least = [max(len(word) for cell in cells for word in cell.split()) for cells in columns]
    slack = [wide - narrow for wide, narrow in zip(widths, least, strict=True)]
    for _ in range(min(sum(widths) - room, sum(slack))):
        most = max(range(len(slack)), key=slack.__getitem__)
        slack[most], widths[most] = slack[most] - 1, widths[most] - 1
    if widths:
        widths[0] = max(min(NAME_WIDTH, widths[0]), widths[0] - max(0, sum(widths) - room))
    return widths


def markdown_line(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def write_table(rows: list[Row], folder: Path, stem: str, rounded: Callable[[Any], str] | None = None) -> list[Path]:
    """``stem.csv`` (every digit) and ``stem.md`` (rounded) in a folder."""
    cell = rounded or _cell
    folder.mkdir(parents=True, exist_ok=True)
    columns = list(rows[0]) if rows else []
    with (folder / f"{stem}.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns)
        writer.writeheader()
        writer.writerows(rows)
    lines = [columns, ["---"] * len(columns), *([cell(v) for v in row.values()] for row in rows)]
    text = "".join(map(markdown_line, lines))
    (folder / f"{stem}.md").write_text(text, encoding="utf-8")
    return [folder / f"{stem}.csv", folder / f"{stem}.md"]


def _cell(value: Any) -> str:
    return show(value) if isinstance(value, float) or value is None else str(value)
