"""Question: do texts that tracking has chosen track better than those of grounding alone, where look-alikes are?

Scenes with look-alikes, whose target is away again and again (benchmarks/lookalikes.py), get their texts three times:
with feedback from grounding on the first frame, from tracking over N frames, and from tracking without ground truth.
Each text then guides a track of the whole sequence. The figures are mean IoU, on all frames and on those after the N
frames that the choice has used, and paired differences with 95 % intervals:

    python benchmarks/feedback.py [--split test] [--count 20] [--frames 90] [--over 40] [--preset tiny] [--tracker kcf]
        [--keep FOLDER] [--all]

`--split validation` is for choices, the test scenes have served none. `--from-the-start` shows look-alikes in the first
frame, too. `--keep` stores what is
found per sequence, so that an interrupted call goes on. `--all` tracks every candidate, for the line of the best one;
and prints what other limits of noise would have chosen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from lookalikes import write

from chatdesc import load
from chatdesc.backends import create
from chatdesc.config import Settings, from_preset
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.metrics.overlap import iou
from chatdesc.metrics.paired import Interval, compare_pairs
from chatdesc.stages import gain
from chatdesc.stages.reflect import reflect
from chatdesc.stages.rounds import Reflection, Round, choose
from chatdesc.stages.track import Track, track
from chatdesc.types import Describe, Embed, Follow, FrameCache, Ground, Sequence, Verify

SEEDS = {"validation": 41_017, "test": 90_067}
EVERY = 10
IN_FLIGHT = 4


class Remembered:
    """A grounder that is asked once for each frame and text, in whichever arm."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.known = inner, dict[tuple[str, str], Any]()

    def ground(self, requests: list[Ground]) -> list[Any]:
        keys = [(r.frame.frames.paths[r.frame.index], r.text) for r in requests]
        new = {key: r for key, r in zip(keys, requests, strict=True) if key not in self.known}
        self.known.update(zip(new, self.inner.ground(list(new.values())) if new else [], strict=True))
        return [self.known[key] for key in keys]


@dataclass
class Bench:
    settings: Settings
    over: int
    arms: list[str]
    all: bool
    threshold: float
    lanes: list[Lane]

    @classmethod
    def create(cls, preset: str, tracker: str, over: int, kinds: list[str], every_candidate: bool) -> Bench:
        s = from_preset(preset, tracker=tracker, ground_every=EVERY, i_know_this_uses_ground_truth=True)
        describer, grounder = (
            create("describer", s.describer, device="cpu"),
            create("grounder", s.grounder, device="cpu"),
        )
        tracks, encoder = create("tracker", s.tracker, threads=2), create("encoder", s.encoders[0], device="cpu")
        verifier = create("verifier", s.verifier, device="cpu")
        lanes = [
            Lane(Describe, describer.describe, 8), Lane(Ground, Remembered(grounder).ground, 16),
            Lane((Embed, s.encoders[0]), encoder.embed, 16), Lane((Verify, s.verifier), verifier.choose, 16),
            Lane(Follow, tracks.follow, 16),
        ]  # fmt: skip
        return cls(
            s, over, ["first", *(f"{kind}:{over}" for kind in kinds)], every_candidate, grounder.threshold, lanes
        )

    def run(self, sequence: Sequence) -> Iterator[Any]:
        """The steps of one sequence; returns what is kept of it."""
        found, tracks = {}, dict[tuple[str, tuple[str, ...]], Track]()
        for arm in self.arms:
            settings = replace(self.settings, feedback=arm)
            done: Reflection = yield from reflect(sequence, settings, self.threshold)
            if done.error:
                raise RuntimeError(f"{sequence.name}: {done.error}")
            name, keep = arm.partition(":")[0], settings.keep_manual_if_better
            found[name] = done.chosen
            if name == "first":
                continue
            found[f"{name}, chosen by grounding"] = by_grounding(done, keep)
            if name == "track":
                candidates = [*done.rounds, *([done.manual] if done.manual and keep else [])]
        if self.all:
            found |= {f"candidate {k}": one for k, one in enumerate(candidates)}
        found["no text"] = Round("")
        for one in found.values():
            yield from self._track(sequence, one, tracks)
        ious = {name: self._ious(sequence, tracks[one.text, one.background]) for name, one in found.items()}
        gains = {f"candidate {k}": as_json(one) for k, one in enumerate(candidates)}
        texts = {name: one.text for name, one in found.items()}
        return {"sequence": sequence.name, "texts": texts, "ious": ious, "gains": gains, "over": self.over}

    def _track(self, sequence: Sequence, one: Round, tracks: dict[Any, Track]) -> Iterator[Any]:
        key = one.text, one.background
        if key not in tracks:
            tracks[key] = yield from track(
                sequence, *key, self.settings, self.threshold, self.settings.encoders[0]
            )  # fmt: skip

    def _ious(self, sequence: Sequence, done: Track) -> list[float | None]:
        seen = sequence.valid()
        return [round(float(v), 4) if s else None for v, s in zip(iou(done.boxes, sequence.boxes), seen, strict=True)]


def by_grounding(done: Reflection, keep: bool) -> Round:
    """The best of the same candidates in the eyes of grounding alone."""
    plain = [replace(one, gain=None) for one in done.rounds]
    return choose(plain, done.manual and replace(done.manual, gain=None), keep)


def as_json(one: Round) -> dict[str, Any]:
    rank = [one.accepted, one.iou, one.margin, len(one.text.split())]
    return {"values": one.gain.values, "rank": rank, "source": one.source, "text": one.text}


def mean(ious: list[float | None], start: int) -> float:
    known = [v for v in ious[start:] if v is not None]
    return float(np.mean(known)) if known else float("nan")


def line(name: str, found: Interval) -> str:
    bounds = "no interval" if found.low is None else f"{found.low:+.3f}, {found.high:+.3f}"
    return f"{name:<50} {found.mean:+.3f} [{bounds}]  n {found.count}, {found.better} better, {found.worse} worse"


def report(found: list[dict[str, Any]], over: int) -> None:
    arms = [name for name in found[0]["texts"] if not name.startswith("candidate")]
    for what, start in (("all frames", 1), (f"frames from {over} on", over)):
        values = {arm: [mean(one["ious"][arm], start) for one in found] for arm in arms}
        print(f"\nmean IoU, {what}")
        for arm in arms:
            other = sum(one["texts"][arm] != one["texts"]["first"] for one in found)
            print(f"  {arm:<34} {np.nanmean(values[arm]):.3f}  texts other than those of first: {other}")
        for arm in arms[1:]:
            print("  " + line(f"{arm} - first", compare_pairs(values["first"], values[arm])))
        print(
            "  "
            + line(
                "track - track, chosen by grounding",
                compare_pairs(values["track, chosen by grounding"], values["track"]),
            )
        )
        if "candidate 0" in found[0]["ious"]:
            best = [max(mean(one["ious"][c], start) for c in one["gains"]) for one in found]
            print(f"  {'best candidate of track':<34} {np.nanmean(best):.3f}")


def sweep(found: list[dict[str, Any]], over: int) -> None:
    """What other limits of noise would have chosen among the candidates of track."""
    print("\nlimits: level, floor, block; mean IoU on all frames and after; gain over the choice by grounding")
    for level in (0.0, 0.5, 0.8, 0.9, 0.95):
        for floor in (0.003, 0.02, 0.05):
            for block in (1, 5, 10):
                gain.LEVEL, gain.FLOOR = level, floor
                chosen = [rechosen(one["gains"], block) for one in found]
                means = [
                    [mean(one["ious"][c], start) for one, c in zip(found, chosen, strict=True)] for start in (1, over)
                ]
                print(f"  {level:.2f} {floor:.3f} {block:2d}  {np.nanmean(means[0]):.3f} {np.nanmean(means[1]):.3f}")


def rechosen(gains: dict[str, Any], block: int) -> str:
    names = list(gains)
    best = gain.none_better([gains[n]["values"] for n in names], block)
    rank = {
        n: (gains[n]["rank"][0], round(gains[n]["rank"][1] * 20), round(gains[n]["rank"][2], 3), -gains[n]["rank"][3])
        for n in names
    }
    return max((n for n, good in zip(names, best, strict=True) if good), key=rank.get)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", default="test", choices=list(SEEDS))
    parser.add_argument("--preset", default="tiny")
    parser.add_argument("--tracker", default="kcf")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--frames", type=int, default=90)
    parser.add_argument("--over", type=int, default=40)
    parser.add_argument("--feedback", nargs="+", default=["track"], choices=["track", "self"])
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--from-the-start", action="store_true")
    parser.add_argument(
        "--part", default="0/1", help="K/N: only every N-th sequence from the K-th on, for several processes"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = collect(asked, Path(folder))
    print(
        f"{asked.preset}, {asked.tracker}, {len(found)} sequences of {asked.split} with {asked.frames} frames, "
        f"N {asked.over}"
    )
    report(found, asked.over)
    if asked.all:
        sweep(found, asked.over)


def collect(asked: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    keep = asked.keep or folder / "kept"
    keep.mkdir(parents=True, exist_ok=True)
    names = write(folder / "data", asked.count, asked.frames, SEEDS[asked.split], asked.from_the_start)
    data = load("synthetic", folder / "data", cache=FrameCache(256))
    k, n = map(int, asked.part.split("/"))
    mine = [name for name in names[k::n] if not (keep / f"{name}.json").exists()]
    bench, start = Bench.create(asked.preset, asked.tracker, asked.over, asked.feedback, asked.all), time.process_time()
    for name, result in Scheduler(bench.lanes, IN_FLIGHT).run((name, bench.run(data[name])) for name in mine):
        if isinstance(result, BaseException):
            raise result
        (keep / f"{name}.json").write_text(json.dumps(result))
        print(f"{name}: {result['texts']} ({time.process_time() - start:.0f} s of CPU)", flush=True)
    return [json.loads((keep / f"{name}.json").read_text()) for name in names if (keep / f"{name}.json").exists()]


if __name__ == "__main__":
    main()
