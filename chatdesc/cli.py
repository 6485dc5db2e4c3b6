"""The command line. Heavy imports happen inside the commands, so that help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdesc import __version__
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from chatdesc.config import Settings
    from chatdesc.run import Run

DONE, FAILED_ROWS, USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="chatdesc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Re-annotate vision-language tracking datasets, with evidence for every text.\n\n"
    "Try it without any data:  [bold]chatdesc demo[/bold]\n\n"
    "On a real dataset:  [bold]chatdesc annotate lasot /data/LaSOT --split test --out runs/lasot[/bold]",
)

DatasetArg = Annotated[str, typer.Argument(help="lasot, lasot_ext, tnl2k or otb-lang")]
RootArg = Annotated[
    str, typer.Argument(help="the dataset's folder, an archive, or any fsspec URL (zip://, s3://, hf://)")
]
SplitOpt = Annotated[str | None, typer.Option(help="train or test; without it, all that the folder holds")]
SplitFileOpt = Annotated[str | None, typer.Option(help="a file of sequence names, where the folder has none")]
TextsOpt = Annotated[str | None, typer.Option(help="otb-lang: where the OTB_query_* folders are, if elsewhere")]
NamesOpt = Annotated[str | None, typer.Option("--sequences", help="only these: names with commas, or a file of names")]
EncoderOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--encoder",
        help="attributes, or an open_clip model: ViT-B-32-quickgelu/openai, or a local directory; repeatable",
    ),
]
DeviceOpt = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"chatdesc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of chatdesc itself."""


@app.command()
def backends() -> None:
    """List the backends that can be named: describers, grounders, trackers, encoders, and the presets.

    Example:  chatdesc backends
    """
    from rich.console import Console
    from rich.table import Table

    from chatdesc.backends import BUILTIN, ROLES, available
    from chatdesc.config import presets

    table = Table(pad_edge=False)
    for column in ("role", "name", "from"):
        table.add_column(column)
    for role in ROLES:
        for name, target in sorted(available(role).items()):
            table.add_row(role, name, "chatdesc" if name in BUILTIN[role] else target.partition(":")[0])
    for name, content in presets().items():
        table.add_row("preset", name, content.get("about", ""))
    Console().print(table)


@app.command()
def annotate(
    dataset: DatasetArg,
    root: RootArg,
    out: Annotated[Path, typer.Option(help="the run's folder; the same command goes on where it stopped")],
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only the first N sequences")] = None,
    split_file: SplitFileOpt = None,
    texts: TextsOpt = None,
    preset: Annotated[str, typer.Option(help="a full set of backends; `chatdesc backends` lists them")] = "offline",
    describer: Annotated[str | None, typer.Option(help="name or name:model@revision")] = None,
    grounder: Annotated[str | None, typer.Option(help="name or name:model@revision")] = None,
    tracker: Annotated[str | None, typer.Option(help="name, name:model, or none")] = None,
    verifier: Annotated[str | None, typer.Option(help="similarity, random or oracle")] = None,
    encoder: EncoderOpt = None,
    rounds: Annotated[int | None, typer.Option(min=0, help="reflection rounds after the first description")] = None,
    theta: Annotated[float | None, typer.Option(help="IoU from which a proposal is on the target")] = None,
    tau: Annotated[float | None, typer.Option(help="IoU from which a text may be accepted")] = None,
    box_threshold: Annotated[float | None, typer.Option(help="score under which a proposal does not count")] = None,
    feedback: Annotated[
        str | None, typer.Option(help="first (for test splits) or uniform:K (training splits only)")
    ] = None,
    ground_every: Annotated[int | None, typer.Option(min=1, help="ground the words every k-th frame")] = None,
    alignment_frames: Annotated[int | None, typer.Option(min=1, help="frames over which alignment is averaged")] = None,
    keep_manual_if_better: Annotated[bool, typer.Option(help="keep the manual text where nothing beats it")] = True,
    include_frames: Annotated[bool, typer.Option(help="embed the frames in the dataset (mind their licence)")] = False,
    sequences_in_flight: Annotated[int, typer.Option(min=1, help="sequences worked on at a time")] = 8,
    frames_in_flight: Annotated[int, typer.Option(min=1, help="decoded frames kept in memory")] = 32,
    device: DeviceOpt = "auto",
    seed: Annotated[int | None, typer.Option(help="for what is random (verification's floor)")] = None,
    strict: Annotated[bool, typer.Option(help="stop at the first failed sequence")] = False,
    dry_run: Annotated[bool, typer.Option(help="only say what would be done, and how long it would take")] = False,
) -> None:
    """Describe every target, let grounding judge the words, reflect, track, and write a refined dataset.

    Examples:

      chatdesc annotate lasot /data/LaSOT --split test --out runs/lasot-test

      chatdesc annotate tnl2k /data/TNL2K --split train --feedback uniform:4 --out runs/tnl2k-train

      chatdesc annotate otb-lang /data/OTB_sentences --out runs/otb --dry-run
    """
    from chatdesc.backends import encoder_spec
    from chatdesc.config import Resources, from_preset

    settings = from_preset(
        preset,
        describer=describer,
        grounder=grounder,
        tracker=tracker,
        verifier=verifier,
        encoders=tuple(map(encoder_spec, encoder)) if encoder else None,
        rounds=rounds,
        theta=theta,
        tau=tau,
        box_threshold=box_threshold,
        feedback=feedback,
        ground_every=ground_every,
        alignment_frames=alignment_frames,
        keep_manual_if_better=keep_manual_if_better,
        include_frames=include_frames,
        seed=seed,
    )
    resources = Resources(sequences_in_flight, frames_in_flight, device)
    data = open_dataset(dataset, root, split, sequences, limit, split_file, texts, frames_in_flight)
    run = make_run(data, out, settings, resources, strict)
    raise typer.Exit(show_plan(run) if dry_run else work(run))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="where the synthetic dataset and the run go")] = Path("demo"),
    count: Annotated[int, typer.Option(min=1, help="sequences")] = 12,
    frames: Annotated[int, typer.Option(min=2, help="frames per sequence")] = 40,
    seed: Annotated[int, typer.Option(help="another seed, another dataset")] = 0,
    preset: Annotated[str, typer.Option(help="a full set of backends")] = "offline",
) -> None:
    """Render a small synthetic dataset with planted faults, re-annotate it, and show before and after.

    Example:  chatdesc demo --count 20 --seed 3 --out demo3
    """
    from rich.console import Console

    from chatdesc.config import Resources, from_preset
    from chatdesc.synthetic import render

    console = Console()
    source = out / f"synthetic-{count}x{frames}-seed{seed}"
    console.print(f"Rendering {count} sequences of {frames} frames in LaSOT's layout into {source}")
    render(source, count, frames, seed)
    data = open_dataset("synthetic", str(source), None, None, None, None, None, 32)
    run = make_run(data, out / f"run-{count}x{frames}-seed{seed}-{preset}", from_preset(preset), Resources(), False)
    raise typer.Exit(work(run, table=True))


@app.command()
def score(
    target: Annotated[str, typer.Argument(help="a run's folder, or a dataset's name")],
    root: Annotated[str | None, typer.Argument(help="the dataset's root (a run: only for other encoders)")] = None,
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    limit: Annotated[int | None, typer.Option(min=1, help="only the first N sequences")] = None,
    split_file: SplitFileOpt = None,
    texts: TextsOpt = None,
    encoder: EncoderOpt = None,
    grounder: Annotated[str, typer.Option(help="finds the distractors, or none")] = "attributes",
    alignment_frames: Annotated[int, typer.Option(min=1, help="frames over which alignment is averaged")] = 4,
    device: DeviceOpt = "auto",
    out: Annotated[Path | None, typer.Option(help="where alignment.csv and alignment.md go [default: the run]")] = None,
) -> None:
    """Print how well texts align with their targets, per encoder and text source; write it as CSV and Markdown.

    Examples:

      chatdesc score runs/otb

      chatdesc score runs/otb /data/OTB_sentences --encoder ViT-B-32-quickgelu/openai --encoder RN50-quickgelu/openai

      chatdesc score tnl2k /data/TNL2K --split test --limit 50 --out scores
    """
    from chatdesc import scoring
    from chatdesc.backends import encoder_spec

    encoders = tuple(map(encoder_spec, encoder or ()))
    if Path(target, "run.json").exists():
        data = None
        if encoders and root is None:
            raise ChatdescError("other encoders need the frames: chatdesc score RUN ROOT --encoder ...")
        if encoders:
            name = scoring.dataset_of(Path(target))
            data = open_dataset(name, str(root), split, sequences, limit, split_file, texts, 32)
        rows = scoring.of_run(Path(target), data, encoders, grounder, alignment_frames, device)
        folder = out or Path(target)
    else:
        if root is None:
            raise ChatdescError(f"{target!r} is no run folder; to score a dataset: chatdesc score NAME ROOT")
        data = open_dataset(target, root, split, sequences, limit, split_file, texts, 32)
        rows = scoring.of_dataset(data, encoders or ("attributes",), grounder, alignment_frames, device)
        folder = out or Path(".")
    raise typer.Exit(print_scores(rows, folder))


@app.command("write-back")
def write_back(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder")],
    root: RootArg,
    to: Annotated[Path | None, typer.Option(help="a new folder, or a copy of the dataset")] = None,
    in_place: Annotated[bool, typer.Option(help="into the dataset itself; originals stay as .orig")] = False,
    with_annotations: Annotated[bool, typer.Option(help="copy boxes and flags too")] = False,
    split_file: SplitFileOpt = None,
    texts: TextsOpt = None,
) -> None:
    """Write a run's texts in the dataset's own layout, where existing trackers read them.

    Examples:

      chatdesc write-back runs/lasot-test /data/LaSOT --to /data/LaSOT-refined

      chatdesc write-back runs/otb /data/OTB_sentences --in-place
    """
    from chatdesc import scoring
    from chatdesc.store import Store

    if (to is None) != in_place:
        raise ChatdescError("say either --to FOLDER or --in-place")
    data = open_dataset(scoring.dataset_of(run_folder), root, None, None, None, split_file, texts, 1)
    store = Store(run_folder)
    rows = store.rows(store.names())
    done = data.write_back(rows, root if in_place else str(to), in_place=in_place, copy_annotations=with_annotations)
    typer.echo(f"{len(done.written)} texts written into {root if in_place else to}")
    if done.skipped:
        typer.echo(f"{done.skipped} rows have no text and were left out")


def open_dataset(
    name: str, root: str, split: str | None, names: str | None, limit: int | None,
    split_file: str | None, texts: str | None, frames_in_flight: int,
) -> Any:  # fmt: skip
    """A dataset as the options say; ``names`` is a list with commas or a file of names."""
    from chatdesc.loaders import load
    from chatdesc.types import FrameCache

    wanted = None
    if names:
        listed = Path(names).read_text(encoding="utf-8").split("\n") if Path(names).is_file() else names.split(",")
        wanted = [n.strip() for n in listed if n.strip()]
    extra: dict[str, Any] = {k: v for k, v in (("split_file", split_file), ("texts", texts)) if v is not None}
    data = load(name, root, split=split, sequences=wanted, cache=FrameCache(frames_in_flight), **extra)
    if limit and limit < len(data):
        data = load(name, root, split=split, sequences=data.names[:limit], cache=FrameCache(frames_in_flight), **extra)
    return data


def make_run(data: Any, out: Path, settings: Settings, resources: Any, strict: bool) -> Run:
    from chatdesc.run import Run

    return Run.create(data, out, settings, resources, strict)


def show_plan(run: Run) -> int:
    from rich.console import Console

    from chatdesc.plan import plan
    from chatdesc.store import Store

    names = run.pending(Store(run.out))
    console = Console()
    with console.status(f"looking at {len(names)} sequences"):
        found = plan(run, names)
    for line in found.lines():
        console.print(line, highlight=False)
    console.print("Nothing was written.")
    return DONE


def work(run: Run, table: bool = False) -> int:
    """Annotate what is pending, write the dataset, print what came of it."""
    from rich.console import Console

    from chatdesc import report
    from chatdesc.publish import write_dataset
    from chatdesc.run import failed
    from chatdesc.store import Store

    console = Console()
    with Store.open(run.out, run.config()) as store:
        run.check_data(store)
        try:
            _with_progress(run, store, console)
        except KeyboardInterrupt:
            console.print(f"\nStopped; the same command goes on from here. What was finished is kept in {run.out}")
            return INTERRUPTED
        frames = run.encoded_frames if run.settings.include_frames else None
        write_dataset(run.rows(store), run.out / "dataset", dataset=run.dataset.dataset, include_frames=frames)
        rows = [report.slim(row) for row in run.rows(store)]
    if table:
        console.print(report.before_after(rows))
    console.print(report.summary(rows))
    for text, count in report.repeated_texts(rows):
        console.print(f"[yellow]suspicious:[/yellow] {count} sequences have the same text: {text!r}")
    for line in report.problems(rows):
        console.print(line, style="yellow", highlight=False, markup=False)
    splits = {str(row["split"]) for row in rows}
    split = f', split="{splits.pop()}"' if len(splits) == 1 else ""
    console.print(f'\nLoad it:  datasets.load_dataset("{run.out / "dataset"}"{split})', highlight=False, soft_wrap=True)
    return FAILED_ROWS if any(failed(row) for row in rows) else DONE


def _with_progress(run: Run, store: Any, console: Any) -> None:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from chatdesc import report

    pending = run.pending(store)
    total = len(run.dataset.names)
    if len(pending) < total:
        console.print(f"{total - len(pending)} of {total} sequences are finished already")
    if not pending:
        return
    columns = (
        TextColumn("annotate"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.fields[means]}"),
    )  # fmt: skip
    seen: list[dict[str, Any]] = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("annotate", total=len(pending), means="")

        def on_row(row: dict[str, Any]) -> None:
            seen.append({"grounding": row["grounding"]})
            manual, now = (report.mean(report.grounding(r, k) for r in seen) for k in ("manual_iou", "iou"))
            progress.update(task, advance=1, means=f"IoU {report.show(manual)} > {report.show(now)}")

        run.annotate(store, on_row, pending)


def print_scores(rows: list[dict[str, Any]], folder: Path) -> int:
    from rich.console import Console

    from chatdesc import report

    for row in rows:
        for problem in row["problems"] if not row["alignment"] else []:
            typer.echo(f"{row['sequence']}: left out: {problem}", err=True)
    table = report.alignment_rows(rows)
    if not table:
        raise ChatdescError("no sequence has a text and a visible target to score")
    console = Console()
    console.print(report.plain_table(report.shown_alignment(table), "alignment of texts and targets"))
    for path in report.write_table(table, folder, "alignment"):
        console.print(f"written: {path}", highlight=False)
    return DONE


def main() -> None:
    """Entry point: our own errors become one message and exit code 2."""
    try:
        app()
    except ChatdescError as error:
        typer.echo(f"chatdesc: {error}", err=True)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
