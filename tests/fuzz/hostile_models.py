"""Model folders with malicious weights or with code of their own, given to each backend that loads such a model.

Wrong: something of it ran (its mark is there); a file outside the folder was written. A model that loads without its
code running is right, and so is a refusal with a message.
"""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import numpy as np

from chatdesc.backends import create
from chatdesc.types import ChatdescError, Describe, Follow, FrameRef, Ground
from tests.fuzz.command import crashed
from tests.fuzz.outcome import Outcome, drawn
from tests.fuzz.scene import fresh
from tests.makers.crops import noisy_video, request
from tests.makers.sequences import frames_of
from tests.standins.hostile_models import CODE, WEIGHTS, sound

SPECS = {
    "clip": ("encoder", "clip:{}"),
    "open-clip": ("encoder", "open-clip:local-dir:{}"),
    "grounding-dino": ("grounder", "grounding-dino:{}"),
    "owlv2": ("grounder", "owlv2:{}"),
    "llava": ("describer", "transformers:{}"),
    "sam2": ("tracker", "sam2:{}"),
}
ATTACKS = WEIGHTS | CODE
FIGURES, NUMBER = "malicious weights and repository code x backends", len(ATTACKS) * len(SPECS)


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """All pairs of an attack and a backend, in an order that the seed decides; at most ``tries``."""
    pairs = drawn([(attack, kind) for attack in ATTACKS for kind in SPECS], seed, tries)
    return attacked(pairs)


def attacked(pairs: list[tuple[str, str]]) -> Outcome:
    """These pairs of an attack and a backend."""
    outcome = Outcome()
    for attack, kind in pairs:
        _one(outcome, attack, kind)
    return outcome


@cache
def _sound(kind: str) -> Path:
    return sound(kind, fresh() / kind)


def _one(outcome: Outcome, attack: str, kind: str) -> None:
    place = fresh()
    folder, mark = place / "models" / kind, place / "ran"
    shutil.copytree(_sound(kind), folder)
    ATTACKS[attack](folder, mark)
    crash = ""
    role, spec = SPECS[kind]
    try:
        _use(role, create(role, spec.format(folder), device="cpu"))
    except ChatdescError:
        pass
    except Exception as error:
        crash = crashed(error)
    outcome.add(f"{attack}, {kind}", "its code ran" if mark.exists() else "", crash)


def _use(role: str, backend) -> None:
    """Load a backend's model and ask it once."""
    backend.describe_self()
    frames = frames_of([np.full((32, 32, 3), 90, np.uint8)] * 2)
    frame, box = FrameRef(frames, 0), np.array([4, 4, 20, 20], np.float32)
    asked = {
        "encoder": lambda: backend.embed([request(noisy_video(), frames=(0,))]),
        "grounder": lambda: backend.ground([Ground(frame, "red square")]),
        "describer": lambda: backend.describe([Describe(frame, box, "Describe it.")]),
        "tracker": lambda: backend.follow([Follow(frames, 1, 2, init=box)]),
    }
    for answer in asked[role]():
        if isinstance(answer, Exception):
            raise answer
