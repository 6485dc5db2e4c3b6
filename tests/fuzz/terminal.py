"""Every command over names, texts and paths that hold terminal escapes, directions of writing and markup.

Wrong: a control or format character in what a command prints; markup of a text that is taken for ours (it is missing in
what ``show`` prints). Tried are command lines.
"""

from __future__ import annotations

import random
import shutil
import unicodedata
from functools import cache
from pathlib import Path

from tests.fuzz.command import Done, command
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import QUICK, first, fresh
from tests.fuzz.served import annotate as served_annotate
from tests.makers import datasets as make
from tests.standins import model_server as servers

ESCAPE, LINK, TURNED = "\x1b[31m\x1b[2J", "\x1b]8;;http://evil.test\x07", "\u202e"
NAME = f"kite-{ESCAPE}{TURNED}1"
TEXT = f"red {ESCAPE}{LINK}kite{TURNED} [/INST] [bold]loud[/bold] [link=file:///x]y[/link]"


@cache
def _place() -> Path:
    """A dataset with a hostile name and text (``data``), a run on it (``run``) and results of a tracker."""
    folder = fresh() / f"[/]{ESCAPE}place"
    make.tnl2k(folder / "data", {NAME: "train", "kite-2": "train"})
    for text in (folder / "data").rglob("language.txt"):
        text.write_text(TEXT)
    for number, line in enumerate(("1,2,3,4\n1,2,3,4\n1,2,3,4\n", "1,2\n")):
        make.put(folder / "results" / f"{NAME if number else 'kite-2'}.txt", line)
    return folder


def _lines() -> dict[str, list]:
    folder = _place()
    data, run = folder / "data", folder / "run"
    annotate = ["annotate", "tnl2k", data, "--out", run, *QUICK]
    return {
        "annotate": annotate,
        "annotate again": annotate,
        "annotate, dry": [*annotate, "--dry-run"],
        "annotate, another setting": [*annotate, "--theta", "0.4"],
        "annotate, an unknown sequence": [*annotate, "--sequences", NAME + "0"],
        "annotate, an unknown dataset": ["annotate", TEXT, data, "--out", run],
        "annotate, an unknown root": ["annotate", "tnl2k", data / TEXT.replace("/", ""), "--out", run],
        "annotate, an unknown backend": [*annotate, "--describer", TEXT],
        "show": ["show", run, NAME],
        "show, an unknown sequence": ["show", run, NAME + "0"],
        "score": ["score", run, "--out", folder / "scores"],
        "compare": ["compare", run, data, "--tracker", "kcf"],
        "evaluate": ["evaluate", "tnl2k", data, f"{folder / 'results'}={ESCAPE}mine"],
        "calibrate": ["calibrate", "tnl2k", data, "--grounder", "attributes"],
        "export": ["export", run, "--to", folder / "to", "--layout", "lasot"],
        "export, not again": ["export", run, "--to", data, "--layout", "lasot"],
        "export, csv": ["export", run, "--to", folder / "csv", "--layout", "csv"],
        "write-back": ["write-back", run, data, "--to", folder / "back"],
        "push": ["push", run, "user/name", "--dry-run"],
        "push, an odd name": ["push", run, TEXT],
        "doctor": ["doctor", "--base-url", f"http://127.0.0.1:9/{ESCAPE}"],
        "demo": ["demo", "--out", folder / "demo", "--count", "1", "--frames", "2"],
        "backends": ["backends"],
    }


FIGURES, NUMBER = "commands over hostile names and texts", 24


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """``annotate`` first; the others in an order that the seed decides; at most ``tries``."""
    outcome, names = Outcome(), [name for name in _lines() if name != "annotate"]
    shutil.rmtree(_place() / "run", ignore_errors=True)
    random.Random(seed).shuffle(names)
    for name in ["annotate", *names][: min(tries, NUMBER - 1)]:
        done = command(*_lines()[name])
        shown = "[/INST]" not in done.out if name == "show" else False
        outcome.add(name, first((_raw(done), "markup is gone" if shown else "")), done.crash)
    if tries >= NUMBER:
        _served(outcome)
    return outcome


def _served(outcome: Outcome) -> None:
    """A server whose errors hold escapes."""
    with servers.model_server() as server:
        server.script = lambda body, n: servers.error(400, TEXT)
        done = served_annotate(fresh() / "run", server)
    outcome.add("annotate, a server's words", _raw(done), done.crash)


def _raw(done: Done) -> str:
    """The first control or format character of an output."""
    raw = [char for char in done.out + done.err if char != "\n" and unicodedata.category(char) in ("Cc", "Cf")]
    return f"prints {raw[0]!a}" if raw else ""
