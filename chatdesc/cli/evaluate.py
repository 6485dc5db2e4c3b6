"""``chatdesc evaluate``: trackers' result files under a named protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import new_console, progress_bar, say
from chatdesc.cli.options import NamesOpt, SplitFileOpt, SplitOpt
from chatdesc.evaluation.evaluate import Missing
from chatdesc.evaluation.job import By
from chatdesc.evaluation.tables import shown
from chatdesc.tables import Record, plain_table

if TYPE_CHECKING:
    from rich.console import Console


def evaluate(
    dataset: Annotated[
        str,
        typer.Argument(
            metavar="DATASET",
            help="lasot, lasot_ext, tnl2k, otb-lang, trackingnet, got10k, or folder (one .txt of boxes per sequence)",
        ),
    ],
    root: Annotated[str, typer.Argument(metavar="ROOT", help="Folder of the dataset, an archive, or an fsspec URL")],
    results: Annotated[
        list[str],
        typer.Option(help="Folder or zip of a tracker's results: DIR or DIR=NAME; 'DIR/*' for all in it; repeatable"),
    ],
    protocol: Annotated[str | None, typer.Option(help="Evaluation protocol (default: the dataset's own)")] = None,
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    split_file: SplitFileOpt = None,
    by: Annotated[By | None, typer.Option(help="Print a second table, by group or by sequence")] = None,
    missing: Annotated[
        Missing,
        typer.Option(help="A sequence without a usable result is left out (skip), counts as misses (zero), or fails"),
    ] = "error",
    compare_protocols: Annotated[
        bool, typer.Option("--compare-protocols", help="Score every tracker under all protocols")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Output folder for tables (CSV, Markdown, LaTeX) and plots (PNG, PDF, SVG)")
    ] = None,
) -> None:
    """Score trackers' result files under a named protocol, equal to the toolkit that it is named after.

    Protocols: lasot, tnl2k, otb, pytracking, ostrack, pysot, pysot-toolkit, got10k, trackingnet, tnl2kpy.

    Examples:

      chatdesc evaluate lasot /data/LaSOT --split test --results results/mine --out scores

      chatdesc evaluate folder annos --results KCF --results SRDCF.zip=srdcf --protocol otb --by sequence

      chatdesc evaluate tnl2k /data/TNL2K --split test --results results/mine --compare-protocols
    """
    console = new_console()
    with progress_bar(console, "evaluate", transient=True) as progress:
        result = api.evaluate(
            dataset, root, results, protocol=protocol, split=split, sequences=sequences, split_file=split_file, by=by,
            missing=missing, compare_protocols=compare_protocols, out=out, progress=progress,
        )  # fmt: skip
    _table(result.rows, f"{result.about}, in %", console)
    if by is not None:
        _table(result.grouped, f"{result.about}, by {by}, in %", console)
    for line in result.notes:
        say(console, line, "yellow", wrap=True)
    for path in result.written:
        say(console, f"written: {path}")


def _table(rows: list[Record], title: str, console: Console) -> None:
    """A table whose names wrap where the terminal is narrow; numbers never are broken."""
    table = plain_table(shown(rows, console.width), title)
    for column in table.columns:
        column.no_wrap = column.header not in ("tracker", "sequence", "group")
    console.print(table)
