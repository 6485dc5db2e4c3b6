"""Claim: verification finds the target among the proposals, also where the visual tracker has lost it.

Films with look-alikes, occlusion, absence and zoom (training/films.py) are tracked by trackers that stand still, drift,
switch to another thing, by KCF and by CSRT, with the small models of the package. The evidence of every key frame is
recorded once, while choices are drawn between verifiers, so that trackers and memories are right and wrong. Every
verifier then chooses on the same evidence, in seconds:

    python benchmarks/verification.py [--split test] [--count 200] [--keep FOLDER] [--verifier NAME] [--loop]
        [--preset tiny] [--grounder NAME] [--encoder NAME] [--at-once] [--network-alone]

`--split validation` has the films that all choices were made on; the test films served none. `--encoder` and
`--grounder` show what becomes of the choices with other models. `--loop` tracks again with each verifier, whose choice
restarts the tracker. With `--at-once` it restarts sure trackers as well, so other states are met. With
`--network-alone` networks also leave a tracker's box that leads without them. Intervals are of paired differences by
film, 95 %. A key frame is lost where the tracker's box overlaps the target by less than .3, and none of the proposals
is right where none overlaps it by .5. The column `narrow cone` has the change of the share when cosines are squeezed as
CLIP's are. The last lines compare choices with those that would be made without the background phrases.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chatdesc.backends import create
from chatdesc.evidence import Evidence
from chatdesc.metrics.overlap import iou, iou_matrix
from chatdesc.metrics.paired import Interval, compare_pairs
from chatdesc.stages import track
from chatdesc.types import Verify
from chatdesc.verification.figures import RIGHT, Judged
from chatdesc.verification.learning import choosing

sys.path.append(str(Path(__file__).resolve().parent.parent / "training"))

from films import FRAMES, KINDS, SEEDS, Bench
from verifier_data import Recorded, load, mixed, record

VERIFIERS = ("raw-similarity", "similarity", "learned:tiny:verifier-linear", "learned")
FAILED = 0.5  # mean IoU of a tracker alone below which it has failed


def narrowed(e: Evidence) -> Evidence:
    """The evidence as an encoder with CLIP's narrow cone gives it: image-image .5 to .95, image-text .2 to .3."""
    places = ("", "background_", "beside_")
    names = [place + name for place in places for name in ("template", "recent")]
    pictures = {n: (1.44 + getattr(e, n)) / 2.44 for n in names}
    scale = 1 / np.sqrt(2.44 * 26)
    texts = {n: (0.265 * 6 + getattr(e, n)) * scale for n in (place + "text" for place in places)}
    anchor = None if e.anchor is None else float((0.265 * 6 + e.anchor) * scale)
    return replace(e, **pictures, **texts, anchor=anchor)


BACKGROUND = ("background", *(f"background_{name}" for name in ("scores", "template", "recent", "text")))


def without_background(e: Evidence) -> Evidence:
    """The evidence of a text without background phrases."""
    return replace(e, **{name: getattr(e, name)[:0] for name in BACKGROUND})


def _choices(verifier: Any, evidence: list[Evidence]) -> list[Any]:
    asked = [Verify("", replace(e, truth=None)) for e in evidence]
    return [answer for request in asked for answer in verifier.choose([request])]


def judged(verifier: Any, evidence: list[Evidence]) -> tuple[Judged, float]:
    """Its choices without the truth, and milliseconds per key frame."""
    verifier.choose([Verify("", replace(evidence[0], truth=None))])
    start = time.perf_counter()
    choices = _choices(verifier, evidence)
    return Judged.of(evidence, choices), (time.perf_counter() - start) / len(evidence) * 1e3


def line(name: str, found: Interval) -> str:
    bounds = "no interval" if found.low is None else f"{found.low:+.3f}, {found.high:+.3f}"
    return f"{name:<58} {found.mean:+.3f} [{bounds}]  n {found.count}"


def by_film(found: list[Recorded], values: Any, rows: Any) -> Any:
    names = np.array([one.film for one in found])
    return np.array([values[rows & (names == name)].mean() for name in np.unique(names[rows])])


def report(found: list[Recorded], names: list[str]) -> None:
    evidence = [one.seen.evidence for one in found]
    squeezed = [narrowed(e) for e in evidence]
    known: dict[str, Judged] = {}
    print("| verifier | mean IoU | share of the gap | where lost | none AUC | balanced | calibration error |", end="")
    print(" narrow cone | narrow, lost | ms |")
    print("| --- " * 10 + "|")
    for name in names:
        verifier = create("verifier", name)
        (own, took), (narrow, _) = judged(verifier, evidence), judged(verifier, squeezed)
        known[name] = own
        figures = [own.iou(), own.share(), own.share(own.lost), own.none_auc(), own.balanced()]
        cells = [f"{v:.3f}" for v in (*figures, own.calibration())]
        cells += [f"{narrow.share() - own.share():+.3f}", f"{narrow.share(narrow.lost):.3f}", f"{took:.2f}"]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    some = next(iter(known.values()))
    shown = some.visible
    floor, ceiling = some.mean[shown].mean(), some.best[shown].mean()
    print(
        f"random {floor:.3f}, oracle {ceiling:.3f}; {len(found)} key frames: target visible in {shown.sum()}, lost in"
    )
    print(f"{some.lost.sum()} of these, none of the proposals right in {some.none.sum()} of all")
    for title, rows in (("all", shown), ("lost", some.lost)):
        for k, name in enumerate(names):
            for other in names[:k]:
                pair = [by_film(found, known[n].chosen, rows) for n in (other, name)]
                print(line(f"{name} - {other}, IoU, {title}", compare_pairs(*pair)))
    kinds = np.array([one.kind for one in found])
    for kind in KINDS:
        print(f"  {kind}: " + ", ".join(f"{name} {j.share(kinds == kind):.3f}" for name, j in known.items()))


def background(found: list[Recorded], names: list[str]) -> None:
    """What becomes of the choices on key frames with background, if it is taken away."""
    shown = [one for one in found if len(one.seen.evidence.background)]
    if not shown:
        return
    evidence, films = [one.seen.evidence for one in shown], np.array([one.film for one in shown])
    alike = np.concatenate([iou_matrix(e.background, e.boxes).max(1) >= RIGHT for e in evidence])
    print(f"background found in {len(shown)} key frames of {len(np.unique(films))} films;", end=" ")
    print(f"{alike.mean():.3f} of its boxes are a proposal's as well")
    bare = [without_background(e) for e in evidence]
    for name in names:
        after, before = (_choices(create("verifier", name), some) for some in (evidence, bare))
        other = np.array([one.index != two.index for one, two in zip(after, before, strict=True)])
        shares = [Judged.of(evidence, choices).share() for choices in (before, after)]
        print(f"  {name}: another choice in {other.mean():.3f} of them, {len(np.unique(films[other]))} films;", end=" ")
        print("share {:.3f} without, {:.3f} with".format(*shares))


def loop(bench: Bench, names: list[str]) -> None:
    """Closed loop: each film with one of the trackers in turn; mean IoU on frames where the target is visible."""
    arms = ["alone", *names, "oracle"]
    values: dict[str, Any] = {}
    for arm in arms:
        verifier, scores = None if arm == "alone" else create("verifier", arm), {}
        for k, kind in enumerate(KINDS):
            for one, done in bench.run(kind, bench.films[k :: len(KINDS)], arm, verifier):
                shown = one.sequence.valid() & (np.arange(FRAMES) > 0)
                scores[one.sequence.name] = float(iou(done.boxes, one.sequence.boxes)[shown].mean())
        values[arm] = np.array([scores[film.sequence.name] for film in bench.films])
    failed = values["alone"] < FAILED
    for title, rows in (("all films", failed | ~failed), ("films where the tracker alone fails", failed)):
        means = ", ".join(f"{arm} {value[rows].mean():.3f}" for arm, value in values.items())
        print(f"closed loop, {title} ({rows.sum()}): {means}")
        for k, name in enumerate(names):
            for other in ("alone", *names[:k]):
                print(line(f"  {name} - {other}", compare_pairs(values[other][rows], values[name][rows])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SEEDS, default="test")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--preset", default="tiny", help="whose grounder and encoder are taken")
    parser.add_argument("--grounder", default="", help="in place of the preset's")
    parser.add_argument("--encoder", default="", help="in place of the preset's")
    parser.add_argument("--verifier", action="append", help=f"repeatable (default: {', '.join(VERIFIERS)})")
    parser.add_argument("--keep", type=Path, help="keep recorded evidence in this folder, and take it from there")
    parser.add_argument("--loop", action="store_true", help="closed loop as well")
    parser.add_argument("--at-once", action="store_true", help="restart sure trackers at once, as earlier versions did")
    parser.add_argument("--network-alone", action="store_true", help="without the rule of a tracker's box that leads")
    args = parser.parse_args()
    torch.set_num_threads(1)
    names = args.verifier or list(VERIFIERS)
    with tempfile.TemporaryDirectory() as scratch:
        track.SURE = 2.0 if args.at_once else track.SURE  # of a confidence of at most 1
        choosing.LEAD = np.inf if args.network_alone else choosing.LEAD
        start, folder = time.perf_counter(), args.keep or Path(scratch)
        bench = Bench.create(args.split, args.count, args.preset, args.grounder, args.encoder)
        record(bench, folder, mixed())
        print(f"recorded in {time.perf_counter() - start:.0f} s", flush=True)
        found = load(folder)
        report(found, names)
        background(found, names)
        if args.loop:
            loop(bench, names)


if __name__ == "__main__":
    main()
