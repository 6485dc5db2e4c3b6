"""``chatdesc merge``: shards of a run as one run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, new_console, progress_bar, say
from chatdesc.names import counted, some


def merge(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders with the same configuration")],
    out: Annotated[Path, typer.Option(help="Folder of the new run; the same command continues where it stopped")],
    allow_gaps: Annotated[
        bool, typer.Option("--allow-gaps", help="Merge although shards or sequences are missing, or failed")
    ] = False,
) -> None:
    """Merge runs of parts of a dataset into one run, and write its dataset.

    Shards and sequences that are missing or failed are named, and nothing is merged then. A sequence that several runs
    have must have the same row in all of them.

    Examples:

      chatdesc annotate lasot /data/LaSOT --shard 1/2 --out runs/lasot-1

      chatdesc annotate lasot /data/LaSOT --shard 2/2 --out runs/lasot-2

      chatdesc merge runs/lasot-1 runs/lasot-2 --out runs/lasot
    """
    console = new_console()
    with progress_bar(console, "merge", transient=True) as progress:
        done = api.merge(runs, out, allow_gaps=allow_gaps, progress=progress)
    say(console, f"{counted(done.sequences, 'sequence')} of {counted(len(runs), 'run')} in {done.out}")
    if done.twice:
        say(console, f"in several runs: {some(done.twice)}")
    for what, names in (("no run is shard", done.shards), ("without a row", done.missing), ("failed", done.failed)):
        if names:
            say(console, f"{what}: {some(names)}", "yellow")
    for name, why in done.left_out.items():
        say(console, f"not in the dataset: {name}: {why}", "yellow")
    say(console, f'\nLoad it:  datasets.load_dataset("{done.dataset}")')
    gaps = done.shards or done.missing or done.failed or done.left_out
    raise typer.Exit(Exit.FAILED_ROWS if gaps else Exit.DONE)
