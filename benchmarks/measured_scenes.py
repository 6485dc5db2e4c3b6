"""Synthetic sequences with six texts each, of which geometry says what they are worth.

Texts of a sequence: `good` (true of the target alone, on every frame), `ambiguous` (true of a look-alike as well),
`wrong` (true of another thing alone), `stops` (true of the target alone at first, of another thing alone from some
frame on), `shuffled-same-class` and `shuffled-other-class` (another sequence's good text, about a target of the same
shape or of another one, which is true of this target on no frame).

Half the scenes have a look-alike of another size on the target's other side, with which it changes sides: `stops` names
the side. In the others the target changes colours with another thing: `stops` names the colour, `good` does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from planted_scenes import ChangingScene, beside_rival

from chatdesc.synthetic import CANVAS, COLOURS, Scene, Thing, make_scene, phrase, sped_up
from chatdesc.vocabulary import SHAPES

SHUFFLED = ("shuffled-same-class", "shuffled-other-class")
KINDS = ("good", "ambiguous", "stops", "wrong", *SHUFFLED)
OTHERS = 60  # further scenes that lend their texts
CLEARLY = 0.65  # how far towards a side a thing is that a text may name the side
FASTER = 3.0


@dataclass(frozen=True, slots=True)
class Told:
    """A scene with its texts by kind, and the first frame from which on ``stops`` is not true of the target."""

    scene: Scene
    texts: Mapping[str, str]
    stops_at: int


def told(count: int, frames: int, seed: int) -> list[Told]:
    """``count`` scenes with all texts; both kinds of scenes in turn."""
    rng = np.random.default_rng([seed, 16])
    makers = [_leaving(rng, frames), _changing(rng, frames)]
    found = [next(makers[k % 2]) for k in range(count + OTHERS)]
    return [_shuffled(found, k, rng) for k in range(count)]


def _shuffled(found: Sequence[Told], k: int, rng: np.random.Generator) -> Told:
    target, texts = found[k].scene.things[0], dict(found[k].texts)
    others = [
        found[j]
        for j in rng.permutation(len(found))
        if j != k and not _ever_true(found[k].scene, found[j].texts["good"])
    ]
    for kind, same in zip(SHUFFLED, (True, False), strict=True):
        texts[kind] = next(o.texts["good"] for o in others if (o.scene.things[0].shape == target.shape) == same)
    return replace(found[k], texts=texts)


def _ever_true(scene: Scene, text: str) -> bool:
    """Whether a text is true of the target on some frame, but for its place."""
    return any(
        _true(at.things[0], text) for at in (scene, scene.changed() if isinstance(scene, ChangingScene) else scene)
    )


def _true(thing: Thing, text: str) -> bool:
    """Whether all attributes that a text names are the thing's, but for its place."""
    known = {thing.colour, thing.shape, thing.size}
    named = {word for word in text.split() if word in (*COLOURS, *SHAPES, "small", "large")}
    return named <= known


def _meant(scene: Scene, text: str) -> list[int]:
    """Which things of a scene a text without a place is true of."""
    return [k for k, thing in enumerate(scene.things) if _true(thing, text)]


def _leaving(rng: np.random.Generator, frames: int) -> Iterator[Told]:
    """Target and a look-alike of another size change sides."""
    while True:
        scene = sped_up(make_scene(rng, frames, "none", 1, same_size=False), FASTER)
        scene = replace(scene, pole=None)
        target, rival = scene.things[:2]
        own, other = (_sides(scene, thing, frames) for thing in (target, rival))
        side = "left" if own[0] < 0.5 else "right"
        away = own if side == "left" else 1 - own
        there = 1 - other if side == "left" else other
        if not (away[0] < 1 - CLEARLY < CLEARLY < away[-1] and there[0] < 1 - CLEARLY < CLEARLY < there[-1]):
            continue
        if not (_inside(scene, frames) and np.flatnonzero(np.diff((away > 0.5).astype(int))).size == 1):
            continue
        good, vague = phrase(target, [target.colour, target.size]), phrase(target, [target.colour])
        wrong = _another(scene)
        if _meant(scene, good) != [0] or _meant(scene, vague) != [0, 1] or wrong is None:
            continue
        texts = {"good": good, "ambiguous": vague, "wrong": wrong, "stops": phrase(target, [target.colour, side])}
        yield Told(scene, texts, int(np.argmax(away > 0.5)))


def _changing(rng: np.random.Generator, frames: int) -> Iterator[Told]:
    """Target and a thing of its shape change colours; nothing else has its shape and size."""
    while True:
        scene = beside_rival(rng, replace(make_scene(rng, frames, "none", 0), pole=None), ["colour"])
        target, rival, *rest = scene.things
        other = "large" if target.size == "small" else "small"
        if target.size == rival.size:
            continue
        scene = replace(scene, things=(target, replace(rival, size=other), *rest))
        change = int(rng.integers(frames // 4, frames * 3 // 4))
        good, vague, colour = (phrase(target, w) for w in ([target.size], [], [target.colour]))
        wrong = _another(scene, lasting=True)
        if not _inside(scene, frames) or _meant(scene, good) != [0] or len(_meant(scene, vague)) < 2 or wrong is None:
            continue
        if _meant(scene, colour) != [0] or _meant(scene, phrase(rival, [rival.colour])) != [1]:
            continue
        made = ChangingScene(scene.things, scene.drift, None, scene.background, good, "changes_colour", change)
        yield Told(made, {"good": good, "ambiguous": vague, "wrong": wrong, "stops": colour}, change)


def _another(scene: Scene, lasting: bool = False) -> str | None:
    """A text that is true of another thing alone; ``lasting``: of one that does not change colours."""
    for k, thing in enumerate(scene.things):
        text = phrase(thing, [thing.colour, thing.size])
        if k > (1 if lasting else 0) and _meant(scene, text) == [k] and thing.shape != scene.things[0].shape:
            return text
    return None


def _sides(scene: Scene, thing: Thing, frames: int) -> np.ndarray:
    """[T] where the middle of a thing is, 0 at the left edge of the frame, 1 at the right one."""
    boxes = np.stack([scene.box(thing, t) for t in range(frames)])
    return np.asarray((boxes[:, 0] + boxes[:, 2] / 2) / CANVAS[0])


def _inside(scene: Scene, frames: int) -> bool:
    """Whether the middles of target and second thing stay in the frame, apart from one another."""
    for thing in scene.things[:2]:
        boxes = np.stack([scene.box(thing, t) for t in range(frames)])
        middle = boxes[:, :2] + boxes[:, 2:] / 2
        if (middle < 10).any() or (middle > np.array(CANVAS) - 10).any():
            return False
    return True
