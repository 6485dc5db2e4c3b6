"""Datasets in three layouts, one annotation file of one sequence damaged at random. Every sequence is read.

Wrong: a sequence beside the damaged one differs or has a problem; the damaged one has no problem and no error though
a plain reading of its boxes (lines of four numbers, one for each frame, finite where the target is visible) fails, or
has other boxes than that reading; text of another file of this machine; more than SECONDS of
work, or no end.
"""

from __future__ import annotations

import math
import random
import re
import signal
import time
from functools import cache
from pathlib import Path

import chatdesc.loaders
from chatdesc.types import ChatdescError
from tests.fuzz.command import crashed
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import first, fresh
from tests.standins.hostile_datasets import LAYOUTS, NAMES, damage, sound

FIGURES, NUMBER = "damaged annotation folders", 500
SECONDS, PATIENCE = 5.0, 5
ENDS = (
    r"\r\n|\r|\n",
    r"\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]",
)  # of lines: as files have them, and as Python does


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """Each try damages one file of a sound dataset."""
    chance, outcome = random.Random(seed), Outcome()
    for number in range(tries):
        layout = LAYOUTS[number % len(LAYOUTS)]
        _undamaged(layout)
        done, undo = damage(_sound(layout), chance)
        begin = time.process_time()
        try:
            with no_longer():
                wrong, crash = _judged(layout, _sound(layout)), ""
        except Hangs:
            wrong, crash = "hangs", ""
        except Exception as error:
            wrong, crash = "", crashed(error)
        slow = f"{time.process_time() - begin:.0f} s" if time.process_time() - begin > SECONDS else ""
        undo()
        outcome.add(f"{layout}: {done}", first((wrong, slow)), crash)
    return outcome


class Hangs(BaseException):
    """Nothing came for PATIENCE seconds; no OSError, which would be taken for a fault of the file."""


class no_longer:  # noqa: N801
    """An alarm after PATIENCE seconds."""

    def __enter__(self) -> None:
        def ring(*_: object) -> None:
            raise Hangs

        self._before = signal.signal(signal.SIGALRM, ring)
        signal.alarm(PATIENCE)

    def __exit__(self, *_: object) -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self._before)


@cache
def _sound(layout: str) -> Path:
    return sound(fresh() / "sound", layout)


def _read(layout: str, root: Path) -> dict[str, tuple | None]:
    """Boxes, flags, text and problems by sequence; None for one that is refused with a message."""
    found: dict[str, tuple | None] = {}
    dataset = chatdesc.loaders.load(layout, root)
    for name in dataset.names:
        try:
            one = dataset[name]
        except ChatdescError:
            found[name] = None
            continue
        flags = None if one.visible is None else one.visible.tolist()
        found[name] = (one.boxes.tolist(), flags, one.manual_text, [problem.kind for problem in one.problems])
    return found


@cache
def _undamaged(layout: str) -> dict[str, tuple | None]:
    return _read(layout, _sound(layout))


def _judged(layout: str, root: Path) -> str:
    try:
        found = _read(layout, root)
    except ChatdescError as error:
        return f"the whole dataset is refused: {str(error)[:100]}"
    other = [name for name in NAMES if name != "bus-2" and found.get(name) != _undamaged(layout)[name]]
    if other:
        return f"{', '.join(other)} suffers"
    if (one := found.get("bus-2")) is None:
        return ""
    boxes, flags, text, problems = one
    if text and "root:" in text:
        return "holds a file of this machine"
    if problems:
        return ""
    readings = [_plain(root, boxes, flags, ends) for ends in ENDS]
    return "" if "" in readings else readings[0]


def _plain(root: Path, boxes: list, flags: list | None, ends: str) -> str:
    """How boxes without a problem differ from a plain reading of their file; empty where they are equal."""
    [file] = [path for path in root.rglob("groundtruth*.txt") if path.parent.name == "bus-2"]
    try:
        lines = [line for line in re.split(ends, file.read_bytes().decode("utf-8-sig")) if line.strip()]
        read = [[float(part) for part in re.split(r"[,;\s]+", line.strip())] for line in lines]
    except (ValueError, OSError) as error:
        return f"no problem, though a plain reading says {error}"
    shown = flags or [True] * 4
    finite = all(all(map(math.isfinite, box)) for box, visible in zip(read, shown) if visible)
    if len(read) != 4 or any(len(box) != 4 for box in read) or not finite:
        return f"no problem, though a plain reading finds {str(read)[:80]}"
    near = all(_near(a, b) for written, box in zip(read, boxes) for a, b in zip(written, box))
    return "" if near and len(boxes) == 4 else f"boxes {str(boxes)[:80]} for {str(read)[:80]}"


def _near(one: float, other: float) -> bool:
    return one == other or not (math.isfinite(one) or math.isfinite(other)) or math.isclose(one, other, rel_tol=1e-6)
