"""What commands share on a terminal: exit codes, a console, a progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, NoReturn

import typer

from chatdesc.names import counted, some
from chatdesc.tables import Progress as Callback
from chatdesc.text import printable

if TYPE_CHECKING:
    from rich.console import Console


class Exit(IntEnum):
    """Exit codes: finished, finished with failed rows, wrong input, a fault of the machine, stopped by Ctrl-C."""

    DONE = 0
    FAILED_ROWS = 1
    USAGE = 2
    MACHINE = 3
    INTERRUPTED = 130


def new_console() -> Console:
    """The terminal."""
    from rich.console import Console

    return Console()


def say(console: Console, line: str, style: str | None = None, wrap: bool = False) -> None:
    """Print a line as it is, without markup and control characters.

    Args:
        wrap: break the line between words; a path or a command that people copy stays whole.
    """
    console.print(printable(line), style=style, highlight=False, markup=False, soft_wrap=not wrap)


def echo(text: str, err: bool = False) -> None:
    """Print a text to standard output or standard error, without control characters."""
    typer.echo(printable(text), err=err)


def left_out(why: Mapping[str, str]) -> list[str]:
    """Lines on rows that are not published; ``why`` is per sequence."""
    names = some(list(why))
    count = f"{counted(len(why), 'row is', 'rows are')} left out of the dataset ({names})"
    return [f"{count}: {next(iter(why.values()))}"] if why else []


def end_shown(without_pictures: Sequence[str], left_out: Mapping[str, str]) -> NoReturn:
    """Name the sequences that are shown without pictures and the rows that are not shown at all, and exit.

    Args:
        left_out: why, per sequence.
    """
    if without_pictures:
        echo(f"without pictures: {some(without_pictures)}; are the frames there, and of the same version?", err=True)
    for name, why in [*left_out.items()][:1]:
        count = counted(len(left_out), "row is", "rows are")
        echo(f"{count} left out ({some(list(left_out))}): {name}: {why}", err=True)
    raise typer.Exit(Exit.FAILED_ROWS if left_out else Exit.DONE)


@contextmanager
def progress_bar(console: Console, what: str, transient: bool = False) -> Iterator[Callback]:
    """Yield a callback ``(done, total, note)`` that draws a progress bar with the time left.

    The first call may report work that an earlier run has finished. A new total begins another part of the work.

    Args:
        what: the word before the bar.
        transient: remove the bar at the end.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    nowhere = transient and not console.is_interactive  # nothing would stay but an empty line
    bar = Progress(*columns, console=console, transient=transient, disable=nowhere)
    task = bar.add_task(what, total=None, visible=False, note="")
    started = False

    def update(done: int, total: int, note: str = "") -> None:
        nonlocal started
        if not started and done:
            of_all = f"of {counted(total, 'sequence')}"
            console.print(f"{counted(done, f'{of_all} is', f'{of_all} are')} finished already")
        if not started and done < total:
            bar.reset(task, total=total, completed=done, visible=True, note=note)
            bar.start()
        started = True
        bar.update(task, total=total, completed=done, note=note)

    try:
        yield update
    finally:
        if bar.live.is_started:
            bar.stop()
