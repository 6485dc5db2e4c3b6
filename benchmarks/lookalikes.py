"""Scenes in which a text matters: look-alikes, and a target that is away again and again and comes back elsewhere.

A visual tracker loses such a target, words that fit a look-alike lead to it, and words of place stop being true. Two of
the three look-alikes have another size, one has the target's. They come into view some frames after the first one, so
that the first frame does not show which words are needed; or they are there from the start. Sequences are in LaSOT's
layout.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from chatdesc.synthetic import CANVAS, FAULTS, Scene, Thing, _jpeg, backdrop, draw, hidden, make_scene, sped_up

AWAY = (6, 11)  # frames, at least and under
BETWEEN = (12, 20)  # frames from a return to the next absence
ENTERS = (4, 10)  # the frame in which look-alikes come into view
LOOKALIKES = 3


def write(root: Path, count: int, frames: int, seed: int, from_the_start: bool = False) -> list[str]:
    """Write ``count`` sequences, all in the split test; their names.

    ``from_the_start``: the look-alikes are in the first frame, too.
    """
    names = []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        fault = "none" if number % 2 else FAULTS[1 + (number // 2) % 3]
        scene = sped_up(make_scene(rng, frames, fault, LOOKALIKES, same_size=False), float(rng.uniform(1, 2)))
        names.append(f"{scene.things[0].shape}-{number + 1}")
        enters = 0 if from_the_start else int(rng.integers(*ENTERS))
        _write(root / scene.things[0].shape / names[-1], scene, frames, enters, rng)
    (root / "testing_set.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return names


def stays(frames: int, rng: np.random.Generator) -> list[range]:
    """The stretches of frames in which the target is there."""
    found, start = [], 0
    while start < frames:
        stop = min(start + int(rng.integers(*BETWEEN)), frames)
        found.append(range(start, stop))
        start = stop + int(rng.integers(*AWAY))
    return found


def _write(folder: Path, scene: Scene, frames: int, enters: int, rng: np.random.Generator) -> None:
    (folder / "img").mkdir(parents=True)
    background = backdrop(scene.background)
    there = stays(frames, rng)
    shown: list[Scene | None] = [None] * frames
    for stay in there:
        moved = scene if stay.start == 0 else _elsewhere(scene, stay.start, rng)
        shown[stay.start : stay.stop] = [moved] * len(stay)
    boxes, absent, covered = [], [], []
    for t, now in enumerate(shown):
        away = [scene.things[0]] * (now is None) + [thing for thing in scene.things[1 : 1 + LOOKALIKES] if t < enters]
        seen = tuple(thing for thing in (now or scene).things if thing not in away)
        picture = draw(replace(scene, things=seen), t, background)
        (folder / "img" / f"{t + 1:08d}.jpg").write_bytes(_jpeg(picture))
        boxes.append(",".join(str(round(float(v))) for v in (now or scene).box((now or scene).things[0], t)))
        absent.append(int(now is None or not _inside(now, t)))
        covered.append(int(now is not None and hidden(now, t)))
    (folder / "groundtruth.txt").write_text("\n".join(boxes) + "\n", encoding="utf-8")
    (folder / "nlp.txt").write_text(scene.manual, encoding="utf-8")
    (folder / "full_occlusion.txt").write_text(",".join(map(str, covered)) + "\n", encoding="utf-8")
    (folder / "out_of_view.txt").write_text(",".join(map(str, absent)) + "\n", encoding="utf-8")


def _elsewhere(scene: Scene, t: int, rng: np.random.Generator) -> Scene:
    """The scene with its target at a free place in frame ``t``."""
    target = scene.things[0]
    for _ in range(50):
        low = target.radius + 2
        x, y = rng.uniform(low, CANVAS[0] - low), rng.uniform(low, CANVAS[1] - low)
        there, (cx, cy) = target.centre(t), scene.camera(t)
        start = target.start[0] + x + cx - there[0], target.start[1] + y + cy - there[1]
        moved = replace(scene, things=(replace(target, start=start), *scene.things[1:]))
        if not any(_near(moved, other, t) for other in scene.things[1:]):
            break
    return moved


def _near(scene: Scene, other: Thing, t: int) -> bool:
    target = scene.things[0]
    (x, y), (u, v) = target.centre(t), other.centre(t)
    return max(abs(x - u), abs(y - v)) < target.radius + other.radius


def _inside(scene: Scene, t: int) -> bool:
    x, y, w, h = scene.box(scene.things[0], t)
    return bool(0 < x + w / 2 < CANVAS[0] and 0 < y + h / 2 < CANVAS[1])
