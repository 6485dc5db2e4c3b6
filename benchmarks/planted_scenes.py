"""Synthetic scenes with a planted fault in each text: the kinds of `chatdesc.synthetic`, and texts that stop holding.

A text stops holding in two ways. It names the side on which its target starts; target and look-alike then change sides.
Or it names the colour of its target, which then changes colours with another thing of its shape, as traffic lights do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chatdesc.synthetic import (
    CANVAS,
    COLOURS,
    Scene,
    Thing,
    _jpeg,
    _pole_span,
    backdrop,
    draw,
    hidden,
    make_scene,
    phrase,
    place_of,
    sped_up,
    truth,
    write_scenes,
)
from chatdesc.vocabulary import SHAPES

STOPS = "stops_holding"
CHANGES = "changes_colour"
UNCLEAR = "unclear"
KINDS = ("none", "wrong_target", "ambiguous", "typo", STOPS, CHANGES)
FASTER = 3.0
MOSTLY = 0.75  # share of a thing that must be seen so that it may be meant


@dataclass(frozen=True, slots=True)
class ChangingScene(Scene):
    """A scene whose target and second thing change colours in frame ``change``."""

    change: int = 0

    def changed(self) -> Scene:
        """The scene with the colours that it has from then on."""
        first, second, *rest = self.things
        one = replace(first, colour=second.colour, tint=second.tint)
        other = replace(second, colour=first.colour, tint=first.tint)
        return replace(self, things=(one, other, *rest))


def planted(each: int, frames: int, seed: int) -> list[Scene]:
    """``each`` scenes per fault, and as many sound ones as there are of all faults together, in turn.

    Half the sound texts name a side of the frame on which their target stays. A text without a fault that does not
    clearly exclude a look-alike on the first frame is marked UNCLEAR: it counts neither as sound nor as ambiguous. So
    is a planted text if what it is about is behind the pole or out of the frame by more than a quarter.
    """
    rng = np.random.default_rng(seed)
    makers = [_leaving(rng, frames, True), _leaving(rng, frames, False)]
    found: list[Scene] = []
    for k in range(each):
        found += [make_scene(rng, frames, fault, (1, 2, 0, 1, 0)[k % 5]) for fault in KINDS[1:4]]
        found.append(next(makers[0]))
        found += [make_scene(rng, frames, "none", n) for n in (k % 2, 1 + k % 2)]
        found += [next(makers[1]), next(makers[1])]
    found = [scene for scene in found if scene.fault != "none" or not _turns(scene, frames)]
    found += _changing(np.random.default_rng([seed, 2]), each, frames)
    return [replace(scene, fault=UNCLEAR) if _unclear(scene) or _half_seen(scene) else scene for scene in found]


def _half_seen(scene: Scene) -> bool:
    """Whether the first frame that shows the target shows less than most of what a planted text is about.

    An ambiguous text is about the target and another thing that it fits, a wrong one about another thing alone.
    """
    words = [word for word in scene.manual.split() if word in (*COLOURS, *SHAPES)]
    if scene.fault not in ("ambiguous", "wrong_target") or not words:
        return False
    fitting = [thing for thing in scene.things[1:] if all(truth(thing, word) for word in words)]
    if scene.fault == "ambiguous" and not _in_view(scene, scene.things[0]):
        return True
    return not any(_in_view(scene, thing) for thing in fitting)


def _in_view(scene: Scene, thing: Thing) -> bool:
    return seen_share(scene, thing, _first(scene)) >= MOSTLY


def _first(scene: Scene) -> int:
    return next(t for t in range(1000) if not hidden(scene, t))


def seen_share(scene: Scene, thing: Thing, t: int) -> float:
    """The share of a thing's width in frame t that is in the frame and not behind the pole."""
    x, _, w, _ = (float(v) for v in scene.box(thing, t))
    inside = max(0.0, min(x + w, CANVAS[0]) - max(x, 0.0))
    if scene.pole is None:
        return inside / w
    x0, x1 = _pole_span(scene, t)
    return (inside - max(0.0, min(x + w, x1) - max(x, x0))) / w


def _unclear(scene: Scene) -> bool:
    """Whether a text that should be sound at first may be true of a look-alike, too."""
    if scene.fault not in ("none", STOPS):
        return False
    target, others = scene.things[0], scene.things[1:]
    said = [word for word in scene.manual.split() if truth(target, word)]
    return any(all(truth(other, word) is not False for word in said) for other in others)


def write_planted(root: Path, scenes: list[Scene], frames: int) -> list[str]:
    """Write scenes in LaSOT's layout, as ``write_scenes`` does, with the frames in which colours have changed."""
    names = write_scenes(root, scenes, frames)
    for name, scene in zip(names, scenes, strict=True):
        if isinstance(scene, ChangingScene):
            background, changed = backdrop(scene.background), scene.changed()
            for t in range(scene.change, frames):
                path = root / name.rpartition("-")[0] / name / "img" / f"{t + 1:08d}.jpg"
                path.write_bytes(_jpeg(draw(changed, t, background)))
    return names


def beside_rival(rng: np.random.Generator, scene: Scene, differs: Collection[str]) -> Scene:
    """The scene with a second thing of the target's colour and shape, but for those of them in ``differs``."""
    target, rival = scene.things[:2]
    others = {"colour": tuple(COLOURS), "shape": SHAPES}
    new = {kind: str(getattr(target, kind)) for kind in others}
    for kind in differs:
        new[kind] = str(rng.choice([name for name in others[kind] if name != new[kind]]))
    rival = replace(rival, **new, tint=COLOURS[new["colour"]])
    return replace(scene, things=(target, rival, *scene.things[2:]))


def _changing(rng: np.random.Generator, count: int, frames: int) -> Iterator[Scene]:
    """Scenes whose texts are true of the target at first, and of another thing before half of the video is over."""
    while count:
        scene = beside_rival(rng, make_scene(rng, frames, "none", 0), ["colour"])
        target, others = scene.things[0], scene.things[1:]
        if any((o.colour, o.shape) == (target.colour, target.shape) for o in others):
            continue
        count -= 1
        change = int(rng.integers(frames // 4, frames // 2 + 1))
        manual = phrase(target, [target.colour])
        yield ChangingScene(scene.things, scene.drift, scene.pole, scene.background, manual, CHANGES, change)


def _leaving(rng: np.random.Generator, frames: int, leaves: bool) -> Iterator[Scene]:
    """Scenes whose targets leave the side that their texts name, or stay there; none leaves the frame."""
    while True:
        scene = sped_up(make_scene(rng, frames, "none", 1), FASTER if leaves else 1.0)
        sides = [side for side in place_of(scene.things[0]) if side in ("left", "right")]
        if not sides or not _in_frame(scene, frames):
            continue
        scene = replace(scene, manual=phrase(scene.things[0], [scene.things[0].colour, sides[0]]))
        if (
            leaves
            and _share(scene, frames - frames // 4, sides[0]) < 0.42
            and _share(scene, frames - 1, sides[0]) < 0.42
        ):
            yield replace(scene, fault=STOPS)
        elif not leaves and not _turns(scene, frames):
            yield scene


def _turns(scene: Scene, frames: int) -> bool:
    """Whether the target is not clearly on a side that its text names, on some frame."""
    sides = [side for side in ("left", "right", "top", "bottom") if f" {side}" in scene.manual]
    return any(_share(scene, t, side) < 0.5 for side in sides for t in range(frames))


def _share(scene: Scene, t: int, side: str) -> float:
    """How far the target is towards a side in frame t, 0 (at the opposite one) to 1."""
    x, y, w, h = (float(v) for v in scene.box(scene.things[0], t))
    share = (x + w / 2) / CANVAS[0] if side in ("left", "right") else (y + h / 2) / CANVAS[1]
    return share if side in ("right", "bottom") else 1 - share


def _in_frame(scene: Scene, frames: int) -> bool:
    """Whether the target's middle and its look-alike's stay in the frame."""
    for thing in scene.things[:2]:
        boxes = np.stack([scene.box(thing, t) for t in range(frames)])
        middle = boxes[:, :2] + boxes[:, 2:] / 2
        if (middle < 10).any() or (middle > np.array(CANVAS) - 10).any():
            return False
    return True
