"""Commands as a terminal of 200 characters shows them."""

from __future__ import annotations

import io
import os
from contextlib import chdir, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess
from unittest.mock import patch

from typer.testing import CliRunner

from chatdesc.cli.main import app, main
from chatdesc.types import ChatdescError


def call(*arguments, columns=200):
    """Call a command: its exit code and output."""
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": str(columns)})


def fails(*arguments):
    """Call a command that must end with an error of ours: its message."""
    done = call(*arguments)
    assert isinstance(done.exception, ChatdescError), done.output
    return str(done.exception)


def typed(*arguments: object, cwd: Path | None = None, columns: int = 100) -> CompletedProcess[str]:
    """Type a command: what a process of it would print and its exit code, without the second that a process takes."""
    words, out, err = [*map(str, arguments)], io.StringIO(), io.StringIO()
    with (
        patch("sys.argv", ["chatdesc", *words]),
        patch.dict(os.environ, {"COLUMNS": str(columns)}),
        chdir(cwd) if cwd else nullcontext(),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return CompletedProcess(words, code, out.getvalue(), err.getvalue())
