"""Datasets in zips: crafted ones, and a sound one with random damages. Every sequence and every frame is read.

Wrong: a file outside the archive is read or written; a sequence without a problem and without an error has other values
than the sound one; the sound sequence beside a hostile one cannot be read; more than SECONDS of work, or more than
MEMORY bytes.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import numpy as np

import chatdesc.loaders
from chatdesc.types import ChatdescError
from tests.fuzz.command import crashed
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import first, fresh
from tests.standins.hostile_archives import CRAFTED, damaged, sequence, zipped

DAMAGES = 1500
FIGURES, NUMBER = "zips: crafted, and damaged at random", len(CRAFTED) + DAMAGES
SECONDS, MEMORY = 10.0, 1 << 30


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """The crafted ones, as many as there are among ``tries``, and then random damages."""
    chance, outcome, folder = random.Random(seed), Outcome(), fresh()
    crafted = list(CRAFTED)
    chance.shuffle(crafted)
    if tries < NUMBER:  # some of each
        crafted = crafted[: tries // 4]
    for name in crafted:
        CRAFTED[name](folder / "crafted.zip")
        _one(outcome, name, folder / "crafted.zip", crafted=True)
    sound = zipped(folder / "sound.zip", {**sequence("bus-1"), **sequence("bus-2")}).read_bytes()
    for _ in range(tries - len(crafted)):
        done = damaged(folder / "damaged.zip", sound, chance)
        _one(outcome, done, folder / "damaged.zip", crafted=False)
    return outcome


def _one(outcome: Outcome, case: str, path: Path, crafted: bool) -> None:
    begin, crash = time.process_time(), ""
    said: list[str] = []
    try:
        with limited_memory():
            wrong = _read(path, said)
            sound = crafted and case in UNTOUCHED
    except ChatdescError as error:
        wrong, sound = _words(str(error)), False
        wrong = wrong or ("the sound sequence cannot be read" if crafted and case in UNTOUCHED else "")
    except BaseException as error:
        wrong, crash, sound = "", crashed(error), False
    took = time.process_time() - begin
    escaped = [str(file) for file in (Path("/escaped"), path.parent.parent / "escaped") if file.exists()]
    wrong = first(
        (
            wrong,
            f"{took:.0f} s" if took > SECONDS else "",
            f"outside: {escaped}" if escaped else "",
            "bus-1 is not there" if sound and "bus-1" not in said else "",
        )
    )
    outcome.add(case, wrong, crash)


# Crafted zips whose own sound sequence is untouched, so that it must be readable.
UNTOUCHED = frozenset(
    name for name in CRAFTED if not name.startswith(("an archive", "LZMA that", "an unknown", "locked", "another"))
)


def _read(path: Path, said: list[str]) -> str:
    """Read everything that a run would read; in ``said`` the sequences that were read as sound."""
    dataset = chatdesc.loaders.load("lasot", path)
    for name in dataset.names:
        try:
            found = dataset[name]
            frames = [found.frames[i] for i in range(len(found.frames))]
        except ChatdescError as error:
            if words := _words(str(error)):
                return words
            continue
        if any("root:" in str(value) for value in (found.manual_text, *found.problems)):
            return f"{name} holds a file of this machine"
        if not found.problems and name in ("bus-1", "bus-2") and (other := _other(found, frames)):
            return f"{name} has {other}, and no problem is told"
        said.append(name)
    return ""


def _other(found, frames: list[np.ndarray]) -> str:
    """What of a sequence is not that of the sound one."""
    if found.manual_text not in ("a red bus", "another text"):
        return f"the text {str(found.manual_text)[:30]!r}"
    if found.boxes.tolist() != [[1, 2, 3, 4], [2, 2, 3, 4]]:
        return f"the boxes {found.boxes.tolist()}"
    if found.visible is not None and found.visible.tolist() != [True, False]:
        return f"the flags {found.visible.tolist()}"
    if len(frames) != 2 or any(frame.shape != (8, 12, 3) or not (frame == 90).all() for frame in frames):
        return "other frames"
    return ""


def _words(message: str) -> str:
    return f"a message of {len(message)} characters" if len(message) > 2000 else ""


class limited_memory:  # noqa: N801
    """A limit on what this process may take in addition; what goes beyond is a MemoryError."""

    def __enter__(self) -> None:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
        self._before = resource.getrlimit(resource.RLIMIT_AS)
        if pages:
            limit = pages * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (limit, self._before[1]))

    def __exit__(self, *_: object) -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, self._before)
