"""``chatdesc annotate`` and ``chatdesc demo``: run the loop, show before and after."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from chatdesc import api
from chatdesc.annotation.job import AnnotateResult, demo_folders
from chatdesc.cli.console import Exit, left_out, new_console, progress_bar, say
from chatdesc.cli.options import (
    BaseUrlOpt,
    DatasetArg,
    DeviceOpt,
    LimitOpt,
    NamesOpt,
    PresetOpt,
    RootArg,
    SplitFileOpt,
    SplitOpt,
    TextRootOpt,
    with_settings,
)
from chatdesc.engine.memory import one_arena
from chatdesc.engine.profile import shown_profile
from chatdesc.engine.ray_workers import RayEngine
from chatdesc.names import counted
from chatdesc.reports import summary
from chatdesc.tables import plain_table, write_table
from chatdesc.types import ChatdescError

RUN, SPEED, CLUSTER = "Run", "Speed (changes no row)", "A cluster (--engine ray)"
LOCAL, RAY = "local", "ray"


@with_settings
def annotate(
    dataset: DatasetArg,
    root: RootArg,
    out: Annotated[Path, typer.Option(help="Run folder; the same command continues where it stopped")],
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="I/N: only every N-th sequence, from the I-th on; `chatdesc merge` joins them (default: all)"
        ),
    ] = None,
    preset: PresetOpt = "offline",
    base_url: BaseUrlOpt = None,
    cache: Annotated[
        str | None,
        typer.Option(
            help="Folder for describers' answers, which several runs can share (default: the run folder)",
            rich_help_panel=RUN,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(
            min=1, help="Requests in one forward pass of the describer (default: its own)", rich_help_panel=SPEED
        ),
    ] = None,
    sequences_in_flight: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Sequences in work at the same time (default: as many as fill a batch of every model, at least 8)",
            rich_help_panel=SPEED,
        ),
    ] = None,
    frames_in_flight: Annotated[
        int, typer.Option(min=1, help="Decoded frames kept in memory", rich_help_panel=SPEED)
    ] = 32,
    device: DeviceOpt = "auto",
    devices: Annotated[
        str | None,
        typer.Option(
            help="One process per device: GPU numbers (0,1) or names, separated by commas (default: one process)",
            rich_help_panel=SPEED,
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Where sequences are worked on: local (this machine) or ray", rich_help_panel=CLUSTER)
    ] = LOCAL,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="N|MIN:MAX",
            help="Ray: how many workers, or the fewest and the most; each holds all models (default: 1)",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    worker_cpus: Annotated[
        float | None, typer.Option(help="Ray: CPUs of a worker (default: 1)", rich_help_panel=CLUSTER)
    ] = None,
    worker_gpus: Annotated[
        float | None,
        typer.Option(help="Ray: GPUs of a worker; 0.5 puts two on one (default: 0)", rich_help_panel=CLUSTER),
    ] = None,
    ray_address: Annotated[
        str | None,
        typer.Option(
            help="Ray: a running cluster (default: $RAY_ADDRESS; without it Ray is started on this machine)",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ray: folder or fsspec URL where workers leave each finished row at once (default: rows come back to "
            "this process alone)",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first failed sequence", rich_help_panel=RUN)
    ] = False,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Limit of the run: requests=N, tokens=N, money=N or hours=N; repeatable. Sequences in work are "
            "finished, and the same command with more continues",
            rich_help_panel=RUN,
        ),
    ] = None,
    prices: Annotated[
        str | None,
        typer.Option(help="YAML file of prices for --budget money=N (default: the package's)", rich_help_panel=RUN),
    ] = None,
    record_evidence: Annotated[
        bool,
        typer.Option(
            "--record-evidence",
            help="Keep what the verifier sees on key frames, for `chatdesc train-verifier` (changes no row)",
            rich_help_panel=RUN,
        ),
    ] = False,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile",
            help="Show what each stage did and what limits the run; also written to RUN/profile.csv",
            rich_help_panel=SPEED,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only count the work, and estimate time and cost from a few sequences that are done; writes nothing",
            rich_help_panel=RUN,
        ),
    ] = False,
    **settings: Any,
) -> None:
    """Describe every target, ground and reflect, track, and write a refined dataset.

    Defaults of models and method are those of the preset offline; other presets change some of them.

    Examples:

      chatdesc annotate lasot /data/LaSOT --split test --out runs/lasot-test

      chatdesc annotate tnl2k /data/TNL2K --split train --feedback uniform:4 --out runs/tnl2k-train

      chatdesc annotate otb-lang /data/OTB_sentences --out runs/otb --dry-run
    """
    chosen = {"split": split, "sequences": sequences, "limit": limit, "split_file": split_file, "text_root": text_root}
    chosen |= {"shard": shard}
    speed = {"base_url": base_url, "batch_size": batch_size, "sequences_in_flight": sequences_in_flight}
    common = {"preset": preset, "frames_in_flight": frames_in_flight, "device": device, **chosen, **speed, **settings}
    if dry_run:
        _show_plan(dataset, root, out, common | {"cache": cache})
        raise typer.Exit
    names = tuple(_device(name) for name in (devices or "").split(",") if name.strip())
    cluster = _engine(engine, workers=workers, cpus=worker_cpus, gpus=worker_gpus, address=ray_address, store=store)
    console = new_console()
    one_arena()
    try:
        with progress_bar(console, "annotate") as progress:
            result = api.annotate(
                dataset, root, out, devices=names, engine=cluster, strict=strict, cache=cache,
                record_evidence=record_evidence, budget=budget or (), prices=prices, progress=progress, **common,
            )  # fmt: skip
    except KeyboardInterrupt:
        say(console, f"\nStopped; the same command goes on from here. What was finished is kept in {out}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    if profile:
        _show_profile(result, console)
    _show(result, console)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the synthetic dataset and the run")] = Path("demo"),
    count: Annotated[int, typer.Option(min=1, help="Number of sequences")] = 12,
    frames: Annotated[int, typer.Option(min=2, help="Frames per sequence")] = 40,
    seed: Annotated[int, typer.Option(help="Random seed of the dataset")] = 0,
    preset: PresetOpt = "offline",
) -> None:
    """Render a small synthetic dataset with planted faults, annotate it, and show before and after.

    Example:  chatdesc demo --count 20 --seed 3 --out demo3
    """
    console = new_console()
    source, _ = demo_folders(out, count, frames, seed, preset)
    scenes = f"{counted(count, 'sequence')} of {counted(frames, 'frame')}"
    say(console, f"Rendering {scenes} in LaSOT's layout into {source}")
    try:
        with progress_bar(console, "annotate") as progress:
            result = api.demo(out, count=count, frames=frames, seed=seed, preset=preset, progress=progress)
    except KeyboardInterrupt:
        say(console, f"\nStopped; the same command goes on from here. What was finished is kept in {out}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    console.print(summary.before_after(result.rows))
    _show(result, console)


def _show_profile(result: AnnotateResult, console: Any) -> None:
    """Print what limits a run, and write all of it into its folder."""
    done = result.profile
    if done is None:
        say(console, "no profile: nothing was left to do, or several processes did it", "yellow")
        return
    title = (
        f"profile: {done.seconds:.1f} s, {done.frames_per_second:.1f} frames/s; limited by {done.bound[0]}, "
        f"which alone takes {100 * done.efficiency:.0f} % of that"
    )
    console.print(plain_table(shown_profile(done), title, console.width))
    for path in write_table(done.records(), result.out, "profile"):
        say(console, f"written: {path}")


def _show_plan(dataset: str, root: str, out: Path, options: dict[str, Any]) -> None:
    console = new_console()
    with console.status("counting the sequences, and doing a few of them"):
        plan = api.plan(dataset, root, out=out, **options)
    for line in plan.lines():
        console.print(line, highlight=False)
    console.print("Nothing was written.")


def _show(result: AnnotateResult, console: Any) -> None:
    """Print a run's summary and how to load its dataset; exit with FAILED_ROWS if a sequence failed."""
    rows = list(result.rows)
    console.print(summary.summary(rows))
    if result.describer_counts is not None:
        counts = [f"{name.replace('_', ' ')} {value}" for name, value in result.describer_counts.items() if value]
        say(console, f"describer: {', '.join(counts)}" if counts else "")
    for text, count in summary.repeated_texts(rows):
        line = f"suspicious: {count} sequences have the same text: {text!r}"
        say(console, line, "yellow", wrap=True)
    for line in (*summary.problems(rows), *result.notes, *left_out(result.left_out)):
        say(console, line, "yellow", wrap=True)
    splits = {str(row["split"]) for row in rows}
    split = f', split="{splits.pop()}"' if len(splits) == 1 else ""
    line = f'\nLoad it:  datasets.load_dataset("{result.dataset}"{split})'
    say(console, line)
    raise typer.Exit(Exit.FAILED_ROWS if result.failed or result.left_out or result.stopped else Exit.DONE)


def _engine(name: str, **given: Any) -> RayEngine | None:
    """The cluster that the options name; None for this machine.

    Raises:
        ChatdescError: another engine, or options of a cluster without one.
    """
    given = {option: value for option, value in given.items() if value is not None}
    if name == RAY:
        return RayEngine(**given | ({"workers": _workers(given["workers"])} if "workers" in given else {}))
    if name != LOCAL:
        raise ChatdescError(f"--engine is {LOCAL} or {RAY}, not {name!r}")
    if given:
        raise ChatdescError("options of a cluster (such as --workers) are for --engine ray")
    return None


def _workers(given: str) -> tuple[int, int]:
    """``4`` or ``1:8`` as the fewest and the most workers."""
    found = re.fullmatch("([0-9]{1,6})(?::([0-9]{1,6}))?", given.strip(), re.ASCII)
    if not found:
        raise ChatdescError(f"--workers is N or MIN:MAX, such as 1:8, not {given!r}")
    return int(found[1]), int(found[2] or found[1])


def _device(name: str) -> str:
    return f"cuda:{name.strip()}" if name.strip().isdecimal() else name.strip()
