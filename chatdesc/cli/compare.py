"""The commands ``score`` and ``compare``: their options, and what they print about texts.

    chatdesc score runs/otb --run runs/tnl2k-train
    chatdesc compare runs/lasot-test /data/LaSOT --judge owlv2:google/owlv2-base-patch16-ensemble --out tables

The work is in ``scoring.py`` and ``text_statistics.py``, ``compare_tracks.py`` and ``compare.py``;
``compare_report.py`` prints what came of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdesc.cli.console import Exit, progress_bar, steps
from chatdesc.evaluation import alignment as scoring
from chatdesc.rows.selection import Selection, refuse_other_data
from chatdesc.rows.store import dataset_of
from chatdesc.tables import plain_table, write_table

if TYPE_CHECKING:
    from chatdesc.evaluation.arms import Comparison
    from chatdesc.reports.compare import Tracked


ANEW = ("root", "texts", "grounder", "alignment_frames", "device")  # of `score`, where models are called
NOTHING = "there is no text, or no frame with a visible target"
NAMING = ("sequences", "split_file")
MODELS = ("root", "judge", "tracker", "encoder")
TRACKING = ("texts", "device", "sequences_in_flight")  # of `compare`, where ROOT is tracked


def score(
    context: typer.Context,
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
    out: Annotated[
        Path | None, typer.Option(help="where the tables go; else into the run, of a part of it here")
    ] = None,
) -> None:
    """Print how well texts align with their targets, per encoder and text source, and what the texts are like.

    Writes alignment and text_statistics as CSV and Markdown.

    Examples:

      chatdesc score runs/otb

      chatdesc score runs/otb /data/OTB_sentences --encoder ViT-B-32-quickgelu/openai --encoder RN50-quickgelu/openai

      chatdesc score tnl2k /data/TNL2K --split test --limit 50 --out scores
    """
    from rich.console import Console

    from chatdesc.atomic import make_folder
    from chatdesc.backends import encoder_spec
    from chatdesc.types import ChatdescError

    encoders, is_run = tuple(map(encoder_spec, encoder or ())), Path(target, "run.json").exists()
    if is_run and encoders and root is None:
        raise ChatdescError("other encoders need the frames: chatdesc score RUN ROOT --encoder ...")
    if not is_run and root is None:
        raise ChatdescError(f"{target!r} is no run folder; to score a dataset: chatdesc score NAME ROOT")
    if is_run and not encoders:
        _refuse(context, ANEW, "where a run's recorded numbers are shown; --encoder NAME scores anew, on ROOT's frames")
    if run:
        _refuse(context, NAMING, "with --run, as its names are of one run: score the runs one at a time")
    console, chosen = Console(), Selection(split, sequences, limit, split_file)
    how = (encoders, grounder, alignment_frames, device)
    part = any(value is not None for value in (split, sequences, limit, split_file))
    folder = out or (Path(target) if is_run and not part else Path("."))  # a run's own tables are of the whole run
    make_folder(folder)
    if run and encoders:
        console.print(f"--run: what those runs recorded; --encoder is for {target} alone", style="yellow")
    rows = _scored(target if not is_run else Path(target), root, chosen, texts, run or [], how, console)
    _print_scores(rows, folder, console)


def _scored(
    target: str | Path,
    root: str | None,
    chosen: Selection,
    texts: str | None,
    runs: list[Path],
    how: tuple[tuple[str, ...], str, int, str],
    console: Any,
) -> list[dict[str, Any]]:
    """Rows of a run or a dataset, and of further runs; that no sequence is there twice is seen to before any work."""
    from chatdesc.evaluation import alignment as scoring

    run, anew = (target if isinstance(target, Path) else None), bool(how[0]) or isinstance(target, str)
    dataset = dataset_of(run) if run else str(target)
    names = chosen.of(run) if run else []
    data = _opened(dataset, str(root), chosen, texts, run, names) if anew else None
    if data is not None:
        _say_lacking(data, names, console)
        asked = set(names)
        names = [name for name in data.names if run is None or name in asked]
    others = [(str(other), dataset_of(other), chosen.of(other)) for other in runs]
    scoring.refuse_twice([(str(target), dataset, names), *others])
    with progress_bar(console, "score", transient=True) as progress:
        advance = steps(progress, len(names) if anew else 0)
        if run:
            rows = scoring.of_run(run, data, *how, advance, names)
        else:
            rows = scoring.of_dataset(data, how[0] or ("attributes",), *how[1:], advance)
    return rows + [row for other, _, its in others for row in scoring.of_run(Path(other), only=its)]


def _say_lacking(data: Any, names: list[str], console: Any) -> None:
    from chatdesc.names import some

    there = set(data.names)
    if lacking := [name for name in names if name not in there]:
        said = f"{data.root} does not hold {len(lacking)} of the run's {len(names)} sequences: {some(lacking)}"
        console.print(said, style="yellow", highlight=False, markup=False, soft_wrap=True)


def _opened(dataset: str, root: str, chosen: Selection, texts: str | None, run: Path | None, names: list[str]) -> Any:
    """The dataset: what was chosen of it or, for a run's frames, enough to hold the run's sequences ``names``."""
    if run is None:
        return chosen.open(dataset, root, texts)
    data = Selection(chosen.split, split_file=chosen.split_file).open(dataset, root, texts)
    refuse_other_data(data, names, run, named=bool(chosen.sequences))
    return data


def _refuse(context: typer.Context, names: Iterable[str], why: str) -> None:
    """An option that would take no part is an error: numbers rest on what was asked for."""
    from chatdesc.types import ChatdescError

    given = [n for n in names if str(getattr(context.get_parameter_source(n), "name", "DEFAULT")) != "DEFAULT"]
    if given:
        said = " and ".join("ROOT" if name == "root" else f"--{name.replace('_', '-')}" for name in given)
        raise ChatdescError(f"{said}: of no use {why}")


def _print_scores(rows: list[dict[str, Any]], folder: Path, console: Any) -> None:
    from chatdesc.atomic import writing
    from chatdesc.evaluation.text_statistics import shown_statistics, statistics_rows
    from chatdesc.types import ChatdescError

    for row in rows:
        for problem in (row["problems"] or [NOTHING]) if not row["alignment"] else []:
            print(f"{row['sequence']}: left out: {problem}", file=sys.stderr)
    table = scoring.alignment_rows(rows)
    if not table:
        raise ChatdescError("no sequence has a text and a visible target to score")
    title = "alignment of texts and targets, cosine x 100"
    console.print(plain_table(scoring.shown_alignment(table), title, console.width))
    by_dataset: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_dataset.setdefault(row["dataset"] or "", []).append(row)
    statistics = [{"dataset": name} | line for name, kept in by_dataset.items() for line in statistics_rows(kept)]
    for name in by_dataset:
        shown = shown_statistics([line for line in statistics if line["dataset"] == name])
        console.print(plain_table(shown, f"texts of {name}" if name else "texts", console.width))
    with writing(folder):
        paths = write_table(table, folder, "alignment")
        paths += write_table(statistics, folder, "text_statistics")
    for path in paths:
        console.print(f"written: {path}", highlight=False, soft_wrap=True)


def compare(
    context: typer.Context,
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
    limit: Annotated[int | None, typer.Option(min=1, help="only the first N sequences")] = None,
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

    from chatdesc.atomic import make_folder
    from chatdesc.backends import encoder_spec
    from chatdesc.evaluation import compare as comparison
    from chatdesc.evaluation.arms import Comparison
    from chatdesc.evaluation.evaluate import rules_for
    from chatdesc.reports.compare import Shown, Tracked, report_worth

    console, name, chosen = Console(), dataset_of(run), Selection(split, sequences, limit, split_file)
    if results:
        _refuse(context, (*MODELS, *TRACKING), "where --results brings the tracks")
    elif root is None:
        _refuse(context, TRACKING, "without ROOT, as nothing is tracked then")
    rules, warning = rules_for(name, protocol)
    said = [f"warning: {warning}"] if warning else []
    make_folder(out)
    names, failed = chosen.of(run), 0
    texted = comparison.read_run(run, names)
    if results:
        found = Tracked(comparison.external(results))
    else:
        data = _opened(name, root, chosen, texts, run, names) if root else None
        spec = encoder_spec(encoder) if encoder else None
        work = Comparison.create(run, data, judge, tracker, spec, device)
        failed = _track(work, names, console, sequences_in_flight) if data else 0
        found = _tracked(work, names)
    report_worth(Shown(run, name, rules, *texted), found, said, out, console)
    raise typer.Exit(Exit.FAILED_ROWS if failed else Exit.DONE)


def _track(work: Comparison, names: list[str], console: Any, in_flight: int) -> int:
    """Track what is pending, with a progress bar; how many sequences had a problem."""
    problems: list[str] = []
    with work.open() as store:
        pending = work.pending(store, names)
        with progress_bar(console, "compare", transient=True) as progress:
            advance = steps(progress, len(pending))

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


def _tracked(work: Comparison, names: list[str]) -> Tracked:
    """What is there of the arms."""
    from chatdesc.evaluation.arms import ARMS
    from chatdesc.evaluation.compare import SELECTED
    from chatdesc.evaluation.results import ResultFolder
    from chatdesc.reports.compare import Tracked
    from chatdesc.rows.store import Store
    from chatdesc.types import ChatdescError

    judged = list(Store(work.place).rows(names))
    if not judged:
        raise ChatdescError(
            f"nothing of what is asked for was tracked yet with {_models(work)}; "
            f"with the same options: chatdesc compare {work.run} ROOT"
        )
    places = {arm.name: work.place / "tracks" / arm.name for arm in ARMS}
    there = {
        name: ResultFolder(f"{place}={name}")
        for name, place in places.items()
        if any((place / f"{row['sequence']}.txt").is_file() for row in judged)
    }
    own = work.settings.as_dict()["grounder"]
    arms = tuple(places)
    return Tracked(there, arms, judged, own + SELECTED if work.selecting else own, "" if work.selecting else own)


def _models(work: Comparison) -> str:
    said = work.settings.as_dict()
    return f"grounder {said['grounder']}, tracker {said['tracker']}, encoder {said['encoders'][0]}"
