"""``chatdesc report``: rows as a page for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo, end_shown, new_console, progress_bar
from chatdesc.cli.options import (
    ConfigOpt,
    DeviceOpt,
    OneSplitOpt,
    RootsOpt,
    SourcesArg,
    TextRootOpt,
    TextsOpt,
    WordsOpt,
)
from chatdesc.names import counted


def report(
    sources: SourcesArg,
    root: RootsOpt = None,
    texts: TextsOpt = None,
    out: Annotated[Path, typer.Option(help="The page")] = Path("report.html"),
    full: Annotated[
        bool, typer.Option("--full", help="Larger pictures, in a folder beside the page (needs --root)")
    ] = False,
    split: OneSplitOpt = None,
    config: ConfigOpt = None,
    text_root: TextRootOpt = None,
    grounder: WordsOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Write one page that shows what the words found: open it in a browser, without a network.

    Examples:

      chatdesc report runs/otb --root /data/OTB_sentences

      chatdesc report runs/otb --root /data/OTB_sentences --grounder attributes --out otb.html

      chatdesc report runs/otb --root /data/OTB_sentences --texts qwen=runs/otb-qwen --texts mine=mine.json

      chatdesc report runs/lasot-qwen runs/lasot-llava --root /data/LaSOT --full
    """
    with progress_bar(new_console(), "report", transient=True) as progress:
        made = api.report(
            sources, root=root, texts=texts or (), out=out, full=full, split=split, config=config, text_root=text_root,
            grounder=grounder, device=device, progress=progress,
        )  # fmt: skip
    echo(f"{counted(made.sequences, 'sequence')} in {made.page} ({made.size / 1e6:.1f} MB); open it in a browser")
    for note in made.notes:
        echo(note, err=True)
    if made.folder:
        echo(f"keep its pictures beside it: {made.folder}")
    end_shown(made.without_pictures, made.left_out)
