"""Claim: verification finds the target among the proposals, also where the visual tracker has lost it.

Scenes with look-alikes, occlusion and absence are tracked by trackers that fail (stand still, drift, switch to another
thing, KCF), with the small models of the package. The evidence of every key frame is recorded once, under a policy that
draws between verifiers, so that trackers and memories are right and wrong. Every verifier then chooses on the same
evidence, in seconds:

    python benchmarks/verification.py [--split test] [--count 100] [--preset tiny] [--keep FOLDER] [--loop]

`--split validation` has the scenes that weights and limits were chosen on, with the models of the preset `tiny`; other
presets (`offline`) show what becomes of them with another grounder and encoder. `--loop` tracks again with each
verifier, whose choice restarts the tracker. Intervals are of paired differences by sequence, 95 %. A key frame is lost
where the tracker's box overlaps the target by less than .3, and none of the proposals is right where none overlaps it
by .5. The column `narrow cone` has the change of the share when cosines are squeezed as CLIP's are.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from chatdesc.backends import create
from chatdesc.config import Settings, from_preset
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.evidence import Choice, Evidence
from chatdesc.metrics.overlap import iou, iou_matrix
from chatdesc.metrics.paired import Interval, compare_pairs
from chatdesc.stages.track import Track, track
from chatdesc.stages.verify import VERIFIERS
from chatdesc.synthetic import CANVAS, Scene, _jpeg, backdrop, draw, hidden, phrase, scenes, sped_up
from chatdesc.types import Boxes, Embed, Follow, Followed, FrameCache, Frames, Ground, Grounding, Sequence

FRAMES, EVERY = 40, 4
SEEDS = {"validation": 71_001, "test": 93_003}
KINDS = ("still", "drift", "switch", "kcf")
LOST, RIGHT = 0.3, 0.5
CACHE = FrameCache(256)
ARMS = ("raw-similarity", "similarity", "oracle")


@dataclass(frozen=True)
class Film:
    """A scene as a sequence, the boxes [T, N, 4] of all its things (the target first), and its words."""

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
    """A scene; ``absent``: its target is away for 8 to 12 frames, and comes back up to a third of the frame further."""
    away = range(0)
    if absent:
        start = int(rng.integers(8, FRAMES - 18))
        away = range(start, start + int(rng.integers(8, 13)))
    shift = rng.uniform(-1, 1, 2) * np.array(CANVAS) / 3 if absent else np.zeros(2)
    target = scene.things[0]
    x, y = np.clip(np.array(target.start) + shift, 40, np.array(CANVAS) - 40)
    back = replace(scene, things=(replace(target, start=(float(x), float(y))), *scene.things[1:]))
    files, boxes, visible = {}, [], []
    for t in range(FRAMES):
        now = back if absent and t >= away.stop else scene
        shown = replace(scene, things=scene.things[1:]) if t in away else now
        files[f"{t:08d}.jpg"] = _jpeg(draw(shown, t, _backdrop(scene)))
        boxes.append([now.box(thing, t) for thing in now.things])
        visible.append(t not in away and not hidden(now, t))
    frames = Frames(tuple(files), files.__getitem__, CACHE)
    things = np.array(boxes, np.float32).transpose(1, 0, 2)
    seen = np.array(visible) & _inside(things[0])
    others = tuple(phrase(thing, [thing.colour]) for thing in scene.things[1:])
    manual = scene.manual
    spoken = tuple(dict.fromkeys(o for o in others if o not in manual))[:2] if rng.random() < 0.5 else ()
    return Film(Sequence(name, "synthetic", "test", None, frames, things[0], seen), things, manual, spoken)


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
        if self.kind == "still" or ious.max() < LOST:
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
    def create(cls, split: str, count: int, preset: str) -> Bench:
        settings = replace(from_preset(preset), ground_every=EVERY)
        grounder = create("grounder", settings.grounder, device="cpu")
        encoder = create("encoder", settings.encoders[0], device="cpu")
        return cls(list(films(split, count)), Remembered(grounder), encoder, settings, grounder.threshold)

    def run(
        self, kind: str, chosen: list[Film], verifier: str, now: Callable[[str], None] = lambda name: None
    ) -> Iterator[tuple[Film, Track]]:
        """Tracks of films; ``now`` is told the sequence whose turn it is. ``none`` tracks without words."""
        tracker = create("tracker", "kcf", threads=1) if kind == "kcf" else Failing(kind, chosen)
        encoder, name = self.encoder, self.settings.encoders[0]
        lanes = [Lane(Ground, self.grounder.ground, 16), Lane((Embed, name), encoder.embed, encoder.max_batch)]
        settings = self.settings if verifier == "none" else replace(self.settings, verifier=verifier)

        def job(one: Film) -> Iterator[Any]:
            text = "" if verifier == "none" else one.text
            steps, answer = track(one.sequence, text, one.background, settings, self.threshold, name), None
            while True:
                now(one.sequence.name)
                try:
                    answer = yield steps.send(answer)
                except StopIteration as end:
                    return end.value

        jobs = ((one, job(one)) for one in chosen)
        for one, done in Scheduler([*lanes, Lane(Follow, tracker.follow, 16)], 16).run(jobs):
            if isinstance(done, BaseException):
                raise done
            yield one, done


@dataclass(frozen=True)
class Recorded:
    sequence: str
    kind: str
    evidence: Evidence


def record(bench: Bench) -> list[Recorded]:
    """The evidence of all key frames; each choice is drawn between today's verifier, chance and the oracle."""
    found: list[Recorded] = []
    turn = ""

    def told(name: str) -> None:
        nonlocal turn
        turn = name

    def choose(e: Evidence) -> Choice:
        found.append(Recorded(turn, kind, e))
        drawn = ("raw-similarity", "random", "oracle", "oracle")[e.seed % 4]
        return VERIFIERS[drawn](e)

    known = VERIFIERS["similarity"]
    VERIFIERS["similarity"] = choose
    try:
        for kind in KINDS:
            for _ in bench.run(kind, bench.films, "similarity", told):
                pass
    finally:
        VERIFIERS["similarity"] = known
    return found


def save(file: Path, found: list[Recorded]) -> None:
    with gzip.open(file, "wt") as stream:
        for one in found:
            values = {k: v.tolist() if hasattr(v, "tolist") else v for k, v in asdict(one.evidence).items()}
            stream.write(json.dumps({"sequence": one.sequence, "kind": one.kind, "evidence": values}) + "\n")


def load(file: Path) -> list[Recorded]:
    with gzip.open(file, "rt") as stream:
        lines = [json.loads(line) for line in stream]
    return [Recorded(one["sequence"], one["kind"], evidence_of(one["evidence"])) for one in lines]


def evidence_of(values: dict[str, Any]) -> Evidence:
    shaped = {k: np.array(v, np.float32) if isinstance(v, list) else v for k, v in values.items()}
    shaped["background"] = shaped["background"].reshape(-1, 4)
    return Evidence(**{f.name: shaped[f.name] for f in fields(Evidence)})


def narrowed(e: Evidence) -> Evidence:
    """The evidence as an encoder with CLIP's narrow cone gives it: image-image .5 to .95, image-text .2 to .3."""
    places = ("", "background_", "beside_")
    names = [place + name for place in places for name in ("template", "recent")]
    pictures = {n: (1.44 + getattr(e, n)) / 2.44 for n in names}
    scale = 1 / np.sqrt(2.44 * 26)
    texts = {n: (0.265 * 6 + getattr(e, n)) * scale for n in (place + "text" for place in places)}
    anchor = None if e.anchor is None else float((0.265 * 6 + e.anchor) * scale)
    return replace(e, **pictures, **texts, anchor=anchor)


@dataclass
class Judged:
    """Per key frame: IoU of the choice, mean and best IoU, whether lost, visible, none right; and the doubt."""

    chosen: Any
    mean: Any
    best: Any
    lost: Any
    visible: Any
    doubt: Any
    verified: Any

    @classmethod
    def of(cls, verifier: Callable[[Evidence], Choice], found: list[Recorded]) -> Judged:
        rows = [_judged(verifier(one.evidence), one.evidence) for one in found]
        return cls(*(np.array(column) for column in zip(*rows, strict=True)))

    def share(self, rows: Any) -> float:
        """Of the gap from random to oracle."""
        rows = rows & self.visible
        floor, best, chosen = (float(v[rows].mean()) for v in (self.mean, self.best, self.chosen))
        return (chosen - floor) / (best - floor)

    @property
    def none(self) -> Any:
        return ~self.visible | (self.best < RIGHT)


def _judged(choice: Choice, e: Evidence) -> tuple[float, float, float, bool, bool, float, bool]:
    if e.truth is None:
        return 0.0, 0.0, 0.0, True, False, choice.doubt, choice.index is not None and choice.verified
    ious = iou_matrix(e.boxes, e.truth[None])[:, 0]
    chosen = ious[-1 if choice.index is None else choice.index]
    sure = choice.index is not None and choice.verified
    return float(chosen), float(ious.mean()), float(ious.max()), bool(ious[-1] < LOST), True, choice.doubt, sure


def auc(scores: Any, positive: Any) -> float:
    """The share of pairs of a positive and a negative that the score puts in order; ties count half."""
    values, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    ranks = (below + (counts + 1) / 2)[inverse]
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(values[inverse]) - n)))


def balanced(verified: Any, none: Any) -> float:
    return float((verified[~none].mean() + (~verified[none]).mean()) / 2)


def line(name: str, found: Interval) -> str:
    return f"{name:<44} {found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]  n {found.count}"


def by_sequence(found: list[Recorded], values: Any, rows: Any) -> Any:
    names = np.array([one.sequence for one in found])
    return np.array([values[rows & (names == name)].mean() for name in np.unique(names[rows])])


def report(found: list[Recorded]) -> None:
    verifiers = {name: VERIFIERS[name] for name in ("raw-similarity", "similarity")}
    squeezed = [replace(one, evidence=narrowed(one.evidence)) for one in found]
    all_rows, judged = np.ones(len(found), bool), {}
    print("| verifier | mean IoU | share of the gap | where lost | none AUC | balanced | narrow cone | narrow, lost |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, verifier in verifiers.items():
        a, b = Judged.of(verifier, found), Judged.of(verifier, squeezed)
        judged[name] = a
        figures = [a.chosen[a.visible].mean(), a.share(all_rows), a.share(a.lost), auc(a.doubt, a.none)]
        figures += [balanced(a.verified, a.none), b.share(all_rows) - a.share(all_rows), b.share(b.lost)]
        print(f"| {name} | " + " | ".join(f"{v:+.3f}" if k == 5 else f"{v:.3f}" for k, v in enumerate(figures)) + " |")
    old, new = judged.values()
    print(f"random {old.mean[old.visible].mean():.3f}, oracle {old.best[old.visible].mean():.3f}; {len(found)} key")
    print(
        f"frames, target visible in {old.visible.sum()}, lost {(old.lost & old.visible).sum()}, none {old.none.sum()}"
    )
    for name, rows in (("all", old.visible), ("lost", old.visible & old.lost)):
        pair = compare_pairs(by_sequence(found, old.chosen, rows), by_sequence(found, new.chosen, rows))
        print(line(f"similarity - raw-similarity, IoU, {name}", pair))
    kinds = np.array([one.kind for one in found])
    for kind in KINDS:
        print(f"  {kind}: " + ", ".join(f"{name} {j.share(kinds == kind):.3f}" for name, j in judged.items()))


def loop(bench: Bench) -> None:
    """Closed loop: each film with one of the trackers in turn; mean IoU on frames where the target is visible."""
    scores: dict[str, list[float]] = {}
    for arm in ("none", *ARMS):
        for k, kind in enumerate(KINDS):
            for one, done in bench.run(kind, bench.films[k :: len(KINDS)], arm):
                shown = one.sequence.valid() & (np.arange(FRAMES) > 0)
                value = float(iou(done.boxes, one.sequence.boxes)[shown].mean())
                scores.setdefault(arm, []).append((one.sequence.name, value))
    values = {arm: [v for _, v in sorted(found)] for arm, found in scores.items()}
    print("closed loop, mean IoU: " + ", ".join(f"{arm} {np.mean(v):.3f}" for arm, v in values.items()))
    for other in ("raw-similarity", "none"):
        print(line(f"closed loop, similarity - {other}", compare_pairs(values[other], values["similarity"])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SEEDS, default="test")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--preset", default="tiny", help="whose grounder and encoder are taken")
    parser.add_argument("--keep", type=Path, help="keep recorded evidence in this folder")
    parser.add_argument("--loop", action="store_true", help="closed loop as well")
    args = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        file = (args.keep or Path(scratch)) / f"{args.preset}-{args.split}-{args.count}.jsonl.gz"
        bench = Bench.create(args.split, args.count, args.preset) if args.loop or not file.exists() else None
        if not file.exists():
            save(file, record(bench))
            print(f"recorded in {time.perf_counter() - start:.0f} s")
        found, start = load(file), time.perf_counter()
        report(found)
        print(f"evaluated in {time.perf_counter() - start:.1f} s")
        if args.loop:
            loop(bench)


if __name__ == "__main__":
    main()
