"""chatdesc's commands, called in this process or in one of their own: exit code, what was printed, and any crash."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
        code: its exit code; negative for a signal or a crash.
        out, err: what it printed.
        crash: the last line of a traceback, empty where it ended as a command should.
    """

    code: int
    out: str
    err: str
    crash: str = ""

    @property
    def said(self) -> str:
        """The last line of its messages."""
        return (self.err.strip().splitlines() or [""])[-1][:200]


def command(*arguments: object) -> Done:
    """Call a command line in this process, as ``chatdesc`` on a terminal of 200 characters does."""
    from chatdesc.cli import main as cli

    out, err, crash, code = io.StringIO(), io.StringIO(), "", 0
    words = ["chatdesc", *map(str, arguments)]
    with (
        mock.patch.object(sys, "argv", words),
        mock.patch.dict(os.environ, {"COLUMNS": "200"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            code, crash = -1, crashed(error)
    crash = crash or crash_in(out.getvalue() + err.getvalue())
    return Done(code, out.getvalue(), err.getvalue(), crash)


def process(*arguments: object, module: str = "chatdesc", timeout: float = 120, **options: object) -> Done:
    """Call a command line in a process of its own; ``options`` are those of subprocess.run."""
    line = [sys.executable, "-m", module, *map(str, arguments)]
    try:
        ended = subprocess.run(line, capture_output=True, timeout=timeout, cwd=REPOSITORY, env=environment(), **options)
    except subprocess.TimeoutExpired:
        return Done(-1, "", "", f"no end within {timeout:g} s")
    out, err = ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace")
    return Done(ended.returncode, out, err, crash_in(out + err))


def environment() -> dict[str, str]:
    """The environment of a process that finds this checkout."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}


def crashed(error: BaseException) -> str:
    """An exception in a line, with the place that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:120]} ({Path(last.filename).name}:{last.lineno})"


def crash_in(text: str) -> str:
    """The last line of a printed traceback; empty where there is none."""
    _, found, after = text.partition("Traceback (most recent call last)")
    lines = [line for line in after.splitlines() if line and not line.startswith((" ", ":"))]
    return (lines or ["a traceback"])[0][:200] if found else ""
