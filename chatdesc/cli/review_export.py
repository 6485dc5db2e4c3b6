"""``chatdesc review-export``: the queue of a review for a team in another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, echo, new_console, progress_bar
from chatdesc.cli.options import DeviceOpt, TextsOpt
from chatdesc.names import counted, some


def review_export(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Run folder, dataset folder, or Hub repository USER/NAME")
    ],
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
    split: Annotated[str | None, typer.Option(help="Only this split (default: all)")] = None,
    config: Annotated[str | None, typer.Option(help="Which of several datasets in one repository")] = None,
    texts: TextsOpt = None,
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
            source, out, to=to, root=root, limit=limit, address=address, split=split, config=config, texts=texts,
            grounder=grounder, device=device, progress=progress,
        )  # fmt: skip
    echo(f"{counted(done.cases, 'row')} for review in {done.folder}")
    if done.without_pictures:
        echo(
            f"without pictures: {some(done.without_pictures)}; are the frames there, and of the same version?", err=True
        )
    if done.left_out:
        name, why = next(iter(done.left_out.items()))
        count = counted(len(done.left_out), "row is", "rows are")
        echo(f"{count} left out ({some(list(done.left_out))}): {name}: {why}", err=True)
    raise typer.Exit(Exit.FAILED_ROWS if done.left_out else Exit.DONE)
