"""``chatdesc score``: alignment and statistics of texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.atomic import make_folder
from chatdesc.cli.console import Exit, echo, new_console, progress_bar, say
from chatdesc.cli.options import (
    BaselineOpt,
    BaseUrlOpt,
    DeviceOpt,
    LimitOpt,
    NamesOpt,
    SplitFileOpt,
    SplitOpt,
    TextRootOpt,
    TextsOpt,
)
from chatdesc.cli.unused import refuse_given
from chatdesc.evaluation.alignment import shown_alignment
from chatdesc.evaluation.intervals import MDE
from chatdesc.evaluation.measuring import shown_measures
from chatdesc.evaluation.score import ONE_RUN, RECORDED, Scores
from chatdesc.evaluation.text_statistics import shown_statistics
from chatdesc.reports.score import difference_tables, mean_tables, remarks
from chatdesc.rows.store import is_run
from chatdesc.tables import Tables, plain, plain_table

if TYPE_CHECKING:
    from rich.console import Console

OF_MEASURES = ("measure_frames", "describer", "base_url")
ANEW = ("root", "text_root", "grounder", "alignment_frames", "device")  # only where models are called


def score(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Run folder, or name of a dataset")],
    root: Annotated[
        str | None,
        typer.Argument(
            metavar="ROOT", help="Root of the dataset (for a run: only with --encoder, --texts or --measure)"
        ),
    ] = None,
    texts: TextsOpt = None,
    baseline: BaselineOpt = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="Another run in the same tables; of the same sequences, a column of its own; repeatable"),
    ] = None,
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="attributes, an open_clip model such as ViT-B-32-quickgelu/openai, or a folder; repeatable"),
    ] = None,
    grounder: Annotated[str, typer.Option(help="Grounder that finds the distractors, or none")] = "attributes",
    alignment_frames: Annotated[int, typer.Option(min=1, help="Frames over which alignment is averaged")] = 4,
    device: DeviceOpt = "auto",
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="Further measure of all texts, put into the rows of a run: rank, margin, alignment, alignment-margin, "
            "validity, words, vqa, questions, agreement or shared-words; repeatable"
        ),
    ] = None,
    measure_frames: Annotated[int, typer.Option(min=1, help="Frames on which measures look at a text")] = 8,
    describer: Annotated[
        str | None, typer.Option(help="Describer that the measures vqa and questions ask: NAME:MODEL")
    ] = None,
    base_url: BaseUrlOpt = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Output folder (default: the run; the current folder when scoring a subset or a dataset)"),
    ] = None,
) -> None:
    """Print how well texts align with their targets, per encoder and text source, and statistics of the texts.

    Writes alignment and text_statistics as CSV and Markdown. With --texts, or with runs of the same sequences, all
    tables have one column per source, and there are two more: grounding and differences, each source less the baseline.
    With --measure there is a table of measures, and the rows of a run get them.

    Examples:

      chatdesc score runs/otb

      chatdesc score runs/otb /data/OTB_sentences --encoder ViT-B-32-quickgelu/openai --encoder RN50-quickgelu/openai

      chatdesc score tnl2k /data/TNL2K --split test --limit 50 --out scores

      chatdesc score otb-lang /data/OTB_sentences --texts qwen=runs/otb-qwen --texts intern=runs/otb-intern

      chatdesc score runs/otb /data/OTB_sentences --measure validity --measure rank
    """
    if not measure:
        refuse_given(context, OF_MEASURES, "without --measure")
    if is_run(source) and not (encoder or texts or measure):
        refuse_given(context, ANEW, RECORDED)
    if run:
        refuse_given(context, ("sequences", "split_file"), ONE_RUN)
    part = any(value is not None for value in (split, sequences, limit, split_file))
    folder = out or (Path(source) if is_run(source) and not part else Path("."))  # a run's tables are of the whole run
    make_folder(folder)
    console = new_console()
    with progress_bar(console, "score", transient=True) as progress:
        scores = api.score(
            source, root, texts=texts or (), baseline=baseline, runs=run or (), split=split, sequences=sequences,
            limit=limit, split_file=split_file, text_root=text_root, encoders=encoder or (), grounder=grounder,
            alignment_frames=alignment_frames, device=device, measures=measure or (), measure_frames=measure_frames,
            describer=describer, base_url=base_url, progress=progress,
        )  # fmt: skip
    _print(scores, console)
    if scores.measures:
        console.print(plain_table(shown_measures(scores.measures), f"measures of the texts ({MDE})", console.width))
    with Tables(folder) as tables:
        tables.add("alignment", scores.alignment, plain)
        tables.add("grounding", scores.grounding, plain)
        tables.add("text_statistics", scores.statistics, plain)
        tables.add("differences", scores.differences, plain)
        tables.add("measures", scores.measures, plain)
    for path in tables.paths:
        say(console, f"written: {path}")
    raise typer.Exit(Exit.FAILED_ROWS if scores.failed else Exit.DONE)


def _print(scores: Scores, console: Console) -> None:
    for note in scores.notes:
        say(console, note, "yellow")
    for sequence, why in scores.left_out:
        echo(f"{sequence}: left out: {why}", err=True)
    if scores.sources:
        return _print_sources(scores, console)
    title = f"alignment of texts and targets, cosine x 100 ({MDE})"
    console.print(plain_table(shown_alignment(scores.alignment), title, console.width))
    for dataset in dict.fromkeys(row["dataset"] for row in scores.statistics):
        rows = [row for row in scores.statistics if row["dataset"] == dataset]
        title = f"texts of {dataset}" if dataset else "texts"
        console.print(plain_table(shown_statistics(rows), title, console.width))
    return None


def _print_sources(scores: Scores, console: Console) -> None:
    parts = {"alignment": scores.alignment, "grounding": scores.grounding, "words": scores.statistics}
    means = [shown for table, rows in parts.items() for shown in mean_tables(rows, scores.sources, table)]
    for shown in (*means, *difference_tables(scores.differences)):
        console.print(plain_table(shown.rows, shown.title, console.width))
    for remark in remarks(scores.differences):
        say(console, remark)
