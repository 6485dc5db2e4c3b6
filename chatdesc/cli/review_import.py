"""``chatdesc review-import``: a team's answers as decisions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, echo, new_console
from chatdesc.cli.options import ConfigOpt, OneSplitOpt
from chatdesc.names import counted, some
from chatdesc.tables import plain_table
from chatdesc.types import ChatdescError


def review_import(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Run folder, dataset folder, or Hub repository that was exported")
    ],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Label Studio's JSON or JSON-MIN, Argilla's JSON or JSON Lines"),
    ],
    decisions: Annotated[
        Path | None, typer.Option(help="Folder of the decisions (default: RUN/review; needed where SOURCE is no run)")
    ] = None,
    reviewer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Whose answers they are, or ANNOTATOR=NAME for each of several annotators; repeatable "
            "(default: the annotator's e-mail or name, or the tool and a number)",
        ),
    ] = None,
    split: OneSplitOpt = None,
    config: ConfigOpt = None,
) -> None:
    """Take a team's answers from Label Studio or Argilla as decisions; those that are known are taken once.

    Examples:

      chatdesc review-import runs/otb argilla.json

      chatdesc review-import runs/otb label-studio.json --reviewer 1=ada
    """
    done = api.review_import(
        source, files, decisions=decisions, reviewer=_named(reviewer or []), split=split, config=config
    )
    known = f"; {done.known} known before" if done.known else ""
    echo(f"{counted(len(done.decisions), 'new decision')} in {done.folder}{known}")
    if done.decisions:
        new_console().print(plain_table(done.records()))
    if done.outdated:
        echo(f"decided here since, and left as it is: {some(done.outdated)}", err=True)
    if done.changed:
        echo(
            f"the texts have changed since the export, so these decisions apply no more: {some(done.changed)}", err=True
        )
    for sequence, why in done.left_out:
        echo(f"no decision: {sequence}: {why}", err=True)
    raise typer.Exit(Exit.FAILED_ROWS if done.left_out else Exit.DONE)


def _named(given: list[str]) -> str | dict[str, str] | None:
    """The reviewer of all answers, or of each annotator."""
    pairs = [each.partition("=") for each in given]
    if len(given) == 1 and "=" not in given[0]:
        return given[0]
    if wrong := [name for name, equals, new in pairs if not (equals and name and new)]:
        raise ChatdescError(
            f"--reviewer {wrong[0]}: say one name for all answers, or ANNOTATOR=NAME for each annotator"
        )
    return {name: new for name, _, new in pairs} or None
