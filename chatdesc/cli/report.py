"""``chatdesc report``: rows as a page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, echo, new_console, progress_bar
from chatdesc.cli.options import DeviceOpt, TextsOpt
from chatdesc.names import counted, some


def report(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Run folders, dataset folders, or Hub repositories USER/NAME"),
    ],
    root: Annotated[
        list[str] | None,
        typer.Option(help="Root of the dataset, for pictures: one for all sources, or one each; repeatable"),
    ] = None,
    out: Annotated[Path, typer.Option(help="The page")] = Path("report.html"),
    full: Annotated[
        bool, typer.Option("--full", help="Larger pictures, in a folder beside the page (needs --root)")
    ] = False,
    split: Annotated[str | None, typer.Option(help="Only this split (default: all)")] = None,
    config: Annotated[str | None, typer.Option(help="Which of several datasets in one repository")] = None,
    texts: TextsOpt = None,
    grounder: Annotated[
        str | None, typer.Option(help="Ask this grounder where the words lead, to show their boxes (needs --root)")
    ] = None,
    device: DeviceOpt = "auto",
) -> None:
    """Write one page that shows what the words found: open it in a browser, without a network.

    Examples:

      chatdesc report runs/otb --root /data/OTB_sentences

      chatdesc report runs/otb --root /data/OTB_sentences --grounder attributes --out otb.html

      chatdesc report runs/lasot-qwen runs/lasot-llava --root /data/LaSOT --full
    """
    with progress_bar(new_console(), "report", transient=True) as progress:
        made = api.report(
            sources, root=root, out=out, full=full, split=split, config=config, texts=texts, grounder=grounder,
            device=device, progress=progress,
        )  # fmt: skip
    echo(f"{counted(made.sequences, 'sequence')} in {made.page} ({made.size / 1e6:.1f} MB); open it in a browser")
    if made.folder:
        echo(f"keep its pictures beside it: {made.folder}")
    if made.without_pictures:
        echo(
            f"without pictures: {some(made.without_pictures)}; are the frames there, and of the same version?", err=True
        )
    if made.left_out:
        name, why = next(iter(made.left_out.items()))
        count = counted(len(made.left_out), "row is", "rows are")
        echo(f"{count} left out ({some(list(made.left_out))}): {name}: {why}", err=True)
    raise typer.Exit(Exit.FAILED_ROWS if made.left_out else Exit.DONE)
