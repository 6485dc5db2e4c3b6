"""Every command on run folders that something has damaged.

Wrong: exit code 0 of a command that reads rows, though not every row of the run before the damage is in what it wrote;
``annotate`` does not make the damage good, or says so with exit code 0. Tried are damages times commands.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.fuzz.command import Done, command
from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.scene import difference, first, fresh, published, scene
from tests.standins.damaged_run import DAMAGES, HARMLESS

COMMANDS = ("annotate", "show", "score", "compare", "export", "csv", "write-back", "push")
FIGURES, NUMBER = "damaged run folders x commands", len(DAMAGES) * len(COMMANDS)


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All pairs of a damage and a command, in an order that the seed decides; at most ``tries``."""
    pairs = drawn([(damage, name) for damage in DAMAGES for name in COMMANDS], seed, tries)
    outcome = Outcome()
    for damage, name in pairs:
        _one(outcome, damage, name)
    return outcome


def _one(outcome: Outcome, damage: str, name: str) -> None:
    folder = fresh()
    shutil.copytree(scene().run, folder / "run")
    files = sorted((folder / "run" / "rows").glob("*.json"))
    DAMAGES[damage](folder / "run", files[1])
    done = command(*_line(name, folder))
    wrong = _annotated(damage, done, folder) if name == "annotate" else _read(damage, name, done, folder, files)
    outcome.add(f"{name}, {damage}", wrong, done.crash)


def _line(name: str, folder: Path) -> list[object]:
    run, to, place = folder / "run", folder / "to", scene()
    return {
        "annotate": place.annotate(run),
        "show": ["show", run, sorted(place.rows)[1]],
        "score": ["score", run, "--out", to],
        "compare": ["compare", run, place.root, "--tracker", "kcf", "--out", to],
        "export": ["export", run, "--to", to, "--layout", "lasot"],
        "csv": ["export", run, "--to", to, "--layout", "jsonl"],
        "write-back": ["write-back", run, place.root, "--to", to],
        "push": ["push", run, "user/name", "--dry-run"],
    }[name]


def _annotated(damage: str, done: Done, folder: Path) -> str:
    """Either the undisturbed dataset again, or a refusal."""
    if done.code == 0:
        return difference(scene().rows, published(folder / "run" / "dataset"))
    if done.code not in (2, 3) or damage in HARMLESS:
        return f"exit code {done.code}, {done.said}"
    return ""


def _read(damage: str, name: str, done: Done, folder: Path, files: list[Path]) -> str:
    if name == "push":  # there is no Hub within reach: it must end there, with a message
        return "exit code 0" if done.code == 0 else ""
    if done.code not in (0, 2, 3):
        return f"exit code {done.code}, {done.said}"
    if done.code:
        return f"refused: {done.said}" if damage in HARMLESS else ""
    return first((_short(name, folder), _other(name, folder)))


def _short(name: str, folder: Path) -> str:
    """Whether what a command wrote lacks a sequence."""
    counts = {
        "export": lambda: len(list((folder / "to").rglob("nlp.txt"))),
        "csv": lambda: len((folder / "to" / "texts.jsonl").read_text().splitlines()),
        "write-back": lambda: len(list((folder / "to").rglob("nlp.txt"))),
    }
    if name not in counts or (count := counts[name]()) >= len(scene().rows):
        return ""
    return f"exit code 0 with {count} of {len(scene().rows)} sequences"


def _other(name: str, folder: Path) -> str:
    """Whether a text that was written is not the undisturbed one."""
    if name != "csv":
        return ""
    rows = [json.loads(line) for line in (folder / "to" / "texts.jsonl").read_text().splitlines()]
    other = [str(row["sequence"]) for row in rows if row["text"] != scene().rows.get(row["sequence"], {}).get("text")]
    return f"exit code 0 with another text for {', '.join(other)}" if other else ""
