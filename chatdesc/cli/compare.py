"""``chatdesc compare``: what a run's texts are worth to trackers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.atomic import make_folder
from chatdesc.cli.console import Exit, new_console, progress_bar, say
from chatdesc.cli.options import DeviceOpt, LimitOpt, NamesOpt, RunArg, SplitFileOpt, TextsOpt
from chatdesc.cli.unused import refuse_given
from chatdesc.evaluation.comparison import BROUGHT, NOT_TRACKED, Stopped
from chatdesc.reports.compare import comparison_tables, write_comparison

if TYPE_CHECKING:
    from rich.console import Console

FAILURES = 10  # lines
MODELS = ("root", "judge", "tracker", "encoder")
TRACKING = ("texts", "device", "sequences_in_flight")  # only where ROOT is tracked


def compare(
    context: typer.Context,
    run: RunArg,
    root: Annotated[
        str | None, typer.Argument(help="Root of the dataset (default: compare only what was tracked before)")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Grounder that took no part in choosing the texts: NAME or NAME:MODEL")
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(help="Another tracker's results: DIR=manual, DIR=refined, DIR=no-text; repeatable"),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Evaluation protocol (default: the dataset's own)")] = None,
    tracker: Annotated[str | None, typer.Option(help="Tracker (default: the run's)")] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder for verification (default: the run's first)")] = None,
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    split: Annotated[str | None, typer.Option(help="train or test (default: all sequences of the run)")] = None,
    split_file: SplitFileOpt = None,
    texts: TextsOpt = None,
    sequences_in_flight: Annotated[int, typer.Option(min=1, help="Sequences tracked at a time")] = 8,
    device: DeviceOpt = "auto",
    out: Annotated[Path | None, typer.Option(help="Output folder for the tables as CSV and Markdown")] = None,
) -> None:
    """Compare tracking with no text, the manual and the refined text, on the same sequences.

    The refined text is also tracked with proposals chosen at random and by an oracle. Scores from the grounder that
    selected the texts are labelled; --judge calls another one. Stop it at any time: the same command continues, and
    without ROOT it shows what was tracked so far.

    Examples:

      chatdesc compare runs/otb /data/OTB_sentences

      chatdesc compare runs/lasot-test /data/LaSOT --judge owlv2:google/owlv2-base-patch16-ensemble --out tables

      chatdesc compare runs/tnl2k --results JointNLT/a=manual --results JointNLT/b=refined --results OSTrack=no-text
    """
    if results:
        refuse_given(context, (*MODELS, *TRACKING), BROUGHT)
    elif root is None:
        refuse_given(context, TRACKING, NOT_TRACKED)
    make_folder(out)
    console = new_console()
    try:
        with progress_bar(console, "compare", transient=True) as progress:
            result = api.compare(
                run, root, judge=judge, results=results or (), protocol=protocol, tracker=tracker, encoder=encoder,
                sequences=sequences, limit=limit, split=split, split_file=split_file, texts=texts,
                sequences_in_flight=sequences_in_flight, device=device, progress=progress,
            )  # fmt: skip
    except Stopped as stopped:
        say(console, f"\nStopped; the same command continues from here. Finished sequences are in {stopped.place}")
        raise
    _say(result.failures[:FAILURES], console)
    if (more := len(result.failures) - FAILURES) > 0:
        _say([f"... and {more} more"], console)
    for table in comparison_tables(result, console.width):
        console.print(table)
    _say(result.notes, console)
    for path in write_comparison(result, out) if out else []:
        say(console, f"written: {path}")
    raise typer.Exit(Exit.FAILED_ROWS if result.failures else Exit.DONE)


def _say(lines: tuple[str, ...] | list[str], console: Console) -> None:
    for line in lines:
        style = "bold yellow" if line.startswith("warning:") else "yellow"
        say(console, line, style)
