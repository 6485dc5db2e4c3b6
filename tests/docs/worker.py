"""A process that runs commands and Python code for the tests of the documentation, a line of JSON at a time.

It is a process of its own because the Hub's address is read once, when huggingface_hub is imported.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback

from tests.makers import garbage
from tests.standins.hub_worker import run


def execute(code: str) -> dict[str, object]:
    """The output of Python code, and its traceback if it fails."""
    out, error = io.StringIO(), ""
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(code, "<snippet>", "exec"), {"__name__": "snippet"})
        except Exception:
            error = traceback.format_exc()
    return {"out": out.getvalue(), "err": error, "code": int(bool(error))}


def main() -> None:
    garbage.sought_seldom()
    answers = sys.stdout
    for line in sys.stdin:
        asked = json.loads(line)
        os.chdir(asked["folder"])
        answer = run(asked["command"]) if "command" in asked else execute(asked["python"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
