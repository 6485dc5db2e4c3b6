"""The commands ``score`` and ``compare``: their options, and what they print about texts.

chatdesc score runs/otb --run runs/tnl2k-train
    chatdesc compare runs/lasot-test /data/LaSOT --judge owlv2:google/owlv2-base-patch16-ensemble --out tables

The work is in ``scoring.py`` and ``text_statistics.py``, ``compare_tracks.py`` and ``compare.py``.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdesc.console import Exit, Opening, progress_bar

if TYPE_CHECKING:
    from chatdesc.compare_tracks import Comparison
    from chatdesc.results import ResultFolder

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class Tracked:
    """Result folders per arm, what was verified per sequence, and who grounded (``judge``: if it did not choose)."""

    folders: dict[str, ResultFolder]
    judged: list[dict[str, Any]] = field(default_factory=list)
    grounder: str = "external"
    judge: str = ""


@app.command()
def score(
    target: Annotated[str, typer.Argument(help="a run's folder, or a dataset's name")],
    root: Annotated[str | None, typer.Argument(help="the dataset's root (a run: only for other encoders)")] = None,
    run: Annotated[list[Path] | None, typer.Option(help="one more run in the same tables; repeatable")] = None,
    split: Annotated[str | None, typer.Option(help="train or test; without it, all that the folder holds")] = None,
    sequences: Annotated[str | None, typer.Option(help="only these: names with commas, or a file of names")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only the first N sequences")] = None,
    split_file: Annotated[str | None, typer.Option(help="a file of sequence names")] = None,
    texts: Annotated[str | None, typer.Option(help="otb-lang: where the OTB_query_* folders are")] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="attributes, or an open_clip model: ViT-B-32-quickgelu/openai, or a folder; repeatable"),
    ] = None,
    grounder: Annotated[str, typer.Option(help="finds the distractors, or none")] = "attributes",
    alignment_frames: Annotated[int, typer.Option(min=1, help="frames over which alignment is averaged")] = 4,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")] = "auto",
    out: Annotated[Path | None, typer.Option(help="where the tables go [default: the run]")] = None,
) -> None:
    """Print how well texts align with their targets, per encoder and text source, and what the texts are like.

    Writes alignment and text_statistics as CSV and Markdown.

    Examples:

      chatdesc score runs/otb

      chatdesc score runs/otb /data/OTB_sentences --encoder ViT-B-32-quickgelu/openai --encoder RN50-quickgelu/openai

      chatdesc score tnl2k /data/TNL2K --split test --limit 50 --out scores
    """
    from rich.console import Console

    from chatdesc import scoring
    from chatdesc.backends import encoder_spec
    from chatdesc.types import ChatdescError

    console, encoders = Console(), tuple(map(encoder_spec, encoder or ()))
    is_run = Path(target, "run.json").exists()
    if is_run and encoders and root is None:
        raise ChatdescError("other encoders need the frames: chatdesc score RUN ROOT --encoder ...")
    if not is_run and root is None:
        raise ChatdescError(f"{target!r} is no run folder; to score a dataset: chatdesc score NAME ROOT")
    name, anew = (scoring.dataset_of(Path(target)) if is_run else target), bool(encoders) or not is_run
    data = Opening(name, str(root), split, sequences, limit, split_file, texts).open() if anew else None
    with progress_bar(console, "score", len(data) if data is not None else 0, transient=True) as advance:
        if is_run:
            rows = scoring.of_run(Path(target), data, encoders, grounder, alignment_frames, device, advance)
        else:
            rows = scoring.of_dataset(data, encoders or ("attributes",), grounder, alignment_frames, device, advance)
    rows += [row for other in run or [] for row in scoring.of_run(other)]
    _print_scores(rows, out or (Path(target) if is_run else Path(".")), console)


def _print_scores(rows: list[dict[str, Any]], folder: Path, console: Any) -> None:
    from chatdesc import report
    from chatdesc.text_statistics import shown_statistics, statistics_rows
    from chatdesc.types import ChatdescError

    for row in rows:
        for problem in row["problems"] if not row["alignment"] else []:
            print(f"{row['sequence']}: left out: {problem}", file=sys.stderr)
    table = report.alignment_rows(rows)
    if not table:
        raise ChatdescError("no sequence has a text and a visible target to score")
    console.print(report.plain_table(report.shown_alignment(table), "alignment of texts and targets, cosine x 100"))
    by_dataset: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_dataset.setdefault(row["dataset"] or "", []).append(row)
    statistics = [{"dataset": name} | line for name, kept in by_dataset.items() for line in statistics_rows(kept)]
    for name in by_dataset:
        shown = shown_statistics([line for line in statistics if line["dataset"] == name])
        console.print(report.plain_table(shown, f"texts of {name}" if name else "texts"))
    for stem, lines in (("alignment", table), ("text_statistics", statistics)):
        for path in report.write_table(lines, folder, stem):
            console.print(f"written: {path}", highlight=False)


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
        _report(run, Tracked(compare.external(results)), name, protocol, out, console)
        raise typer.Exit(Exit.DONE)
    data = Opening(name, root, split, sequences, limit, split_file, texts).open() if root else None
    spec = encoder_spec(encoder) if encoder else None
    work = Comparison.create(run, data, judge, tracker, spec, device)
    failed = _track(work, console, sequences_in_flight) if data else 0
    _report(run, _tracked(work), name, protocol, out, console)
    raise typer.Exit(Exit.FAILED_ROWS if failed else Exit.DONE)


def _track(work: Comparison, console: Any, in_flight: int) -> int:
    """Track what is pending, with a progress bar; how many sequences had a problem."""
    problems: list[str] = []
    with work.open() as store:
        pending = work.pending(store)
        with progress_bar(console, "compare", len(pending), transient=True) as advance:

            def on_row(row: dict[str, Any]) -> None:
                problems.extend(row["problems"])
                advance()

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
    asked = store.names() if work.data is None else work.data.names
    judged = list(store.rows(asked))
    if not judged:
        raise ChatdescError(f"nothing was tracked yet with these models: chatdesc compare {work.run} ROOT")
    places = {arm.name: work.place / "tracks" / arm.name for arm in ARMS}
    there = {name: ResultFolder(f"{place}={name}") for name, place in places.items() if place.is_dir()}
    own = work.settings.as_dict()["grounder"]
    if work.selecting:
        return Tracked(there, judged, own + SELECTED)
    return Tracked(there, judged, own, own)


def _report(run: Path, found: Tracked, dataset: str, protocol: str | None, out: Path | None, console: Any) -> None:
    """Print and write all tables, and what has to be known beside them."""
    from chatdesc import compare
    from chatdesc.evaluate import rules_for

    rules, warning = rules_for(dataset, protocol)
    rows, truths = compare.read_run(run, {row["sequence"] for row in found.judged} or None)
    arms, said = compare.common(compare.scored(found.folders, truths, dataset, rules))
    names = {line.sequence for line in next(iter(arms.values())).lines}
    tables = {
        "compare": compare.arm_rows(arms, found.grounder),
        "compare_differences": compare.difference_rows(arms, found.grounder),
        "compare_verification": compare.verification_rows(found.judged, names, found.grounder),
        "compare_judges": compare.judge_rows(rows, names, found.judged, found.judge),
    }
    _print(tables, f"{dataset}, protocol {rules.name}", console)
    said += [*_remarks(run, rows, names, arms, found.grounder), *([f"warning: {warning}"] if warning else [])]
    said += [f"{row['arm']}: {row['notes']}" for row in tables["compare"] if row["notes"]]
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
