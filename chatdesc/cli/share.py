"""Commands that hand rows on: ``export``, ``show``, ``push``. The bodies are elsewhere; here are their options.

chatdesc export user/lasot-chatdesc --to /data/LaSOT --layout lasot
    chatdesc show runs/lasot-test airplane-15
    chatdesc push runs/lasot-test user/lasot-chatdesc --private
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc.types import ChatdescError

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
    from chatdesc.rows.sources import read_rows
    from chatdesc.share import export as exporting

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
    from chatdesc.reports.story import row_of, story

    typer.echo("\n".join(story(row_of(run, sequence))))


@app.command()
def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="a run's folder")],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="USER/NAME; made if it is not there")],
    private: Annotated[bool, typer.Option("--private", help="a new repository is private")] = False,
    config: Annotated[str | None, typer.Option(help="the dataset's name in the repository (default: its own)")] = None,
    split: Annotated[str | None, typer.Option(help="only this split; the others stay as they are")] = None,
    include_frames: Annotated[bool, typer.Option("--include-frames", help="push the run's frames as well")] = False,
    may_redistribute: Annotated[
        bool, typer.Option("--i-have-the-right-to-redistribute", help="the frames, by the source dataset's terms")
    ] = False,
    revision: Annotated[str, typer.Option(help="the branch to push to; made if it is not there")] = "main",
    tag: Annotated[str | None, typer.Option(help="a tag for what was pushed")] = None,
    text_licence: Annotated[
        str | None, typer.Option(help="of the new texts, as the Hub spells it: cc-by-4.0; kept by later pushes")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be sent and removed")] = False,
) -> None:
    """Push a run's rows to a dataset repository on the Hub, in one commit; the texts and boxes, not the frames.

    Examples:

      chatdesc push runs/lasot-test user/lasot-chatdesc --private

      chatdesc push runs/tnl2k-train user/lasot-chatdesc --config tnl2k --split train --tag v1
    """
    from chatdesc.share import hub as hub_push

    if include_frames:
        typer.echo(f"Terms of the frames: {hub_push.terms(run)}")
        if not may_redistribute:
            raise ChatdescError("if these terms let you, add --i-have-the-right-to-redistribute; nothing was sent")
    what = hub_push.Target(repo_id, config, split, private, include_frames, revision, tag, dry_run, text_licence)
    for line in hub_push.told(hub_push.push(run, what), what):
        typer.echo(line)
