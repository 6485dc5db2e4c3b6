"""``chatdesc export``, ``chatdesc write-back`` and ``chatdesc push``: give texts to trackers and to others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, echo, left_out
from chatdesc.cli.options import ConfigOpt, OneSplitOpt, RootArg, RunArg, SourceArg, SplitFileOpt, TextRootOpt
from chatdesc.cli.unused import refuse_given
from chatdesc.names import counted, some
from chatdesc.share import hub
from chatdesc.share.export import layouts
from chatdesc.sheets.job import card_sheet
from chatdesc.types import ChatdescError


def export(
    source: SourceArg,
    to: Annotated[Path, typer.Option(help="Output folder: a new one, or a copy of the dataset")],
    layout: Annotated[str, typer.Option(help=", ".join(layouts()))],
    split: OneSplitOpt = None,
    config: ConfigOpt = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace other texts; a dataset's own files are kept as .orig")
    ] = False,
) -> None:
    """Write texts in a layout that trackers read; the frames are not needed.

    Examples:

      chatdesc export user/lasot-chatdesc --to /data/LaSOT --layout lasot --overwrite

      chatdesc export runs/tnl2k-train --to texts --layout dtvlt
    """
    result = api.export(source, to, layout, split=split, config=config, overwrite=overwrite)
    echo(f"{counted(len(result.written), 'file')} written into {to}")
    if result.same:
        echo(f"{counted(result.same, 'was', 'were')} there already, with the same text")
    _say_skipped(result.skipped)
    if result.kept:
        echo(f"{counted(len(result.kept), 'original stays', 'originals stay')} beside as .orig")
    if result.refused:
        refused = counted(len(result.refused), "row was", "rows were")
        echo(f"{refused} refused and left out: {some(result.refused)}", err=True)
    _end(result.refused or _said(result.failed))


def write_back(
    run: RunArg,
    root: RootArg,
    to: Annotated[Path | None, typer.Option(help="Output folder: a new one, or a copy of the dataset")] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Write into the dataset itself; originals are kept as .orig")
    ] = False,
    with_annotations: Annotated[bool, typer.Option("--with-annotations", help="Copy boxes and flags too")] = False,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
) -> None:
    """Write a run's texts in the dataset's own layout, where existing trackers read them.

    Examples:

      chatdesc write-back runs/lasot-test /data/LaSOT --to /data/LaSOT-refined

      chatdesc write-back runs/otb /data/OTB_sentences --in-place
    """
    result = api.write_back(
        run, root, to, in_place=in_place, with_annotations=with_annotations, split_file=split_file, text_root=text_root
    )
    echo(f"{counted(len(result.written), 'text')} written into {root if to is None else to}")
    _say_skipped(result.skipped)
    _end(_said(result.failed))


def _say_skipped(skipped: int) -> None:
    if skipped:
        echo(f"{counted(skipped, 'row has no text and was', 'rows have no text and were')} left out")


def _said(failed: Sequence[str]) -> Sequence[str]:
    """Say which rows lack a text because it failed."""
    if failed:
        count = counted(len(failed), "row has no text because it", "rows have no text because they")
        echo(f"{count} failed ({some(failed)}); `chatdesc annotate` tries again", err=True)
    return failed


def _end(left_out: Sequence[str]) -> None:
    raise typer.Exit(Exit.FAILED_ROWS if left_out else Exit.DONE)


def push(
    context: typer.Context,
    run: RunArg,
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="USER/NAME; created if it does not exist")],
    private: Annotated[bool, typer.Option("--private", help="Create the repository as private")] = False,
    config: Annotated[
        str | None, typer.Option(help="Name of the dataset in the repository (default: the dataset's own)")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only this split; other splits stay as they are")] = None,
    include_frames: Annotated[bool, typer.Option("--include-frames", help="Push the run's frames too")] = False,
    may_redistribute: Annotated[
        bool,
        typer.Option("--i-have-the-right-to-redistribute", help="The dataset's terms allow you to share its frames"),
    ] = False,
    revision: Annotated[str, typer.Option(help="Branch to push to; created if it does not exist")] = "main",
    tag: Annotated[str | None, typer.Option(help="Tag for the pushed commit")] = None,
    text_licence: Annotated[
        str | None,
        typer.Option(help="Licence of the new texts, as the Hub spells it: cc-by-4.0; later pushes keep it"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be sent and removed")] = False,
    picture: Annotated[
        str | None,
        typer.Option(metavar="SEQUENCE", help="Show this sequence with its frames in the card (needs --root)"),
    ] = None,
    root: Annotated[str | None, typer.Option(help="Root of the dataset, for the frames of --picture")] = None,
    text_root: TextRootOpt = None,
) -> None:
    """Push a run's rows to a dataset repository on the Hub, in one commit: texts and boxes, not the frames.

    The card has two plots, which show no frame. --picture adds one sequence with a few frames; where the dataset's
    terms do not plainly allow that, it needs --i-have-the-right-to-redistribute.

    Examples:

      chatdesc push runs/lasot-test user/lasot-chatdesc --private

      chatdesc push runs/tnl2k-train user/lasot-chatdesc --config tnl2k --split train --tag v1
    """
    if picture is None:
        refuse_given(context, ("root", "text_root"), "without --picture")
    if include_frames or (picture and not hub.frames_may_be_shown(Path(run))):
        echo(f"Terms of the frames: {hub.terms(Path(run))}")
        if not may_redistribute:
            raise ChatdescError("if these terms let you, add --i-have-the-right-to-redistribute; nothing was sent")
    target = hub.Target(repo_id, config, split, private, include_frames, revision, tag, dry_run, text_licence)
    sheet = card_sheet(run, picture, root, text_root) if picture else None
    done = hub.push(Path(run), target, lambda line: echo(line, err=True), sheet)
    for line in (*hub.told(done, target), *left_out(done.left_out)):
        echo(line)
    raise typer.Exit(Exit.FAILED_ROWS if done.left_out else Exit.DONE)
