"""A process that does what tests ask, a line of JSON at a time: the Hub's address is read once, when it is imported."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback


@contextlib.contextmanager
def asking(hub, home, **environment):
    """A function that asks a process of its own, whose Hub is the stand-in; it gets the answer as a dict."""
    ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    ours["USE_TORCH"] = "0"  # datasets would import it, for seconds, only to share a counter
    quiet = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.standins.hub_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **ours, **quiet, **environment},
    )

    def ask(token, **what):
        process.stdin.write(json.dumps(what | {"token": token}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    try:
        yield ask
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def run(arguments):
    """A command line: its exit code, and what it printed."""
    from chatdesc.cli import main as cli
    from tests.makers.command_group import read_once

    read_once()
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
    from huggingface_hub import constants
    from huggingface_hub.utils import _xet

    from chatdesc.share import hub, hub_patience
    from tests.makers import garbage

    garbage.sought_seldom()
    waits = []
    http.time = hub.time = type("Clock", (), {**vars(http.time), "sleep": staticmethod(waits.append)})
    answers = sys.stdout
    for line in sys.stdin:
        asked = json.loads(line)
        waits.clear()
        constants.HF_HUB_OFFLINE = asked.get("offline", False)
        hub_patience.LIMITS = hub_patience.Limits(**asked.get("limits", {}))
        _xet.abort_xet_session()  # the next one reads its settings anew
        _xet.XET_CONNECTION_INFO_CACHE.clear()
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
