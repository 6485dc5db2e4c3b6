"""``chatdesc show``: one row's story."""

from __future__ import annotations

from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo
from chatdesc.cli.options import RunArg


def show(run: RunArg, sequence: Annotated[str, typer.Argument(help="Name of the sequence")]) -> None:
    """Tell one row's story: texts tried, words, IoU, margin, choice, alignment, tracking, provenance.

    Example:  chatdesc show runs/lasot-test airplane-15
    """
    echo(api.show(run, sequence))
