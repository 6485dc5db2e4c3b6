"""``chatdesc reproduce``: the method's tables for one dataset, in one go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, new_console, progress_bar, say
from chatdesc.cli.options import BaseUrlOpt, DatasetArg, DeviceOpt, LimitOpt, NamesOpt, RootArg, TextRootOpt
from chatdesc.tables import percent, plain_table

FAILURES = 10  # lines


def reproduce(
    dataset: DatasetArg,
    root: RootArg,
    out: Annotated[Path, typer.Option(help="Output folder: the page, its tables, and the run (folder run)")],
    preset: Annotated[str, typer.Option(help="Full set of backends; `chatdesc backends` lists the presets")] = "paper",
    split: Annotated[str, typer.Option(help="test, train, or all")] = "test",
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    text_root: TextRootOpt = None,
    judge: Annotated[
        str | None, typer.Option(help="Grounder that took no part in choosing the texts: NAME or NAME:MODEL")
    ] = None,
    verifier: Annotated[
        list[str] | None, typer.Option(help="Verifier for the ablation; repeatable (default: learned)")
    ] = None,
    base_url: BaseUrlOpt = None,
    sequences_in_flight: Annotated[int, typer.Option(min=1, help="Sequences in work at the same time")] = 8,
    device: DeviceOpt = "auto",
) -> None:
    """Annotate, score, compare and ablate a dataset, and write one page with the tables of the paper.

    The page has tracking on the benchmark, what a text is worth to the tracker, alignment of texts and targets,
    verification, and reflection, each filled by this run, beside published figures with their protocols. Stop it at
    any time: the same command continues.

    Examples:

      chatdesc reproduce lasot /data/LaSOT --preset gpu --out reproduce/lasot

      chatdesc reproduce otb-lang /data/OTB_sentences --preset paper --base-url http://127.0.0.1:8000/v1 --out otb

      chatdesc reproduce synthetic demo/synthetic-12x40-seed0 --preset tiny --out reproduce/demo
    """
    console = new_console()
    try:
        with progress_bar(console, "reproduce", transient=True) as progress:
            done = api.reproduce(
                dataset, root, out, preset=preset, split=None if split == "all" else split, sequences=sequences,
                limit=limit, text_root=text_root, judge=judge, verifiers=verifier or (), base_url=base_url,
                sequences_in_flight=sequences_in_flight, device=device, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        say(console, f"\nStopped; the same command goes on from here. What was finished is kept in {out}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    for failure in done.failures[:FAILURES]:
        say(console, failure, "yellow")
    if (more := len(done.failures) - FAILURES) > 0:
        say(console, f"... and {more} more", "yellow")
    shown = [
        {k: percent(v) for k, v in row.items() if k in ("tracker", "AUC", "P_Norm", "P")} for row in done.benchmark
    ]
    console.print(plain_table(shown, f"{dataset}, protocol {done.comparison.protocol}, in %", console.width))
    say(console, f"written: {done.page} and {len(done.files) - 1} files beside it")
    raise typer.Exit(Exit.FAILED_ROWS if done.failures else Exit.DONE)
