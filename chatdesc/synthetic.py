"""Synthetic sequences in LaSOT's layout: coloured shapes that move, look-alikes, occlusion, camera motion.

Everything comes from a seed, so equal arguments give equal files. ``render`` writes sequences; their manual texts have
planted faults of the three kinds that real ones have, listed in ``scenes.json`` beside the sequences. ``stills`` are
single frames with all facts about them, for training and testing models; the splits share no scene.

>>> [still] = stills("train", 1)
>>> still.image.shape, len(still.things), sorted(words_of(still.things[0]))
((240, 320, 3), 5, ['cross', 'right', 'small', 'top', 'white'])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chatdesc.cores import cores
from chatdesc.types import Boxes, Image
from chatdesc.vocabulary import SHAPES, outline

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (205, 35, 40), "blue": (40, 70, 205), "green": (35, 150, 55), "yellow": (238, 218, 45),
    "purple": (135, 45, 165), "orange": (240, 140, 30), "white": (248, 248, 248), "black": (14, 14, 14),
}  # fmt: skip
SIZES = {"small": (0.05, 0.065), "large": (0.12, 0.14)}
PLACES = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
FAULTS = ("none", "wrong_target", "ambiguous", "typo")
TWINS = ("colour", "shape", "size", *PLACES)
SPLITS = ("train", "validation", "test")
CANVAS = (320, 240)
POLE = 40  # as wide as a small thing, so that it can hide one


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape and its path.

    Attributes:
        colour, shape, size: the words that are true of it; ``tint`` is its RGB colour.
        radius: half its width, pixels.
        start, velocity: (x, y) of its centre in frame 0, pixels in the scene; pixels per frame.
        sway, phase: amplitude (x, y) in pixels and phase of a swing around the straight path.
    """

    colour: str
    shape: str
    size: str
    radius: float
    start: tuple[float, float]
    velocity: tuple[float, float]
    sway: tuple[float, float]
    phase: float
    tint: tuple[int, int, int]

    def centre(self, t: int) -> tuple[float, float]:
        """(x, y) in frame t, pixels in the scene."""
        swing = np.sin(self.phase + t / 9) - np.sin(self.phase)
        return (
            self.start[0] + self.velocity[0] * t + self.sway[0] * swing,
            self.start[1] + self.velocity[1] * t + self.sway[1] * swing,
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """A moving scene.

    Attributes:
        things: the target first.
        drift: amplitude (x, y) of the camera's movement, pixels.
        pole: x of the middle of a pole in front of everything, pixels; None without one.
        background: seed of the backdrop.
        manual, fault: the manual text, and its planted fault, one of FAULTS.
    """

    things: tuple[Thing, ...]
    drift: tuple[float, float]
    pole: float | None
    background: int
    manual: str
    fault: str

    def camera(self, t: int) -> tuple[float, float]:
        """(x, y) of the frame's corner in the scene in frame t, pixels."""
        return self.drift[0] * np.sin(t / 12), self.drift[1] * np.sin(t / 15)

    def box(self, thing: Thing, t: int) -> Boxes:
        """[4] xywh of a thing in frame t, pixels, not cut at the frame's edge."""
        (x, y), (cx, cy) = thing.centre(t), self.camera(t)
        return np.array([x - cx - thing.radius, y - cy - thing.radius, 2 * thing.radius, 2 * thing.radius], np.float32)


@dataclass(frozen=True, slots=True)
class Still:
    """One frame: ``image`` RGB uint8 [240, 320, 3], its n ``things``, and their ``boxes`` [n, 4] xywh in pixels."""

    image: Image
    things: tuple[Thing, ...]
    boxes: Boxes


def place_of(thing: Thing) -> list[str]:
    """Position words that are clearly true of a thing in the first frame."""
    return [word for word in PLACES if _towards(thing, word) > 0.65]


def truth(thing: Thing, word: str) -> bool | None:
    """Whether a word is true of a thing in the first frame; None for a place that is true only by a little."""
    if word in PLACES:
        towards = _towards(thing, word)
        return True if towards > 0.65 else False if towards < 0.5 else None
    return word in (thing.colour, thing.shape, thing.size)


def _towards(thing: Thing, word: str) -> float:
    """How far a thing lies towards a side, 0 (at the opposite one) to 1."""
    share = thing.start[0] / CANVAS[0] if word in ("left", "right") else thing.start[1] / CANVAS[1]
    return share if word in ("right", "bottom") else 1 - share


def words_of(thing: Thing) -> set[str]:
    """All words that are clearly true of a thing in the first frame."""
    return {thing.colour, thing.shape, thing.size, *place_of(thing)}


def phrase(thing: Thing, words: list[str], noun: str = "") -> str:
    """A noun phrase: the thing's shape (or ``noun``) with those of its attributes that are in ``words``."""
    before = [w for w in (thing.size, thing.colour) if w in words]
    after = [PLACES[w] for w in words if w in PLACES]
    return " ".join([*before, noun or thing.shape, *after])


def unique_phrase(target: Thing, others: list[Thing]) -> str:
    """The shortest phrase that is true of the target alone, colour and shape first."""
    tries: list[list[str]] = [[target.colour], [target.colour, target.size]]
    tries += [[target.colour, place] for place in place_of(target)]
    tries += [[target.colour, target.size, place] for place in place_of(target)]
    for words in tries:
        if not any({target.shape, *words} <= words_of(o) for o in others):
            return phrase(target, words)
    return phrase(target, [target.colour, target.size, *place_of(target)])


def make_scene(rng: np.random.Generator, frames: int, fault: str, lookalikes: int, same_size: bool = True) -> Scene:
    """A scene whose target is told apart from each look-alike by size or by place; ``same_size``: of the first one."""
    things = [_thing(rng, [], frames, sided=True)]
    target = things[0]
    for k in range(lookalikes):
        other_size = "large" if target.size == "small" else "small"
        size = target.size if same_size == (k % 2 == 0) else other_size
        things.append(_thing(rng, things, frames, target.colour, target.shape, size))
    for _ in range(int(rng.integers(2, 4))):
        things.append(_thing(rng, things, frames, avoid=target))
    pole = float(rng.uniform(0.4, 0.6) * CANVAS[0]) if rng.random() < 0.4 else None
    manual = manual_text(rng, things, fault)
    drift = (float(rng.uniform(0, 8)), float(rng.uniform(0, 5)))
    return Scene(tuple(things), drift, pole, int(rng.integers(1 << 30)), manual, fault)


def manual_text(rng: np.random.Generator, things: list[Thing], fault: str) -> str:
    """A manual text for ``things[0]`` with a planted fault, one of FAULTS."""
    target, others = things[0], things[1:]
    sound = unique_phrase(target, others)
    if fault == "wrong_target":
        different = [o for o in others if (o.colour, o.shape) != (target.colour, target.shape)]
        return unique_phrase(different[0], [t for t in things if t is not different[0]])
    if fault == "ambiguous":
        if lookalike(target, others):
            return phrase(target, [target.colour])
        return f"the {target.shape}" if any(o.shape == target.shape for o in others) else "the moving object"
    if fault == "typo":
        return " ".join(swap_letters(rng, w) if w in words_of(target) and len(w) > 3 else w for w in sound.split())
    return sound


def lookalike(target: Thing, others: list[Thing]) -> bool:
    """Whether one of the others shares the target's colour and shape."""
    return any((o.colour, o.shape) == (target.colour, target.shape) for o in others)


def swap_letters(rng: np.random.Generator, word: str) -> str:
    """A word with two neighbouring, different letters swapped."""
    places = [i for i in range(1, len(word) - 1) if word[i] != word[i + 1]]
    i = places[int(rng.integers(len(places)))]
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _thing(
    rng: np.random.Generator,
    things: list[Thing],
    frames: int,
    colour: str = "",
    shape: str = "",
    size: str = "",
    avoid: Thing | None = None,
    sided: bool = False,
) -> Thing:
    """A thing that overlaps none of ``things`` in the first frame."""
    names = list(COLOURS)
    while True:
        one_colour = colour or names[int(rng.integers(len(names)))]
        one_shape = shape or SHAPES[int(rng.integers(len(SHAPES)))]
        one_size = size or ("small" if rng.random() < 0.5 else "large")
        if avoid and (one_colour, one_shape) == (avoid.colour, avoid.shape):
            continue
        low, high = SIZES[one_size]
        radius = float(rng.uniform(low, high) * CANVAS[0])
        x, y = rng.uniform(radius + 4, CANVAS[0] - radius - 4), rng.uniform(radius + 4, CANVAS[1] - radius - 4)
        apart = all(max(abs(x - t.start[0]), abs(y - t.start[1])) > radius + t.radius + 6 for t in things)
        # a look-alike of the same size stands on the target's other side, so that place can tell them apart
        twin = shape and size and things and size == things[0].size
        beside = not twin or (x - CANVAS[0] / 2) * (things[0].start[0] - CANVAS[0] / 2) < 0
        clear = (not sided and not twin) or not 0.35 <= x / CANVAS[0] <= 0.65
        if apart and beside and clear:
            break
        if rng.random() < 0.002:  # a crowded scene: begin this thing's size again from the small end
            size = "small" if not shape else size
    travel = CANVAS[0] * 0.3 / max(frames, 1)
    towards = np.sign(CANVAS[0] / 2 - x) * rng.uniform(0.3, 1) * travel
    tint = tuple(int(v) for v in np.clip(np.array(COLOURS[one_colour]) + rng.integers(-8, 9, 3), 0, 255))
    sway = (float(rng.uniform(0, 10)), float(rng.uniform(0, 10)))
    velocity = (float(towards), float(rng.uniform(-0.3, 0.3) * travel))
    return Thing(
        one_colour, one_shape, one_size, radius, (float(x), float(y)), velocity, sway,
        float(rng.uniform(0, 6)), tint,  # type: ignore[arg-type]
    )  # fmt: skip


def stills(split: str, count: int, seed: int = 0, start: int = 0, twin: str = "") -> Iterator[Still]:
    """``count`` single frames from number ``start`` on; frame i depends on split, seed and i alone. See ``still``.

    Raises:
        ValueError: ``split`` is none of SPLITS.
    """
    for i in range(start, start + count):
        yield still(np.random.default_rng([1 + SPLITS.index(split), seed, i]), twin)


def still(rng: np.random.Generator, twin: str = "") -> Still:
    """A frame with two to five things, compressed as JPEG like a dataset's.

    Args:
        rng: the source of all random numbers.
        twin: one of TWINS: the first two things differ in that attribute alone (for a place: the first is there, the
            second on the opposite side), and nothing is covered. Without it, half the scenes have look-alikes that
            share one to three attributes, and some have partly covered things, or a pole.
    """
    while True:
        covering = not twin and rng.random() < 0.15
        things: list[Thing] = []
        for attributes, side in _cast(rng, twin):
            if thing := _put(rng, things, *attributes, side, covering):
                things.append(thing)
            elif len(things) < 2:
                break
        if len(things) >= 2:
            break
    pole = float(rng.uniform(0, CANVAS[0])) if not twin and rng.random() < 0.2 else None
    pole = pole if pole is None or all(abs(t.start[0] - pole) > t.radius for t in things) else None
    scene = Scene(tuple(things), (0.0, 0.0), pole, int(rng.integers(1 << 30)), "", "none")
    boxes = np.stack([scene.box(thing, 0) for thing in things])
    return Still(_stored(draw(scene, 0, backdrop(scene.background))), scene.things, boxes)


def _cast(rng: np.random.Generator, twin: str) -> list[tuple[tuple[str, str, str], str]]:
    """(colour, shape, size) and side of each thing of a still."""
    opposite = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
    kinds = (list(COLOURS), list(SHAPES), list(SIZES))

    def anything() -> list[str]:
        return [names[int(rng.integers(len(names)))] for names in kinds]

    first, second = anything(), anything()
    shared = int(rng.integers(1, 4)) if rng.random() < 0.5 else 0
    same = set(rng.permutation(3)[:shared].tolist())
    if twin:
        same = {0, 1, 2} - ({TWINS.index(twin)} if twin not in PLACES else set())
    for k in range(3):
        if k in same:
            second[k] = first[k]
        elif twin:
            others = [name for name in kinds[k] if name != first[k]]
            second[k] = others[int(rng.integers(len(others)))]
    sides = (twin, opposite[twin]) if twin in PLACES else ("", "")
    rest = [(anything(), "") for _ in range(int(rng.integers(0, 4)))]
    return [((a, b, c), side) for (a, b, c), side in [(first, sides[0]), (second, sides[1]), *rest]]


def _put(
    rng: np.random.Generator, things: list[Thing], colour: str, shape: str, size: str, side: str, covering: bool
) -> Thing | None:
    """A thing without motion at a free place; None if none was found."""
    low, high = SIZES[size]
    for _ in range(60):
        r = float(rng.uniform(low, high) * CANVAS[0])
        start = float(rng.uniform(r + 2, CANVAS[0] - r - 2)), float(rng.uniform(r + 2, CANVAS[1] - r - 2))
        tint = tuple(int(v) for v in np.clip(np.array(COLOURS[colour]) + rng.integers(-8, 9, 3), 0, 255))
        thing = Thing(colour, shape, size, r, start, (0.0, 0.0), (0.0, 0.0), 0.0, tint)  # type: ignore[arg-type]
        gaps = [max(abs(start[0] - t.start[0]), abs(start[1] - t.start[1])) - r - t.radius for t in things]
        room = [-0.5 * min(r, t.radius) if covering else 4 for t in things]
        if all(g > least for g, least in zip(gaps, room, strict=True)) and (not side or side in place_of(thing)):
            return thing
    return None


def _stored(frame: Image) -> Image:
    """A frame after compression, as a dataset returns it."""
    import cv2

    data = np.frombuffer(_jpeg(frame), np.uint8)
    return np.asarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), np.uint8)


def _jpeg(frame: Image) -> bytes:
    import cv2

    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    return bytes(data.tobytes())


def backdrop(seed: int) -> Image:
    """A muted, softly textured background, larger than the frame so that the camera can move over it."""
    import cv2

    rng = np.random.default_rng(seed)
    base = rng.uniform(105, 165) + rng.uniform(-12, 12, 3)
    coarse = rng.normal(0, 9, (10, 14, 1)).astype(np.float32)
    shade = cv2.resize(coarse, (CANVAS[0] + 80, CANVAS[1] + 80), interpolation=cv2.INTER_CUBIC)[..., None]
    grain = rng.normal(0, 3, (CANVAS[1] + 80, CANVAS[0] + 80, 1))
    return np.clip(base + shade + grain, 0, 255).astype(np.uint8)


def draw(scene: Scene, t: int, background: Image) -> Image:
    """Frame t as RGB [240, 320, 3]: the target above the other things, the pole above all."""
    import cv2

    cx, cy = scene.camera(t)
    left, top = 40 + round(cx), 40 + round(cy)
    frame = background[top : top + CANVAS[1], left : left + CANVAS[0]].copy()
    for thing in reversed(scene.things):
        x, y, w, h = scene.box(thing, t)
        # OpenCV counts from the middle of a pixel, boxes from its corner
        corners = np.round((outline(thing.shape) * (w, h) + (x, y) - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(frame, [corners], thing.tint, cv2.LINE_AA, 4)
    if scene.pole is not None:
        x0, x1 = _pole_span(scene, t)
        frame[:, max(0, x0) : max(0, x1)] = (96, 92, 88)
    return frame


def hidden(scene: Scene, t: int) -> bool:
    """Whether the pole covers nine tenths of the target or more."""
    if scene.pole is None:
        return False
    (x, _, w, _), (x0, x1) = scene.box(scene.things[0], t), _pole_span(scene, t)
    return (min(x + w, x1) - max(x, x0)) / w >= 0.9


def _pole_span(scene: Scene, t: int) -> tuple[int, int]:
    middle = (scene.pole or 0.0) - scene.camera(t)[0]
    return round(middle - POLE / 2), round(middle + POLE / 2)


def scenes(count: int, frames: int, seed: int, same_size: bool = True) -> list[Scene]:
    """``count`` scenes: two of five have no look-alike, half the manual texts have a fault, each kind in turn.

    A look-alike of the target's size is in three of five; without ``same_size``, in the one of five that has two.
    """
    rng = np.random.default_rng(seed)
    faults = [FAULTS[1 + (k // 2) % 3] if k % 2 else "none" for k in range(count)]
    return [make_scene(rng, frames, fault, (1, 2, 0, 1, 0)[k % 5], same_size) for k, fault in enumerate(faults)]


def render(
    root: Path, count: int = 12, frames: int = 40, seed: int = 0, travel: float = 1.0, same_size: bool = True
) -> list[str]:
    """Write a dataset in LaSOT's layout, all of it in the test split.

    Args:
        root: the dataset's folder, made if it is missing.
        count: sequences.
        frames: frames per sequence.
        seed: equal seeds give equal files.
        travel: how far things go, as a multiple of what they go by default (up to 0.3 of the frame's width). With 2,
            targets that start off the middle are in the frame's other half for 0.3 of the frames; with 1, for 0.04.
        same_size: whether the first look-alike has the target's size, so that only its place tells it apart.

    Returns:
        The sequences' names, such as ``circle-1``.
    """
    return write_scenes(root, [sped_up(scene, travel) for scene in scenes(count, frames, seed, same_size)], frames)


def write_scenes(root: Path, made: list[Scene], frames: int) -> list[str]:
    """Write scenes in LaSOT's layout, with ``scenes.json``; the sequences' names, in the order of the scenes."""
    root.mkdir(parents=True, exist_ok=True)
    names, known, numbers = [], [], dict.fromkeys(SHAPES, 0)
    with ThreadPoolExecutor(cores()) as pool:
        written = []
        for scene in made:
            category = scene.things[0].shape
            numbers[category] += 1
            name = f"{category}-{numbers[category]}"
            written.append(pool.submit(_write_sequence, root / category / name, scene, frames))
            names.append(name)
            known.append({"sequence": name, "fault": scene.fault, "lookalikes": _count_lookalikes(scene)})
        for one in written:
            one.result()
    (root / "testing_set.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    (root / "scenes.json").write_text(json.dumps(known, indent=1), encoding="utf-8")
    return names


def sped_up(scene: Scene, factor: float) -> Scene:
    """A scene whose things are ``factor`` times as fast on their straight paths."""
    things = [replace(t, velocity=(factor * t.velocity[0], factor * t.velocity[1])) for t in scene.things]
    return replace(scene, things=tuple(things))


def _count_lookalikes(scene: Scene) -> int:
    target = scene.things[0]
    return sum(lookalike(target, [o]) for o in scene.things[1:])


def _write_sequence(folder: Path, scene: Scene, frames: int) -> None:
    (folder / "img").mkdir(parents=True, exist_ok=True)
    background = backdrop(scene.background)
    lines, covered = [], []
    for t in range(frames):
        (folder / "img" / f"{t + 1:08d}.jpg").write_bytes(_jpeg(draw(scene, t, background)))
        lines.append(",".join(str(round(float(v))) for v in scene.box(scene.things[0], t)))
        covered.append(hidden(scene, t))
    (folder / "groundtruth.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "nlp.txt").write_text(scene.manual, encoding="utf-8")
    (folder / "full_occlusion.txt").write_text(",".join(str(int(c)) for c in covered) + "\n", encoding="utf-8")
    (folder / "out_of_view.txt").write_text(",".join("0" * frames) + "\n", encoding="utf-8")
