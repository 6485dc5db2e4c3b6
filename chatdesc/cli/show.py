"""``chatdesc show``: one row's story, and its sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo
from chatdesc.cli.options import DeviceOpt, RunArg, TextsOpt
from chatdesc.cli.unused import refuse_given

DRAWING = ("root", "texts", "grounder", "device")


def show(
    context: typer.Context,
    run: RunArg,
    sequence: Annotated[str, typer.Argument(help="Name of the sequence")],
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw the sequence on one sheet instead: a file that ends in .png, .pdf or .svg"),
    ] = None,
    root: Annotated[
        str | None, typer.Option(help="Root of the dataset, for the frames of --picture (default: a sheet without)")
    ] = None,
    texts: TextsOpt = None,
    grounder: Annotated[
        str | None,
        typer.Option(help="Ask this grounder for the proposals on the first frame of --picture (needs --root)"),
    ] = None,
    device: DeviceOpt = "auto",
) -> None:
    """Tell one row's story: texts tried, words, IoU, margin, choice, alignment, tracking, provenance.

    With --picture it becomes one sheet: the target, both texts with their numbers, frames with the boxes of target and
    track, IoU over time, and findings.

    Examples:

      chatdesc show runs/lasot-test airplane-15

      chatdesc show runs/otb Biker --picture biker.pdf --root /data/OTB_sentences
    """
    if picture is None:
        refuse_given(context, DRAWING, "without --picture")
        echo(api.show(run, sequence))
        return
    made = api.sheet(run, sequence, picture, root=root, texts=texts, grounder=grounder, device=device)
    echo(f"written: {made.path}")
    if made.without:
        echo(made.without, err=True)
