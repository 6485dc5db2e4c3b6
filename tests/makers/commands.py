"""Commands as a terminal of 200 characters shows them."""

from __future__ import annotations

from typer.testing import CliRunner

from chatdesc.cli.main import app
from chatdesc.types import ChatdescError


def call(*arguments, columns=200):
    """Call a command: its exit code and output."""
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": str(columns)})


def fails(*arguments):
    """Call a command that must end with an error of ours: its message."""
    done = call(*arguments)
    assert isinstance(done.exception, ChatdescError), done.output
    return str(done.exception)
