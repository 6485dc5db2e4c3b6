"""The command line's options are read from the signatures of its functions once in a process.

Typer reads them anew for every call of the command line, which takes longer than most commands that tests call.
"""

from __future__ import annotations

from functools import cache

import typer.main
import typer.testing


def read_once() -> None:
    """From now on."""
    if not hasattr(typer.main.get_command, "cache_info"):
        typer.main.get_command = cache(typer.main.get_command)
        typer.testing._get_command = typer.main.get_command
