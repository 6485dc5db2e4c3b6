"""The command ``evaluate``: its options, and what it prints. The scoring is in ``evaluate.py``.

chatdesc evaluate lasot /data/LaSOT --split test --results results/mine --results results/other.zip=other
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdesc.console import Exit, Opening

if TYPE_CHECKING:
    from chatdesc.evaluate import Evaluation, Missing, Row

app = typer.Typer()


class By(StrEnum):
    attribute = "attribute"
    category = "category"
    sequence = "sequence"


class Policy(StrEnum):
    skip = "skip"
    zero = "zero"
    error = "error"


@app.command("evaluate")
def evaluate_results(
    dataset: Annotated[
        str, typer.Argument(help="lasot, lasot_ext, tnl2k, otb-lang, or folder: one ground-truth .txt per sequence")
    ],
    root: Annotated[str, typer.Argument(help="the dataset's folder, an archive, or any fsspec URL")],
    results: Annotated[list[str], typer.Option(help="DIR or DIR=NAME: a tracker's folder or zip; repeatable")],
    protocol: Annotated[str | None, typer.Option(help="whose rules; without it the dataset's own")] = None,
    split: Annotated[str | None, typer.Option(help="train or test; without it, all that the folder holds")] = None,
    sequences: Annotated[str | None, typer.Option(help="only these: names with commas, or a file of names")] = None,
    split_file: Annotated[str | None, typer.Option(help="a file of sequence names")] = None,
    by: Annotated[By | None, typer.Option(help="a second table, by group or by sequence")] = None,
    missing: Annotated[
        Policy, typer.Option(help="a sequence without a result that can be scored: left out, all misses, or an error")
    ] = Policy.error,
    compare_protocols: Annotated[
        bool, typer.Option("--compare-protocols", help="every tracker under all protocols")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="a folder for the tables as CSV and Markdown")] = None,
) -> None:
    """Score trackers' result files under a named protocol, equal to the toolkit that it is named after.

    Protocols: lasot, tnl2k, otb, pytracking, ostrack, pysot, pysot-toolkit, got10k, trackingnet, tnl2kpy.

    Examples:

      chatdesc evaluate lasot /data/LaSOT --split test --results results/mine --out scores

      chatdesc evaluate folder annos --results KCF --results SRDCF.zip=srdcf --protocol otb --by sequence

      chatdesc evaluate tnl2k /data/TNL2K --split test --results results/mine --compare-protocols
    """
    from rich.console import Console

    from chatdesc import evaluate as scoring
    from chatdesc.report import plain_table
    from chatdesc.results import ResultFolder

    console = Console()
    data = Opening(dataset, root, split, sequences, split_file=split_file).open()
    folders = [ResultFolder(spec) for spec in results]
    _check_names([folder.name for folder in folders])
    rules, warning = scoring.rules_for(dataset, protocol) if protocol or not compare_protocols else (None, "")
    truths = scoring.read_truths(data)
    if rules is None or compare_protocols:
        rows = [row for f in folders for row in scoring.compare_protocols(f, truths, dataset, missing.value)]
        tables = {"protocols": rows}
        console.print(plain_table(scoring.shown(rows), f"{data.dataset}, every protocol, in %"))
    else:
        done = _evaluated(folders, truths, dataset, rules, missing.value, console)
        rows = [scoring.overall_row(one) for one in done]
        tables = {"overall": rows, "per_sequence": [row for one in done for row in scoring.sequence_rows(one)]}
        console.print(plain_table(scoring.shown(rows), f"{data.dataset}, protocol {rules.name}, in %"))
        if by is not None:
            title, table = _second(by, done, data, tables)
            console.print(plain_table(scoring.shown(table), f"{data.dataset}, protocol {rules.name}, {title}, in %"))
        _print_notes(done, console)
    for row in rows:
        if row["notes"]:
            place = f"{row['tracker']} ({row['protocol']})"
            console.print(f"{place}: {row['notes']}", style="yellow", highlight=False, markup=False)
    for line in ([f"warning: {warning}"] if warning else []) + scoring.about_flags(dataset, truths, rules):
        console.print(line, style="yellow", highlight=False, markup=False)
    for path in scoring.write(tables, out) if out else []:
        console.print(f"written: {path}", highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.DONE)


def _check_names(names: list[str]) -> None:
    from chatdesc.types import ChatdescError

    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ChatdescError(f"two trackers are called {twice[0]}; name them: --results DIR=NAME")


def _evaluated(
    folders: list[Any], truths: dict[str, Any], dataset: str, rules: Any, missing: Missing, console: Any
) -> list[Evaluation]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from chatdesc.evaluate import evaluate

    columns = (TextColumn("evaluate"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("evaluate", total=len(folders) * len(truths))
        return [evaluate(f, truths, dataset, rules, missing, lambda: progress.advance(task)) for f in folders]


def _second(by: By, done: list[Evaluation], data: Any, tables: dict[str, list[Row]]) -> tuple[str, list[Row]]:
    from chatdesc.evaluate import group_rows, groups_of

    if by is By.sequence:
        return "by sequence", tables["per_sequence"]
    groups = groups_of(data, by.value)
    tables[f"by_{by.value}"] = [row for one in done for row in group_rows(one, groups)]
    return f"by {by.value}", tables[f"by_{by.value}"]


def _print_notes(done: list[Evaluation], console: Any, limit: int = 10) -> None:
    lines = [f"{one.tracker}: {x.sequence}: {'; '.join(x.notes)}" for one in done for x in one.lines if x.notes]
    more = [f"... and {len(lines) - limit} more; per_sequence.csv of --out has them all"] if len(lines) > limit else []
    for line in lines[:limit] + more:
        console.print(line, style="yellow", highlight=False, markup=False)
