"""Claim: background phrases mean the background, and tracking with them is no worse than without.

Annotates unseen synthetic sequences (and photographs, with --otb), and tracks each three times with the same text:
without background, with all phrases that the describer listed ("listed"), and with those that stayed ("kept"). Prints
how often background means the target, and differences paired over sequences, with 95 % intervals:

    python benchmarks/background.py [--preset offline --preset tiny] [--count 60] [--otb FOLDER]

"Listed" comes from a run of its own, whose describer is told nothing of dropped phrases; so this is what a version
without the check does. Each arm is tracked by the preset's tracker and by one that never moves, so that the choice
among proposals alone decides.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from stand_still import StandStill

from chatdesc.config import Resources, Settings, from_preset
from chatdesc.engine.models import Models
from chatdesc.engine.run import Run
from chatdesc.engine.schedule import Scheduler
from chatdesc.loaders import Dataset, load
from chatdesc.metrics.ope import LASOT, score_sequence
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.metrics.paired import compare_pairs
from chatdesc.rows.store import Store
from chatdesc.stages.background import hitting, joined, same_words
from chatdesc.stages.describe import parse_answer, reflect_prompt
from chatdesc.stages.track import Track, top_proposals, track
from chatdesc.synthetic import render
from chatdesc.types import Describe, FrameCache, FrameRef, Ground

Phrases = tuple[str, ...]


class Said(NamedTuple):
    """A sequence's text, and its background in one arm."""

    name: str
    text: str
    around: Phrases


@dataclass
class Untold:
    """A describer that is not told which background phrases were dropped."""

    describer: Any
    settings: Settings

    def __getattr__(self, name: str) -> Any:
        return getattr(self.describer, name)

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        found: list[str | Exception] = self.describer.describe([self._untold(request) for request in requests])
        return found

    def _untold(self, request: Describe) -> Describe:
        if not request.background_dropped:
            return request
        plain = replace(request, background_dropped=())
        return replace(plain, prompt=reflect_prompt(plain, self.settings.region, self.settings.style))


def rows_of(data: Dataset, preset: str, out: Path, told: bool) -> dict[str, dict[str, Any]]:
    """The rows of a run without tracking, by sequence."""
    run = Run.create(data, out, from_preset(preset, tracker="none"), Resources(sequences_in_flight=16))
    if not told:
        run.models = replace(run.models, describer=Untold(run.models.describer, run.settings))
    with Store.open(out, run.config()) as store:
        run.annotate(store)
        return {row["sequence"]: row for row in run.rows(store) if row["text"]}


def listed(row: dict[str, Any]) -> Phrases:
    """All background phrases of the chosen answer; with the manual text, those of the best other answer."""
    rounds = [tried for tried in row["rounds"] if tried["source"] == "refined"]
    chosen = [tried for tried in rounds if row["text_source"] == "refined" and tried["text"] == row["text"]]
    return parse_answer((chosen or [max(rounds, key=lambda tried: tried["iou"])])[0]["raw"]).background


def meant(data: Dataset, models: Models, settings: Settings, said: list[Said]) -> dict[str, list[float]]:
    """Per sequence: whether a phrase finds the target in the first frame, whether one is its phrase, and the penalty
    (IoU times score) on its true box."""
    found: dict[str, list[float]] = {"finds the target": [], "says the same": [], "penalty on the target": []}
    for one in said:
        sequence, threshold = data[one.name], models.threshold(settings)
        box, hits, penalty = sequence.boxes[0], frozenset[str](), 0.0
        if one.around:
            [grounding] = models.grounder.ground([Ground(FrameRef(sequence.frames, 0), joined(one.around))])
            hits = hitting(one.around, grounding, box, settings.theta, threshold)
            boxes, scores = top_proposals(grounding, threshold)
            penalty = float((iou_matrix(boxes, box[None])[:, 0] * scores).max(initial=0.0))
        same = any(same_words(phrase, one.text) for phrase in one.around)
        for name, value in zip(found, (bool(hits), same, penalty), strict=True):
            found[name].append(float(value))
    return found


def tracks(data: Dataset, models: Models, settings: Settings, said: set[Said]) -> dict[Said, tuple[float, float]]:
    """AUC, and mean IoU of the chosen proposals, of each; what several arms share is tracked once."""
    threshold, encoder = models.threshold(settings), settings.encoders[0]
    sequences = {one: data[one.name] for one in said}
    work = (
        (one, track(sequences[one], one.text, one.around, settings, threshold, encoder)) for one in sorted(said)
    )  # one sequence's arms follow each other: its frames are still measured
    found = {}
    for one, done in Scheduler(models.lanes(), 6).run(work):
        if isinstance(done, Exception):
            raise done
        found[one] = figures(done, sequences[one])
    return found


def figures(done: Track, sequence: Any) -> tuple[float, float]:
    auc = score_sequence(done.boxes, sequence.boxes, sequence.visible, LASOT).auc
    return float(auc), float(np.mean(done.chosen_iou)) if len(done.chosen_iou) else np.nan


def line(name: str, before: list[float], after: list[float]) -> str:
    gap = compare_pairs(before, after)
    between = "none" if gap.low is None or gap.high is None else f"{gap.low:+.3f}, {gap.high:+.3f}"
    return (
        f"| {name} | {gap.before:.3f} | {gap.after:.3f} | {gap.mean:+.3f} [{between}] "
        f"| {gap.better}/{gap.worse} | {gap.count} |"
    )


def report(title: str, data: Dataset, preset: str, scratch: Path, every: int, alike: set[str]) -> None:
    """The tables of one dataset and preset."""
    started = time.perf_counter()
    settings = from_preset(preset, ground_every=every)
    untold = rows_of(data, preset, scratch / "untold", told=False)
    told = rows_of(data, preset, scratch / "told", told=True)
    names = [name for name in told if name in untold]
    assert all(told[name]["text"] == untold[name]["text"] for name in names)
    arms = {
        "without": [Said(name, told[name]["text"], ()) for name in names],
        "listed": [Said(name, told[name]["text"], listed(untold[name])) for name in names],
        "kept": [Said(name, told[name]["text"], tuple(told[name]["background"])) for name in names],
    }
    models = Models.create(settings, Resources())
    print(f"\n### {title}, preset {preset}, {len(names)} sequences\n")
    print("| figure | first | second | difference [95 %] | more/less | n |")
    print("| --- | --- | --- | --- | --- | --- |")
    phrases = {arm: [float(len(one.around)) for one in arms[arm]] for arm in arms}
    print(line("phrases per row: listed; kept", phrases["listed"], phrases["kept"]))
    before, after = (meant(data, models, settings, arms[arm]) for arm in ("listed", "kept"))
    for name in before:
        print(line(f"{name}: listed; kept", before[name], after[name]), flush=True)
    for tracker, used in (("never moves", replace(models, tracker=StandStill())), (settings.tracker, models)):
        found = tracks(data, used, settings, {one for arm in arms.values() for one in arm})
        for first, second in (("without", "kept"), ("listed", "kept"), ("without", "listed")):
            for which, wanted in (("", set(names)), (", look-alikes", alike)):
                pairs = [
                    (found[a], found[b]) for a, b in zip(arms[first], arms[second], strict=True) if a.name in wanted
                ]
                for k, figure in enumerate(("AUC", "chosen IoU") if pairs else ()):
                    values = [a[k] for a, _ in pairs], [b[k] for _, b in pairs]
                    print(line(f"{figure}, tracker {tracker}{which}: {first}; {second}", *values), flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s")


def tables(args: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, Path, str, set[str]]]:
    """(dataset, its folder, preset, sequences with look-alikes) of every table."""
    import json

    if args.count:
        folder = scratch / "synthetic"
        render(folder, args.count, args.frames, args.seed)
        known = json.loads((folder / "scenes.json").read_text(encoding="utf-8"))
        for preset in args.preset or ("offline", "tiny"):
            yield "synthetic", folder, preset, {one["sequence"] for one in known if one["lookalikes"]}
    if args.otb:
        yield "otb-lang", args.otb, "offline", set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append", choices=("offline", "tiny"), help="default: both")
    parser.add_argument("--count", type=int, default=60, help="synthetic sequences")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--seed", type=int, default=31337, help="of the sequences")
    parser.add_argument("--every", type=int, default=5, help="a key frame every k frames")
    parser.add_argument("--otb", type=Path, help="OTB-lang, for the preset offline")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder, preset, alike in tables(args, Path(scratch)):
            data = load(name, str(folder), cache=FrameCache(64))
            report(name, data, preset, Path(scratch) / f"{name}-{preset}", args.every, alike)


if __name__ == "__main__":
    main()
