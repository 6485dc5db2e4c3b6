"""Commands that hand rows on: ``export``, ``show``. The bodies are elsewhere; here are their options.

chatdesc export user/lasot-chatdesc --to /data/LaSOT --layout lasot
    chatdesc show runs/lasot-test airplane-15
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def export(
    source: Annotated[str, typer.Argument(help="a run's folder, a dataset folder, or a Hub repository USER/NAME")],
    to: Annotated[Path, typer.Option(help="the folder to write to: a new one, or a copy of the dataset")],
    layout: Annotated[str, typer.Option(help="lasot, lasot_ext, tnl2k, otb-lang, dtvlt, vots, jsonl or csv")],
    split: Annotated[str | None, typer.Option(help="only this split")] = None,
    config: Annotated[str | None, typer.Option(help="which of several datasets in one repository")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="replace other texts; a dataset's own stay beside as .orig")
    ] = False,
) -> None:
    """Write texts where existing trackers read them; the frames are not needed.

    Examples:

      chatdesc export user/lasot-chatdesc --to /data/LaSOT --layout lasot --overwrite

      chatdesc export runs/tnl2k-train --to texts --layout dtvlt
    """
    from chatdesc import export as exporting
    from chatdesc.sources import read_rows

    done = exporting.export(read_rows(source, split, config, exporting.COLUMNS), to, layout, overwrite)
    typer.echo(f"{len(done.written)} files written into {to}")
    for count, what in (
        (done.same, "were there already, with the same text"),
        (done.skipped, "rows have no text and were left out"),
        (len(done.kept), "originals stay beside as .orig"),
    ):
        if count:
            typer.echo(f"{count} {what}")


@app.command()
def show(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder")],
    sequence: Annotated[str, typer.Argument(help="the sequence's name")],
) -> None:
    """Tell one row's whole story: texts tried, words, IoU, margin, choice, alignment, tracking, provenance.

    Example:  chatdesc show runs/lasot-test airplane-15
    """
    from chatdesc.story import row_of, story

    typer.echo("\n".join(story(row_of(run, sequence))))
