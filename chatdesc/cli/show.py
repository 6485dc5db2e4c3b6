"""``chatdesc show``: one row's story, and its sheet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo, new_console
from chatdesc.cli.options import DeviceOpt, RunArg, TextRootOpt
from chatdesc.cli.unused import refuse_given
from chatdesc.reports.audit import wrapped

if TYPE_CHECKING:
    from rich.console import Console

DRAWING = ("root", "text_root", "grounder", "device")


def show(
    context: typer.Context,
    run: RunArg,
    sequence: Annotated[str, typer.Argument(metavar="SEQUENCE", help="Name of the sequence")],
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw the sequence on one sheet instead: a file that ends in .png, .pdf or .svg"),
    ] = None,
    root: Annotated[
        str | None, typer.Option(help="Root of the dataset, for the frames of --picture (default: a sheet without)")
    ] = None,
    text_root: TextRootOpt = None,
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
        _tell(api.show(run, sequence), new_console())
        return
    made = api.sheet(run, sequence, picture, root=root, text_root=text_root, grounder=grounder, device=device)
    echo(f"written: {made.path}")
    if made.without:
        echo(made.without, err=True)


def _tell(story: str, console: Console) -> None:
    """Print a story; a terminal gets lines of its width, a file or a pipe whole ones."""
    for line in story.splitlines():
        words = line.lstrip()
        pieces = wrapped(words, console.width, line[: -len(words)]) if words and console.is_terminal else [line]
        echo("\n".join(pieces))
