"""The command line. Heavy imports happen inside the commands, so that help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from chatdesc import __version__
from chatdesc.cli import compare as comparing
from chatdesc.cli import evaluate as evaluating
from chatdesc.cli import share as sharing
from chatdesc.cli.console import Exit, show_plan, work
from chatdesc.rows.selection import Opening
from chatdesc.rows.store import dataset_of
from chatdesc.tables import plain_table
from chatdesc.types import ChatdescError

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

# where options stand in --help
MODELS, WORDS, METHOD = "Models", "What describers see and say", "Method"
RUN, SPEED = "The run", "Speed (changes no row)"

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
    describer: Annotated[str | None, typer.Option(help="name or name:model@revision", rich_help_panel=MODELS)] = None,
    grounder: Annotated[str | None, typer.Option(help="name or name:model@revision", rich_help_panel=MODELS)] = None,
    tracker: Annotated[str | None, typer.Option(help="name, name:model, or none", rich_help_panel=MODELS)] = None,
    verifier: Annotated[str | None, typer.Option(help="similarity, random or oracle", rich_help_panel=MODELS)] = None,
    encoder: EncoderOpt = None,
    region: Annotated[
        str | None,
        typer.Option(help="what the describer is shown: box, crop, coords or box+crop", rich_help_panel=WORDS),
    ] = None,
    style: Annotated[str | None, typer.Option(help="concise or detailed texts", rich_help_panel=WORDS)] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="a text every N frames, each range with its own feedback", rich_help_panel=WORDS),
    ] = None,
    max_words: Annotated[
        int | None, typer.Option(min=1, help="longer texts are sent back", rich_help_panel=WORDS)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="the longest answer of a describer", rich_help_panel=WORDS)
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="larger pictures are shown smaller", rich_help_panel=WORDS)
    ] = None,
    quantization: Annotated[
        str | None, typer.Option(help="4bit or 8bit weights of the describer", rich_help_panel=MODELS)
    ] = None,
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", help="run code that the describer's repository brings", rich_help_panel=MODELS
        ),
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="requests in one pass of a describer", rich_help_panel=SPEED)
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="the model server of --describer openai:MODEL", rich_help_panel=MODELS)
    ] = None,
    cache: Annotated[
        str | None,
        typer.Option(
            help="where answers of describers are kept: a folder that runs share (default: in the run)",
            rich_help_panel=RUN,
        ),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=0, help="reflection rounds after the first description", rich_help_panel=METHOD)
    ] = None,
    theta: Annotated[
        float | None, typer.Option(help="IoU from which a proposal is on the target", rich_help_panel=METHOD)
    ] = None,
    tau: Annotated[
        float | None, typer.Option(help="IoU from which a text may be accepted", rich_help_panel=METHOD)
    ] = None,
    min_margin: Annotated[
        float | None, typer.Option(help="and the lead in score that it needs for that", rich_help_panel=METHOD)
    ] = None,
    box_threshold: Annotated[
        float | None, typer.Option(help="score under which a proposal does not count", rich_help_panel=METHOD)
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(help="first (for test splits) or uniform:K (training splits only)", rich_help_panel=METHOD),
    ] = None,
    ground_every: Annotated[
        int | None, typer.Option(min=1, help="ground the words every k-th frame", rich_help_panel=METHOD)
    ] = None,
    alignment_frames: Annotated[
        int | None, typer.Option(min=1, help="frames over which alignment is averaged", rich_help_panel=METHOD)
    ] = None,
    keep_manual_if_better: Annotated[
        bool | None,
        typer.Option(
            help="keep the manual text where nothing beats it (default: the preset's)", rich_help_panel=METHOD
        ),
    ] = None,
    include_frames: Annotated[
        bool,
        typer.Option(
            "--include-frames", help="embed the frames in the dataset (mind their licence)", rich_help_panel=RUN
        ),
    ] = False,
    sequences_in_flight: Annotated[
        int | None,
        typer.Option(
            min=1, help="sequences worked on at a time (default: 8; with a model server 32)", rich_help_panel=SPEED
        ),
    ] = None,
    frames_in_flight: Annotated[
        int, typer.Option(min=1, help="decoded frames kept in memory", rich_help_panel=SPEED)
    ] = 32,
    device: DeviceOpt = "auto",
    devices: Annotated[
        str | None, typer.Option(help="one process for each: 0,1 (GPUs), or names with commas", rich_help_panel=SPEED)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="for what is random (verification's floor)", rich_help_panel=METHOD)
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="stop at the first failed sequence", rich_help_panel=RUN)
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="only say what would be done, and how long it would take", rich_help_panel=RUN),
    ] = False,
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
        region=region,
        style=style,
        every=every,
        max_words=max_words,
        max_tokens=max_tokens,
        max_pixels=max_pixels,
        quantization=quantization,
        trust_remote_code=trust_remote_code or None,
        rounds=rounds,
        theta=theta,
        tau=tau,
        min_margin=min_margin,
        box_threshold=box_threshold,
        feedback=feedback,
        ground_every=ground_every,
        alignment_frames=alignment_frames,
        keep_manual_if_better=keep_manual_if_better,
        include_frames=include_frames,
        seed=seed,
    )
    from chatdesc.engine.run import Run

    listed = tuple(_device(d) for d in (devices or "").split(",") if d.strip())
    kept = cache if cache is not None else "" if dry_run else None
    resources = Resources(
        sequences_in_flight or (32 if settings.describer.startswith("openai:") else 8),
        frames_in_flight,
        listed[0] if listed else device,
        base_url=base_url,
        cache=kept,
        batch_size=batch_size,
    )
    opening = Opening(dataset, root, split, sequences, limit, split_file, texts, frames_in_flight)
    run = Run.create(opening.open(), out, settings, resources, strict)
    raise typer.Exit(show_plan(run) if dry_run else work(run, opening, listed))


def _device(name: str) -> str:
    return f"cuda:{name.strip()}" if name.strip().isdecimal() else name.strip()


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
    from chatdesc.engine.run import Run
    from chatdesc.synthetic import render

    console = Console()
    source = out / f"synthetic-{count}x{frames}-seed{seed}"
    console.print(f"Rendering {count} sequences of {frames} frames in LaSOT's layout into {source}")
    render(source, count, frames, seed)
    opening = Opening("synthetic", str(source))
    place = out / f"run-{count}x{frames}-seed{seed}-{preset}"
    run = Run.create(opening.open(), place, from_preset(preset), Resources())
    raise typer.Exit(work(run, opening, table=True))


@app.command("write-back")
def write_back(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder")],
    root: RootArg,
    to: Annotated[Path | None, typer.Option(help="a new folder, or a copy of the dataset")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="into the dataset itself; originals stay as .orig")
    ] = False,
    with_annotations: Annotated[bool, typer.Option("--with-annotations", help="copy boxes and flags too")] = False,
    split_file: SplitFileOpt = None,
    texts: TextsOpt = None,
) -> None:
    """Write a run's texts in the dataset's own layout, where existing trackers read them.

    Examples:

      chatdesc write-back runs/lasot-test /data/LaSOT --to /data/LaSOT-refined

      chatdesc write-back runs/otb /data/OTB_sentences --in-place
    """
    from chatdesc.rows.store import Store

    if (to is None) != in_place:
        raise ChatdescError("say either --to FOLDER or --in-place")
    data = Opening(dataset_of(run_folder), root, split_file=split_file, texts=texts).open()
    store = Store(run_folder)
    rows = store.rows(store.names())
    done = data.write_back(rows, root if in_place else str(to), in_place=in_place, copy_annotations=with_annotations)
    typer.echo(f"{len(done.written)} texts written into {root if in_place else to}")
    if done.skipped:
        typer.echo(f"{done.skipped} rows have no text and were left out")


@app.command()
def doctor(
    preset: Annotated[str, typer.Option(help="what the machine shall run")] = "offline",
    base_url: Annotated[str | None, typer.Option(help="the model server to ask")] = None,
) -> None:
    """Say what this machine has and what a preset needs: devices, versions, models, Hub, model server.

    Example:  chatdesc doctor --preset gpu
    """
    from rich.console import Console
    from rich.markup import escape

    from chatdesc.engine.doctor import examine

    console, unwell = Console(), 0
    for check in examine(preset, base_url):
        mark = "[green]ok[/green]  " if check.well else "[red]no[/red]  "
        console.print(f"{mark}{escape(check.what)}: {escape(check.found)}", highlight=False, soft_wrap=True)
        if check.remedy:
            console.print(f"      do: {escape(check.remedy)}", highlight=False, soft_wrap=True)
        unwell += not check.well
    console.print(f"\n{unwell} to mend" if unwell else "\nall well")
    raise typer.Exit(Exit.FAILED_ROWS if unwell else Exit.DONE)


@app.command()
def calibrate(
    dataset: DatasetArg,
    root: RootArg,
    grounder: Annotated[str, typer.Option(help="name or name:model@revision")],
    limit: Annotated[int, typer.Option(min=1, help="sequences with ground truth to try it on")] = 20,
    split: SplitOpt = None,
    split_file: SplitFileOpt = None,
    texts: TextsOpt = None,
    theta: Annotated[float, typer.Option(help="IoU from which a proposal is on the target")] = 0.3,
    seed: Annotated[int, typer.Option(help="of the draw of sequences")] = 0,
    device: DeviceOpt = "auto",
) -> None:
    """Choose a grounder's score threshold on sequences with ground truth.

    Example:  chatdesc calibrate tnl2k /data/TNL2K --grounder grounding-dino:IDEA-Research/grounding-dino-tiny
    """
    from rich.console import Console

    from chatdesc.backends import create
    from chatdesc.evaluation.calibrate import calibrate as choose_threshold

    data = Opening(dataset, root, split, split_file=split_file, texts=texts).open()
    found = choose_threshold(data, create("grounder", grounder, device=device), limit, seed, theta=theta)
    console = Console()
    console.print(plain_table(found.rows(), f"threshold on {found.sequences} sequences"))
    for line in (*found.problems, *found.warnings):
        console.print(line, style="yellow", highlight=False, markup=False)
    console.print(f"\nOn the command line: --box-threshold {found.best:g}; in a preset:", highlight=False)
    console.print(found.as_toml().strip(), highlight=False, markup=False, soft_wrap=True)


app.add_typer(sharing.app)
app.add_typer(evaluating.app)
app.add_typer(comparing.app)


def main() -> None:
    """Entry point: our own errors become one message and exit code 2."""
    try:
        app()
    except ChatdescError as error:
        typer.echo(f"chatdesc: {error}", err=True)
        sys.exit(Exit.USAGE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
