"""Scenes and trackers that put a verifier to the test: look-alikes, occlusion, absence; trackers that lose the target.

The recipe of the learned verifier and benchmarks/verification.py share them. Splits have seeds of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from chatdesc.backends import create
from chatdesc.config import Settings, from_preset
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.protocols import Verifier
from chatdesc.stages.track import Track, track
from chatdesc.synthetic import CANVAS, Scene, _jpeg, backdrop, draw, hidden, phrase, scenes, sped_up
from chatdesc.types import Boxes, Embed, Follow, Followed, FrameCache, Frames, Ground, Grounding, Sequence, Verify

FRAMES, EVERY = 40, 4
SEEDS = {"train": 55_007, "validation": 71_001, "test": 93_003}
KINDS = ("still", "drift", "switch", "kcf", "csrt")
REAL = ("kcf", "csrt")  # trackers of OpenCV; the others fail by design
ON_IT = 0.3  # IoU from which a box is on a thing
ZOOM = 1.7
CACHE = FrameCache(256)


@dataclass(frozen=True)
class Film:
    """A scene as a sequence, the boxes [N, T, 4] of all its things (the target first), and its words."""

    sequence: Sequence
    things: Boxes
    text: str
    background: tuple[str, ...]


def films(split: str, count: int) -> Iterator[Film]:
    rng = np.random.default_rng(SEEDS[split])
    made = scenes(count, FRAMES, SEEDS[split])
    for number, scene in enumerate(made):
        yield film(f"{split}-{number}", sped_up(scene, float(rng.uniform(1, 2))), number % 2 == 1, rng)


def film(name: str, scene: Scene, absent: bool, rng: np.random.Generator) -> Film:
    """A scene, every second one with a zoom in or out by up to ZOOM, so that sizes change as well.

    ``absent``: its target is away for 8 to 12 frames, and comes back up to a third of the frame further.
    """
    away = range(0)
    if absent:
        start = int(rng.integers(8, FRAMES - 18))
        away = range(start, start + int(rng.integers(8, 13)))
    shift = rng.uniform(-1, 1, 2) * np.array(CANVAS) / 3 if absent else np.zeros(2)
    target = scene.things[0]
    x, y = np.clip(np.array(target.start) + shift, 40, np.array(CANVAS) - 40)
    back = replace(scene, things=(replace(target, start=(float(x), float(y))), *scene.things[1:]))
    zoom = _zoom(float(rng.uniform(-1, 1)) if rng.random() < 0.5 else 0.0)
    kept = scene.box(target, 0) if zoom[0] > 1 else back.box(back.things[0], FRAMES - 1)
    middle = np.clip(kept[:2] + kept[2:] / 2, 0, CANVAS)
    files, boxes, visible = {}, [], []
    for t in range(FRAMES):
        now = back if absent and t >= away.stop else scene
        shown = replace(scene, things=scene.things[1:]) if t in away else now
        files[f"{t:08d}.jpg"] = _jpeg(_enlarged(draw(shown, t, _backdrop(scene)), zoom[t], middle))
        boxes.append([_moved(now.box(thing, t), zoom[t], middle) for thing in now.things])
        visible.append(t not in away and not hidden(now, t))
    frames = Frames(tuple(files), files.__getitem__, CACHE)
    things = np.array(boxes, np.float32).transpose(1, 0, 2)
    seen = np.array(visible) & _inside(things[0])
    others = tuple(phrase(thing, [thing.colour]) for thing in scene.things[1:])
    manual = scene.manual
    spoken = tuple(dict.fromkeys(o for o in others if o not in manual))[:2] if rng.random() < 0.5 else ()
    return Film(Sequence(name, "synthetic", "test", None, frames, things[0], seen), things, manual, spoken)


def _zoom(direction: float) -> Any:
    """[T] factors from 1 on: growing with a ``direction`` in (0, 1], falling to 1 with one in [-1, 0)."""
    steps = np.arange(FRAMES) if direction >= 0 else FRAMES - 1 - np.arange(FRAMES)
    return ZOOM ** (abs(direction) * steps / (FRAMES - 1))


def _enlarged(image: Any, factor: float, middle: Any) -> Any:
    """The part of a picture around ``middle``, as large as the whole; the middle stays where it is."""
    if factor == 1:
        return image
    x, y = (1 - factor) * middle
    matrix = np.array([[factor, 0, x], [0, factor, y]])
    return cv2.warpAffine(image, matrix, CANVAS, flags=cv2.INTER_LINEAR)


def _moved(box: Boxes, factor: float, middle: Any) -> Boxes:
    return (box * factor + np.array([*((1 - factor) * middle), 0, 0])).astype(np.float32)


def _backdrop(scene: Scene, known: dict[int, Any] = {}) -> Any:  # noqa: B006
    if scene.background not in known:
        known.clear()
        known[scene.background] = backdrop(scene.background)
    return known[scene.background]


def _inside(boxes: Boxes) -> Any:
    centre = boxes[:, :2] + boxes[:, 2:] / 2
    return ((centre > 0) & (centre < np.array(CANVAS))).all(1)


class Failing:
    """A tracker that follows the thing in its first box for some frames, and then fails in its way.

    ``still`` never moves, ``drift`` leaves the thing by 3 pixels per frame and grows unsure, ``switch`` goes over to
    the next thing. Where no thing is in its first box it stands still.
    """

    max_batch, workers = 16, 1

    def __init__(self, kind: str, known: list[Film]) -> None:
        self.kind, self.things = kind, {f.sequence.frames.key: f.things for f in known}

    def follow(self, requests: list[Follow]) -> list[Followed]:
        return [self._follow(r) for r in requests]

    def _follow(self, r: Follow) -> Followed:
        start, first = (r.start - 1, r.init) if r.init is not None else r.session
        boxes = np.array([self._box(self.things[r.frames.key], start, first, t) for t in range(r.start, r.stop)])
        age = np.arange(r.start, r.stop) - start
        noise = np.random.default_rng([r.frames.key, r.start]).uniform(-0.05, 0.05, len(age))
        scores = np.clip(0.9 + noise - (0.02 * age if self.kind == "drift" else 0), 0.25, 1)
        return Followed(boxes.astype(np.float32), scores.astype(np.float32), (start, first))

    def _box(self, things: Boxes, start: int, first: Boxes, t: int) -> Boxes:
        ious = iou_matrix(first[None], things[:, start])[0]
        if self.kind == "still" or ious.max() < ON_IT:
            return first
        held = int(ious.argmax())
        if self.kind == "switch" and t - start > 7 and len(things) > 1:
            return things[held + 1 if held + 1 < len(things) else held - 1, t]
        moved = things[held, t, :2] - things[held, start, :2]
        astray = 3.0 * max(t - start - 3, 0) if self.kind == "drift" else 0.0
        return first + np.array([*(moved + astray * np.array([0.8, 0.6])), 0, 0], np.float32)


class Remembered:
    """A grounder that is asked once for each frame and text."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.known = inner, dict[tuple[int, int, str], Grounding]()
        self.max_batch, self.workers = inner.max_batch, inner.workers

    def ground(self, requests: list[Ground]) -> list[Grounding]:
        new = [r for r in requests if (r.frame.frames.key, r.frame.index, r.text) not in self.known]
        for r, answer in zip(new, self.inner.ground(new) if new else [], strict=True):
            self.known[r.frame.frames.key, r.frame.index, r.text] = answer
        return [self.known[r.frame.frames.key, r.frame.index, r.text] for r in requests]


@dataclass
class Bench:
    """The films and the models that track them."""

    films: list[Film]
    grounder: Any
    encoder: Any
    settings: Settings
    threshold: float

    @classmethod
    def create(cls, split: str, count: int, preset: str, grounder: str = "", encoder: str = "") -> Bench:
        """``grounder`` and ``encoder`` replace those of the preset."""
        given = {"grounder": grounder or None, "encoders": (encoder,) if encoder else None}
        settings = from_preset(preset, ground_every=EVERY, **given)
        grounds = create("grounder", settings.grounder, device="cpu")
        encodes = create("encoder", settings.encoders[0], device="cpu")
        return cls(list(films(split, count)), Remembered(grounds), encodes, settings, grounds.threshold)

    def run(self, kind: str, chosen: list[Film], name: str, verifier: Verifier | None) -> Iterator[tuple[Film, Track]]:
        """Tracks of films by the tracker ``kind``; without a verifier it tracks alone.

        ``name`` is the verifier's: the truth is in the evidence of ``oracle`` only.
        """
        tracker = create("tracker", kind, threads=1) if kind in REAL else Failing(kind, chosen)
        encoder, spec = self.encoder, self.settings.encoders[0]
        lanes = [Lane(Ground, self.grounder.ground, 16), Lane((Embed, spec), encoder.embed, encoder.max_batch)]
        if verifier is not None:
            lanes.append(Lane((Verify, name), verifier.choose, verifier.max_batch, verifier.workers))
        settings = replace(self.settings, verifier=name)
        jobs = (
            (one, track(one.sequence, one.text if verifier else "", one.background, settings, self.threshold, spec))
            for one in chosen
        )
        for one, done in Scheduler([*lanes, Lane(Follow, tracker.follow, 16)], 16).run(jobs):
            if isinstance(done, BaseException):
                raise done
            yield one, done
