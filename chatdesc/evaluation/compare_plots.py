"""The plots of a comparison: curves of the arms, and their paired differences, for a paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chatdesc.drawing.differences import Difference, bars, intervals
from chatdesc.drawing.figures import printing, save
from chatdesc.drawing.words import legible
from chatdesc.evaluation.comparison import ComparisonResult
from chatdesc.evaluation.plots import draw
from chatdesc.tables import Record

PREFIX = "compare_"
MEASURES = ("AUC", "P", "PNorm")
POINTS = 100.0


def draw_comparison(result: ComparisonResult, folder: Path) -> list[Path]:
    """Draw curves of the arms and differences between them, each as PNG, PDF and SVG.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: a file cannot be written.
    """
    about = f"{result.dataset}, protocol {result.protocol}"
    paths = draw(result.means, folder, about, PREFIX) if result.means else []
    with printing(legible(*(str(row["sequence"]) for row in result.sequences)).families):
        for stem, figure in _figures(result, about):
            paths += save(figure, folder, f"{PREFIX}{stem}")
    return paths


def _figures(result: ComparisonResult, about: str) -> Iterator[tuple[str, Any]]:
    if known := [row for row in result.differences if row["pairs"]]:
        rows = [_difference(row, f"{row['after']} − {row['before']}", row["measure"]) for row in known]
        yield "differences", intervals(rows, f"Paired differences: {about}", "difference, points (95 % intervals)")
    for kind in ("attribute", "category"):
        if of := [row for row in result.groups if row["kind"] == kind]:
            shown = [_difference(row, row["group"], beside=f"n={row['pairs']}") for row in of]
            yield f"by_{kind}", intervals(shown, f"By {kind}: {about}", _across(of[0]))
    if result.sequences:
        each = [Difference(row["sequence"], POINTS * row["difference"]) for row in result.sequences]
        yield "by_sequence", bars(each, f"By sequence: {about}", _across(result.sequences[0]))


def _difference(row: Record, name: str, series: str = "", beside: str = "") -> Difference:
    low, high = (None if row[end] is None else POINTS * row[end] for end in ("low", "high"))
    return Difference(name, POINTS * row["difference"], low, high, series, beside)


def _across(row: Record) -> str:
    return f"AUC, {row['after']} − {row['before']}, points"
