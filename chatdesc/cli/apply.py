"""``chatdesc apply`` and ``chatdesc agreement``: what a review has led to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, echo, left_out, new_console, say
from chatdesc.cli.options import ConfigOpt, OneSplitOpt, TextRootOpt
from chatdesc.names import counted, some
from chatdesc.tables import plain_table

if TYPE_CHECKING:
    from chatdesc.decisions.apply import Applied

SHOWN = 20  # rows of a list
DecisionsOpt = Annotated[Path | None, typer.Option(help="Folder of the decisions (default: RUN/review)")]
STATES = {
    "differ": "reviewers do not agree, so the row stays as it is; choose with --reviewer NAME or --latest",
    "changed": "the texts have changed since they were shown, so the row stays as it is; review it again",
    "gone": "the source has no such row",
}
VERDICTS = {
    "accept": "accepted",
    "edit": "edited",
    "reject": "rejected: back to the manual text where there is one",
    "flag": "flagged: the text stays",
}


def apply(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="What was reviewed: run folder, dataset folder, or USER/NAME")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the rows, and for the patch")],
    decisions: DecisionsOpt = None,
    root: Annotated[
        str | None, typer.Option(help="Root of the dataset: also makes a patch of its own text files")
    ] = None,
    reviewer: Annotated[str | None, typer.Option(help="Only this reviewer's decisions (default: everybody's)")] = None,
    latest: Annotated[
        bool,
        typer.Option("--latest", help="Where reviewers differ, the latest decision counts (default: the row stays)"),
    ] = False,
    split: OneSplitOpt = None,
    config: ConfigOpt = None,
    text_root: TextRootOpt = None,
) -> None:
    """Make new rows of a review's decisions, and a patch for the dataset's own files. SOURCE and ROOT stay as they are.

    Examples:

      chatdesc apply runs/otb --out reviewed

      chatdesc apply runs/otb --root /data/OTB_sentences --out reviewed

      chatdesc apply runs/otb --out reviewed-ada --reviewer ada
    """
    done = api.apply(
        source, out, decisions=decisions, root=root, reviewer=reviewer, latest=latest, split=split, config=config,
        text_root=text_root,
    )  # fmt: skip
    _tell(done)
    for line in left_out(done.left_out):
        echo(line, err=True)
    raise typer.Exit(Exit.FAILED_ROWS if done.left_out else Exit.DONE)


def _tell(done: Applied) -> None:
    counts = done.counts
    for verdict, said in VERDICTS.items():
        if verdict in counts:
            echo(f"{counts[verdict]} {said}")
    for state, said in STATES.items():
        if state in counts:
            names = [outcome.sequence for outcome in done.outcomes if outcome.state == state]
            echo(f"{counts[state]} not applied ({some(names)}): {said}", err=True)
    echo(f"written: {counted(done.rows, 'row')} in {done.out}")
    for name, why in list(done.unwritten.items())[:SHOWN]:
        echo(f"not in the patch: {name}: {why}", err=True)
    if len(done.unwritten) > SHOWN:
        echo(f"not in the patch: {len(done.unwritten) - SHOWN} more; chatdesc.apply gives all of them", err=True)
    if done.patch:
        echo(f"written: {done.patch} ({counted(done.files, 'text file')})")
        echo(f"apply it: {done.command}")
        echo(f"undo it:  {done.undo}")


def agreement(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="What was reviewed: run folder, dataset folder, or USER/NAME")
    ],
    decisions: DecisionsOpt = None,
) -> None:
    """Show how far reviewers agree (Cohen's kappa), and the rows on which they differ.

    Examples:

      chatdesc agreement runs/otb
    """
    console, found = new_console(), api.agreement(source, decisions=decisions)
    console.print(plain_table(found.records(), "Agreement", console.width))
    for pair in found.pairs:
        one, other = pair.reviewers
        if pair.others:
            say(
                console,
                f"{counted(pair.others, 'row does', 'rows do')} not count: {one} and {other} saw different texts",
            )
        if pair.differing:
            console.print(plain_table(pair.table()[:SHOWN], f"Where {one} and {other} differ", console.width))
        if len(pair.differing) > SHOWN:
            say(console, f"{SHOWN} of {len(pair.differing)} rows; chatdesc.agreement gives all of them")
