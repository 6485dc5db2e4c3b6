"""``chatdesc submit``: a tracker's results checked and packed for an evaluation server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import new_console, progress_bar, say
from chatdesc.cli.options import RootArg
from chatdesc.names import counted


def submit(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="trackingnet or got10k")],
    root: RootArg,
    results: Annotated[
        str, typer.Option(help="Folder or zip of a tracker's results, or a zip made for the server, to check it")
    ],
    out: Annotated[Path | None, typer.Option(help="The zip for the server (default: only check)")] = None,
    split: Annotated[str, typer.Option(help="Split that the results are for")] = "test",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a zip of other content")] = False,
) -> None:
    """Check results on a test set whose ground truth is not published, and write the zip that its server takes.

    Every file must be there under its sequence's name, with one box x,y,width,height per frame. What is missing,
    superfluous, short, not finite or of negative size is named, and nothing is written. Nothing is uploaded.

    Examples:

      chatdesc submit trackingnet /data/TrackingNet --results results/trackingnet --out mine.zip

      chatdesc submit got10k /data/GOT-10k --results results/got10k --out mine.zip
    """
    console = new_console()
    with progress_bar(console, "check", transient=True) as progress:
        done = api.submit(dataset, root, results, out, split=split, overwrite=overwrite, progress=progress)
    frames = sum(row["frames"] for row in done.sequences)
    of_all = f"of {counted(frames, 'frame')}"
    complete = counted(len(done.sequences), f"sequence {of_all} is", f"sequences {of_all} are")
    say(console, f"{complete} complete")
    for note in done.notes:
        say(console, f"note: {note}", "yellow", wrap=True)
    if done.zip is not None:
        say(console, f"{done.zip} was there already, with the same content" if done.same else f"written: {done.zip}")
