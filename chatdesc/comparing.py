"""The command ``compare``: its options, and what it prints. The work is in ``compare_tracks.py`` and ``compare.py``.

chatdesc compare runs/lasot-test /data/LaSOT --judge owlv2:google/owlv2-base-patch16-ensemble --out tables
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdesc.console import Exit, Opening

if TYPE_CHECKING:
    from chatdesc.compare_tracks import Comparison
    from chatdesc.results import ResultFolder

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Tracked:
    """Result folders per arm, the run's rows, what was verified, and who grounded (``judge``: if it did not choose)."""

    folders: dict[str, ResultFolder]
    rows: list[dict[str, Any]]
    judged: list[dict[str, Any]] = field(default_factory=list)
    grounder: str = "external"
    judge: str = ""


@app.command("compare")
def compare_texts(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder")],
    root: Annotated[
        str | None, typer.Argument(help="the dataset's root; without it, only what was tracked before")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="a grounder that took no part in choosing the texts: name or name:model")
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(help="DIR=manual, DIR=refined, DIR=no-text: another tracker's results instead; repeatable"),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="whose rules; without it the dataset's own")] = None,
    tracker: Annotated[str | None, typer.Option(help="another tracker than the run's")] = None,
    encoder: Annotated[str | None, typer.Option(help="another encoder for verification than the run's first")] = None,
    sequences: Annotated[str | None, typer.Option(help="only these: names with commas, or a file of names")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="track only the first N sequences")] = None,
    split: Annotated[str | None, typer.Option(help="train or test")] = None,
    split_file: Annotated[str | None, typer.Option(help="a file of sequence names")] = None,
    texts: Annotated[str | None, typer.Option(help="otb-lang: where the OTB_query_* folders are")] = None,
    sequences_in_flight: Annotated[int, typer.Option(min=1, help="sequences tracked at a time")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="a folder for the tables as CSV and Markdown")] = None,
) -> None:
    """Say what a run's texts are worth: track with no text, the manual and the refined text on the same sequences.

    The refined text is also tracked with proposals chosen at random and by an oracle. A number that comes from the
    grounder whose feedback chose the texts says so; --judge calls another one. Stop it whenever you like: the same
    command goes on, and without ROOT it shows what is there.

    Examples:

      chatdesc compare runs/otb /data/OTB_sentences

      chatdesc compare runs/lasot-test /data/LaSOT --judge owlv2:google/owlv2-base-patch16-ensemble --out tables

      chatdesc compare runs/tnl2k --results JointNLT/a=manual --results JointNLT/b=refined --results OSTrack=no-text
    """
    from rich.console import Console

    from chatdesc import compare, scoring
    from chatdesc.backends import encoder_spec
    from chatdesc.compare_tracks import Comparison

    console, name = Console(), scoring.dataset_of(run)
    if results:
        _report(run, Tracked(compare.external(results), scoring.of_run(run)), name, protocol, out, console)
        raise typer.Exit(Exit.DONE)
    data = Opening(name, root, split, sequences, limit, split_file, texts).open() if root else None
    spec = encoder_spec(encoder) if encoder else None
    work = Comparison.create(run, data, judge, tracker, spec, device)
    failed = _track(work, console, sequences_in_flight) if data else 0
    _report(run, _tracked(work), name, protocol, out, console)
    raise typer.Exit(Exit.FAILED_ROWS if failed else Exit.DONE)


def _track(work: Comparison, console: Any, in_flight: int) -> int:
    """Track what is pending, with a progress bar; how many sequences had a problem."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    problems: list[str] = []
    with work.open() as store:
        pending = work.pending(store)
        columns = (TextColumn("compare"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("compare", total=len(pending))

            def on_row(row: dict[str, Any]) -> None:
                problems.extend(row["problems"])
                progress.advance(task)

            try:
                work.track(store, pending, on_row, in_flight)
            except KeyboardInterrupt:
                console.print(f"\nStopped; the same command goes on from here. What was finished is in {work.place}")
                raise
    for line in problems[:10] + ([f"... and {len(problems) - 10} more"] if len(problems) > 10 else []):
        console.print(line, style="yellow", highlight=False, markup=False)
    return len(problems)


def _tracked(work: Comparison) -> Tracked:
    """What is there of the arms."""
    from chatdesc.compare import SELECTED
    from chatdesc.compare_tracks import ARMS
    from chatdesc.results import ResultFolder
    from chatdesc.store import Store
    from chatdesc.types import ChatdescError

    store = Store(work.place)
    judged = list(store.rows(store.names()))
    if not judged:
        raise ChatdescError(f"nothing was tracked yet with these models: chatdesc compare {work.run} ROOT")
    places = {arm.name: work.place / "tracks" / arm.name for arm in ARMS}
    there = {name: ResultFolder(f"{place}={name}") for name, place in places.items() if place.is_dir()}
    own = work.settings.as_dict()["grounder"]
    if work.selecting:
        return Tracked(there, work.rows(), judged, own + SELECTED)
    return Tracked(there, work.rows(), judged, own, own)


def _report(run: Path, found: Tracked, dataset: str, protocol: str | None, out: Path | None, console: Any) -> None:
    """Print and write all tables, and what has to be known beside them."""
    from chatdesc import compare
    from chatdesc.evaluate import rules_for

    rules, warning = rules_for(dataset, protocol)
    done = {row["sequence"] for row in found.judged}
    rows = [row for row in found.rows if row["text"] is not None and (not done or row["sequence"] in done)]
    arms, said = compare.common(compare.scored(found.folders, compare.truths_of(rows), dataset, rules))
    names = {line.sequence for line in next(iter(arms.values())).lines}
    tables = {
        "compare": compare.arm_rows(arms, found.grounder),
        "compare_differences": compare.difference_rows(arms, found.grounder),
        "compare_verification": compare.verification_rows(found.judged, names, found.grounder),
        "compare_judges": compare.judge_rows(rows, names, found.judged, found.judge),
    }
    _print(tables, f"{dataset}, protocol {rules.name}", console)
    said += [*_remarks(run, rows, names, arms, found.grounder), *([f"warning: {warning}"] if warning else [])]
    for line in said:
        console.print(line, style="yellow", highlight=False, markup=False)
    for path in _write(tables, out) if out else []:
        console.print(f"written: {path}", highlight=False, soft_wrap=True)


def _print(tables: dict[str, list[dict[str, Any]]], about: str, console: Any) -> None:
    from chatdesc import compare, report

    def say(rows: list[dict[str, Any]], title: str) -> None:
        if rows:
            console.print(report.plain_table(rows, title))

    say(compare.shown_arms(tables["compare"]), f"{about}, in %")
    say(compare.shown_differences(tables["compare_differences"]), f"paired differences, {about}, in points")
    say(
        compare.shown_differences(tables["compare_verification"], 1, 3),
        "verification: mean IoU of the proposal chosen, against two references on the same proposals",
    )
    say(compare.shown_differences(tables["compare_judges"], 1, 2), "what others say of the two texts")


def _remarks(run: Path, rows: list[Any], names: set[str], arms: dict[str, Any], grounder: str) -> list[str]:
    from chatdesc import compare
    from chatdesc.store import read_config

    said, feedback = [], read_config(run)["settings"]["feedback"]
    if compare.NO_TEXT not in arms:
        said.append("there is no arm without a text, so nothing says whether any text helps: --results DIR=no-text")
    if grounder.endswith(compare.SELECTED):
        plain = grounder.removesuffix(compare.SELECTED)
        said.append(f"{plain} gave the feedback that chose these texts; --judge with another grounder is independent")
    if feedback != "first":
        said.append(f"the texts were chosen with boxes of later frames of these very sequences (--feedback {feedback})")
    if same := compare.same_texts(rows, names):
        said.append(f"{same} of {len(names)} sequences kept the manual text: both arms are the same there")
    return said


def _write(tables: dict[str, list[dict[str, Any]]], folder: Path) -> list[Path]:
    from chatdesc.evaluate_tables import percent
    from chatdesc.report import show, write_table

    paths = []
    for stem, rows in tables.items():
        shares = stem in ("compare", "compare_differences")
        cell = percent if shares else lambda v: show(v, 3) if isinstance(v, float) or v is None else str(v)
        paths += write_table(rows, folder, stem, cell) if rows else []
    return paths
