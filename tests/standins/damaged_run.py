"""Run folders that something has damaged: each damage is a function of a run folder and a row's file in it.

``DAMAGES`` has them by name. ``NOTICED`` are those that leave a row, or the run, that cannot be what it was: no command
may go on as if nothing had happened. The others leave the rows as they were.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path, Path], object]


def _row(change: Callable[[bytes], bytes]) -> Damage:
    return lambda run, row: row.write_bytes(change(row.read_bytes()))


def _field(**values: object) -> Damage:
    return _row(lambda data: json.dumps(json.loads(data) | values).encode())


def _without(*names: str) -> Damage:
    return _row(lambda data: json.dumps({k: v for k, v in json.loads(data).items() if k not in names}).encode())


def _config(text: str) -> Damage:
    return lambda run, row: (run / "run.json").write_text(text)


def _folder(run: Path, row: Path) -> None:
    row.unlink()
    row.mkdir()


def _link(run: Path, row: Path) -> None:
    row.unlink()
    row.symlink_to(run / "nowhere.json")


NOTICED: dict[str, Damage] = {
    "row cut short": _row(lambda data: data[: len(data) // 2]),
    "row empty": _row(lambda data: b""),
    "row of zeros": _row(lambda data: bytes(len(data))),
    "row of random bytes": _row(lambda data: bytes(b ^ 0xA5 for b in data)),
    "row with a stray byte": _row(lambda data: data[:40] + b"\xff" + data[41:]),
    "row is a list": _row(lambda data: b"[" + data + b"]"),
    "row nested too deep": _row(lambda data: b"[" * 100_000),
    "row is null": _row(lambda data: b"null"),
    "row without its name": _without("sequence"),
    "row of a number for a name": _field(sequence=3),
    "row of another sequence": _field(sequence="other-1"),
    "row without a text column": _without("text", "status"),
    "row with a text that is a list": _field(text=["a"]),
    "row with boxes that are words": _field(boxes="everywhere"),
    "row with rounds that are numbers": _field(rounds=[1, 2]),
    "row with an unknown column": _field(colour="red"),
    "row is a folder": _folder,
    "row is a link to nowhere": _link,
    "run.json empty": _config(""),
    "run.json cut short": _config('{"dataset": "las'),
    "run.json is a list": _config("[]"),
    "run.json without a dataset": _config("{}"),
    "run.json of another dataset": _config('{"dataset": 5}'),
    "run.json is gone": lambda run, row: (run / "run.json").unlink(),
    "rows are gone": lambda run, row: shutil.rmtree(run / "rows"),
}
HARMLESS: dict[str, Damage] = {
    "a stray file beside the rows": lambda run, row: (row.parent / "notes.txt").write_text("mine"),
    "a half-written row beside the rows": lambda run, row: (row.parent / ".host-4194999-1.tmp").write_text("{"),
    "the dataset is gone": lambda run, row: shutil.rmtree(run / "dataset"),
    "the dataset is half there": lambda run, row: shutil.rmtree(run / "dataset" / "data"),
    "a dataset half written": lambda run, row: (run / ".dataset.new").mkdir(),
    "the lock file is gone": lambda run, row: (run / ".lock").unlink(),
}
DAMAGES = NOTICED | HARMLESS
