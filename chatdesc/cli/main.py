"""The command ``chatdesc``: all commands in the order in which people use them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from chatdesc.cli.annotate import annotate, demo
from chatdesc.cli.apply import agreement, apply
from chatdesc.cli.audit import audit
from chatdesc.cli.calibrate import calibrate
from chatdesc.cli.compare import compare
from chatdesc.cli.console import Exit, echo
from chatdesc.cli.doctor import backends, doctor
from chatdesc.cli.evaluate import evaluate
from chatdesc.cli.fix import fix
from chatdesc.cli.merge import merge
from chatdesc.cli.report import report
from chatdesc.cli.reproduce import reproduce
from chatdesc.cli.review import review
from chatdesc.cli.review_export import review_export
from chatdesc.cli.review_import import review_import
from chatdesc.cli.score import score
from chatdesc.cli.serve_command import serve_command
from chatdesc.cli.share import export, push, write_back
from chatdesc.cli.show import show
from chatdesc.cli.submit import submit
from chatdesc.cli.train_verifier import train_verifier
from chatdesc.private import without_secrets
from chatdesc.types import ChatdescError
from chatdesc.version import __version__

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Try": (demo, doctor, backends, serve_command),
    "Annotate": (annotate, merge, calibrate, train_verifier),
    "Inspect": (show, audit, fix, report),
    "Review": (review, agreement, apply, review_export, review_import),
    "Score": (score, compare, reproduce, evaluate, submit),
    "Share": (export, write_back, push),
}

app = typer.Typer(
    name="chatdesc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Re-annotate vision-language tracking datasets, with evidence for every text.\n\n"
    "Try it without any data:  [bold]chatdesc demo[/bold]\n\n"
    "On a real dataset:  [bold]chatdesc annotate lasot /data/LaSOT --split test --out runs/lasot[/bold]",
)
for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)


MACHINE_REMEDY = (
    "check the free space, the permissions and the disk, then repeat the command: what was finished is kept"
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"chatdesc {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit")
    ] = False,
) -> None:
    """Options of chatdesc itself."""


def _is_named(error: OSError, path: str) -> bool:
    """Whether an error is about a file that is missing, or is a folder, where an argument says."""
    wrong = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | FileExistsError)
    arguments = (argument.rpartition("=")[2] if argument.startswith("--") else argument for argument in sys.argv[1:])
    return wrong and any(a and (path == a or path.startswith(a.rstrip("/") + "/")) for a in arguments)


def main() -> None:
    """Run the command line.

    An error that a user can repair becomes one message and exit code 2, and so does a missing file that the user named;
    a full disk or a missing permission becomes one message and exit code 3.
    """
    try:
        app()
    except ChatdescError as error:
        echo(f"chatdesc: {error}", err=True)
        sys.exit(Exit.USAGE)
    except BrokenPipeError:  # whoever read the output has ended
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(Exit.MACHINE)
    except OSError as error:
        place = error.filename2 or error.filename
        path = os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else ""
        where, named = f"{path}: " if path else "", _is_named(error, path)
        remedy = "is the name right?" if named else MACHINE_REMEDY
        echo(without_secrets(f"chatdesc: {where}{error.strerror or error}; {remedy}"), err=True)
        sys.exit(Exit.USAGE if named else Exit.MACHINE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)


if __name__ == "__main__":
    main()
