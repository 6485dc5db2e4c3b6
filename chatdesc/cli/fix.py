"""``chatdesc fix``: safe corrections of a dataset's texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.checks.fix import CONFIDENCE
from chatdesc.cli.console import new_console, say
from chatdesc.cli.options import DatasetArg, LimitOpt, NamesOpt, RootArg, SplitFileOpt, SplitOpt, TextRootOpt
from chatdesc.names import between_commas, counted

if TYPE_CHECKING:
    from rich.console import Console

LONG = 500  # characters of a line that are shown
STYLES = {"+": "green", "-": "red", "@": "cyan"}


def fix(
    dataset: DatasetArg,
    root: RootArg,
    to: Annotated[Path | None, typer.Option(help="New folder for all texts, in the dataset's layout")] = None,
    patch: Annotated[Path | None, typer.Option(help="File for a patch, for `git apply` at ROOT")] = None,
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="How sure a suggestion for a misspelt word must be")
    ] = CONFIDENCE,
    checks: Annotated[
        str | None, typer.Option(help="Names of checks, separated by commas (default: formatting and misspelt words)")
    ] = None,
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
) -> None:
    """Correct spaces, punctuation, damaged characters and certain misspellings; show the changes as a diff.

    ROOT itself is never changed. Without --to and --patch nothing is written.

    Examples:

      chatdesc fix lasot /data/LaSOT

      chatdesc fix lasot /data/LaSOT --patch lasot-texts.patch

      chatdesc fix tnl2k /data/TNL2K --split train --to corrected
    """
    names = None if checks is None else between_commas(checks)
    done = api.fix(
        dataset, root, to=to, patch=patch, confidence=confidence, checks=names, split=split, sequences=sequences,
        limit=limit, split_file=split_file, text_root=text_root,
    )  # fmt: skip
    console = new_console()
    for change in done.changes:
        _print(change.patch.decode("utf-8", "backslashreplace"), console)
    of_all = f"of {counted(done.texts, 'text')}"
    done_now = counted(len(done.changes), f"{of_all} is", f"{of_all} are")
    would_be = f"{len(done.changes)} {of_all} would be"
    say(console, f"{done_now if to or patch else would_be} corrected", "bold")
    if done.left:
        count = counted(done.left, "finding of the same kinds is", "findings of the same kinds are")
        say(console, f"{count} left to you: chatdesc audit {dataset} ROOT")
    if done.to:
        say(console, f"written: {done.to}")
    if done.patch:
        say(console, f"written: {done.patch} (apply it at ROOT: git apply {done.patch}; undo it: git apply -R)")
    elif done.changes and not done.to:
        say(console, "nothing is written: name --patch FILE or --to FOLDER")


def _print(diff: str, console: Console) -> None:
    for line in diff.splitlines():
        shown = line if len(line) <= LONG else f"{line[:LONG]}..."
        say(console, shown, None if line[:3] in ("---", "+++") else STYLES.get(line[:1]))
