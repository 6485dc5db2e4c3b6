"""``chatdesc review-export``: the queue of a review for a team in another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo, end_shown, new_console, progress_bar
from chatdesc.cli.options import ConfigOpt, DeviceOpt, OneSplitOpt, SourceArg, TextRootOpt
from chatdesc.names import counted


def review_export(
    source: SourceArg,
    to: Annotated[str, typer.Option(help="Tool: label-studio or argilla")],
    out: Annotated[Path, typer.Option(help="A new folder")],
    root: Annotated[str | None, typer.Option(help="Root of the dataset, for pictures (default: texts alone)")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the N most suspicious rows (default: all)")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="URL under which the tool finds the folder of pictures "
            "(default: Label Studio's local files; for argilla, pictures within the records)"
        ),
    ] = None,
    split: OneSplitOpt = None,
    config: ConfigOpt = None,
    text_root: TextRootOpt = None,
    grounder: Annotated[
        str | None,
        typer.Option(help="Ask this grounder where both texts lead (needs --root; default: what the run recorded)"),
    ] = None,
    device: DeviceOpt = "auto",
) -> None:
    """Write texts with their evidence for review by a team in Label Studio or Argilla, the most suspicious first.

    Examples:

      chatdesc review-export runs/otb --to label-studio --root /data/OTB_sentences --out otb-review

      chatdesc review-export runs/otb --to argilla --root /data/OTB_sentences --out otb-argilla --limit 50
    """
    with progress_bar(new_console(), "review-export", transient=True) as progress:
        done = api.review_export(
            source, out, to=to, root=root, limit=limit, address=address, split=split, config=config,
            text_root=text_root, grounder=grounder, device=device, progress=progress,
        )  # fmt: skip
    echo(f"{counted(done.cases, 'row')} for review in {done.folder}")
    end_shown(done.without_pictures, done.left_out)
