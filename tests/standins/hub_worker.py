"""A process that does what tests ask, a line of JSON at a time: the Hub's address is read once, when it is imported."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import traceback


def run(arguments):
    """A command line: its exit code, and what it printed."""
    from chatdesc.cli import main as cli

    out, err = io.StringIO(), io.StringIO()
    sys.argv, code = ["chatdesc", *arguments], 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        except Exception:
            code = -1
            traceback.print_exc()
    return {"code": code, "out": out.getvalue(), "err": err.getvalue()}


def load(options):
    from datasets import get_dataset_config_names, load_dataset

    if options.pop("configs", False):
        return get_dataset_config_names(**options)
    found = load_dataset(**options)
    parts = {str(found.split): found} if options.get("split") else found
    return {name: list(part) for name, part in parts.items()}


def refine(options):
    import chatdesc

    found = chatdesc.load_refined(**options)
    shown = [[s.name, s.text, s.boxes[0].tolist(), int(s.frames[0].max())] for s in found]
    return {"sequences": shown, "problems": [problem.message for problem in found.problems]}


ASKED = {"run": run, "load": lambda options: {"loaded": load(options)}, "refine": refine}


def main():
    import huggingface_hub.utils._http as http

    waits = []
    http.time = type("Clock", (), {**vars(http.time), "sleep": staticmethod(waits.append)})
    answers = sys.stdout
    for line in sys.stdin:
        asked = json.loads(line)
        waits.clear()
        os.environ.pop("HF_TOKEN", None)
        os.environ.update({"HF_TOKEN": asked["token"]} if asked["token"] else {})
        try:
            [answer] = [answer(asked[what]) for what, answer in ASKED.items() if what in asked]
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer | {"waits": waits}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
