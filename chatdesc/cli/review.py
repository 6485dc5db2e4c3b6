"""``chatdesc review``: decide about texts in the browser."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import echo, new_console, progress_bar
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
from chatdesc.decisions.review import PORT, Reviewed
from chatdesc.names import counted


def review(
    sources: SourcesArg,
    root: RootsOpt = None,
    texts: TextsOpt = None,
    reviewer: Annotated[str | None, typer.Option(help="Whose decisions they are (default: the user's name)")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Folder for decisions; several reviewers may share it (default: RUN/review)")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of 127.0.0.1; 0 takes a free one")] = PORT,
    blind: Annotated[
        bool, typer.Option("--blind", help="Do not say which text is which, nor what others decided")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address")] = False,
    split: OneSplitOpt = None,
    config: ConfigOpt = None,
    text_root: TextRootOpt = None,
    grounder: WordsOpt = None,
    device: DeviceOpt = "auto",
) -> None:
    """Accept, edit, reject or flag texts in the browser; each decision is kept as it is made. Ctrl-C ends.

    Only this machine can open the page, and only by the address that is printed. `chatdesc apply` makes rows and a
    patch of the decisions.

    Examples:

      chatdesc review runs/otb --root /data/OTB_sentences

      chatdesc review runs/otb --root /data/OTB_sentences --reviewer ada --blind

      chatdesc review runs/otb --root /data/OTB_sentences --texts qwen=runs/otb-qwen --texts mine=mine.json

      chatdesc review user/lasot-chatdesc --root /data/LaSOT --decisions decisions
    """

    def ready(url: str, so_far: Reviewed) -> None:
        bar.close()
        before = f", {so_far.decided} decided before" if so_far.decided else ""
        sequences = counted(so_far.sequences, "sequence")
        echo(f"{sequences}{before}; reviewer {so_far.reviewer}; decisions go to {so_far.folder}")
        for note in so_far.notes:
            echo(note, err=True)
        echo(f"open {url}")
        echo("Ctrl-C ends the review; every decision is kept as it is made")

    with ExitStack() as bar:
        progress = bar.enter_context(progress_bar(new_console(), "page", transient=True))
        done = api.review(
            sources, root=root, texts=texts or (), reviewer=reviewer, decisions=decisions, port=port, blind=blind,
            browser=not no_browser, split=split, config=config, text_root=text_root, grounder=grounder, device=device,
            ready=ready, progress=progress,
        )  # fmt: skip
    decided = f"{done.decided} of {counted(done.sequences, 'row')}"
    echo(f"{done.reviewer} has decided {decided}; the decisions are in {done.folder}")
