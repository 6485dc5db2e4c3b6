"""Claim: reflection finds better texts, shown by the shipped models on synthetic sequences that no training has seen.

Renders sequences with look-alikes, occlusion and planted faults in half of the manual texts, runs the whole loop with
`--preset tiny`, and prints differences between refined and manual texts with 95 % bootstrap intervals over sequences:

    python benchmarks/tiny.py [--count 100] [--frames 40] [--seed 4242] [--out FOLDER]

The scenes are synthetic and the models know nothing else: the figures prove the wiring, and say nothing about
photographs. The grounder's feedback chose the texts, so its IoU is biased towards them; the CLIP and the tracks took no
part in the choice.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from stand_still import StandStill

from chatdesc.config import Resources, from_preset
from chatdesc.engine.run import Run
from chatdesc.engine.schedule import Scheduler
from chatdesc.loaders import load
from chatdesc.metrics.ope import LASOT, score_sequence
from chatdesc.metrics.paired import FEW, Interval, compare_pairs
from chatdesc.rows.store import Store
from chatdesc.stages.track import track
from chatdesc.synthetic import render
from chatdesc.types import FrameCache, one_line

Row = dict[str, Any]


def annotate(root: Path, out: Path) -> tuple[Run, list[Row]]:
    """The rows of the whole loop over a rendered dataset."""
    data = load("synthetic", str(root), cache=FrameCache(64))
    run = Run.create(data, out, from_preset("tiny"), Resources(sequences_in_flight=16))
    known = {one["sequence"]: one for one in json.loads((root / "scenes.json").read_text(encoding="utf-8"))}
    with Store.open(out, run.config()) as store:
        run.annotate(store)
        rows = list(run.rows(store))
    return run, [row | known[row["sequence"]] for row in rows]


def tracked(run: Run, texts: dict[str, str], tracker: Any = None) -> dict[str, float]:
    """Success AUC of semantic tracking per sequence, with the texts given ("" tracks without language)."""
    backends = run.models if tracker is None else replace(run.models, tracker=tracker)
    sequences = {name: run.dataset[name] for name in texts}
    jobs = (
        (
            name,
            track(
                sequences[name],
                one_line(text),
                (),
                run.settings,
                backends.grounder.threshold,
                run.settings.encoders[0],
            ),
        )
        for name, text in texts.items()
    )
    found = {}
    for name, result in Scheduler(backends.lanes(), 16).run(jobs):
        if isinstance(result, Exception):
            raise result
        truth = sequences[name]
        found[name] = score_sequence(result.boxes, truth.boxes, truth.visible, LASOT).auc
    return found


def gains(rows: Iterable[Row], before: str, after: str) -> Interval:
    """The paired difference of two figures of rows; a figure is named as in ``grounding.iou``."""
    pairs = [(figure(row, before), figure(row, after)) for row in rows]
    return compare_pairs([a for a, _ in pairs], [b for _, b in pairs])


def figure(row: Row, name: str) -> float:
    column, _, key = name.partition(".")
    held = row[column][0] if column == "alignment" else row[column]
    return float("nan") if held is None or held[key] is None else float(held[key])


def line(name: str, found: Interval) -> str:
    few = f"fewer than {FEW} pairs" if found.count < FEW else "all alike"
    bounds = few if found.low is None else f"{found.low:+.3f}, {found.high:+.3f}"
    mean = float("nan") if found.mean is None else found.mean
    return f"{name:<58} {mean:+7.3f}  [{bounds}]  n {found.count:3d}  better {found.better}, worse {found.worse}"


def report(run: Run, rows: list[Row]) -> None:
    alike = [row for row in rows if row["lookalikes"]]
    faulty = [row for row in rows if row["fault"] != "none"]
    sound = [row for row in rows if row["fault"] == "none"]
    print(
        f"{len(rows)} sequences: {len(alike)} with look-alikes, {len(faulty)} with a planted fault in the manual text"
    )
    refined = sum(row["text_source"] == "refined" for row in rows)
    rounds = np.mean([len(row["rounds"]) for row in rows])
    print(f"texts refined {refined}, kept {len(rows) - refined}; texts tried per sequence {rounds:.2f}")
    print("\nGrounding IoU in the first frame, by the grounder that gave feedback")
    print(line("chosen text - round 0, look-alikes", gains(alike, "grounding.round0_iou", "grounding.iou")))
    print(line("chosen text - round 0, all", gains(rows, "grounding.round0_iou", "grounding.iou")))
    print(line("chosen text - manual text, planted fault", gains(faulty, "grounding.manual_iou", "grounding.iou")))
    print("\nCLIP alignment (cosine x 100, mean of 4 frames), by a model that took no part in choosing")
    for fault in sorted({row["fault"] for row in faulty}):
        kind = [row for row in faulty if row["fault"] == fault]
        print(line(f"refined - manual, {fault}", gains(kind, "alignment.manual", "alignment.refined")))
    judged = gains(faulty, "alignment.manual", "alignment.refined")
    print(line("refined - manual, planted fault", judged))
    print(f"{'':<58} refined beats manual on {judged.better / max(judged.count, 1):.3f}")
    print(line("refined - manual, sound manual text", gains(sound, "alignment.manual", "alignment.refined")))
    print("\nSemantic tracking, success AUC (protocol lasot), sequences with a planted fault")
    for name, tracker in ((run.settings.tracker, None), ("one that stands still", StandStill())):
        arms = {
            "no text": tracked(run, {row["sequence"]: "" for row in faulty}, tracker),
            "manual": tracked(run, {row["sequence"]: row["manual_text"] for row in faulty}, tracker),
            "refined": tracked(run, {row["sequence"]: row["text"] for row in faulty}, tracker),
        }
        means = ", ".join(f"{arm} {np.mean(list(aucs.values())):.3f}" for arm, aucs in arms.items())
        print(f"visual tracker: {name}: {means}")
        for other in ("manual", "no text"):
            pairs = [(arms[other][row["sequence"]], arms["refined"][row["sequence"]]) for row in faulty]
            print(line(f"refined - {other}", compare_pairs([a for a, _ in pairs], [b for _, b in pairs])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--seed", type=int, default=4242)
    parser.add_argument("--out", type=Path, help="keep the dataset and the run here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.out or Path(scratch)
        root = folder / f"synthetic-{args.count}x{args.frames}-seed{args.seed}"
        render(root, args.count, args.frames, args.seed)
        start = time.perf_counter()
        run, rows = annotate(root, folder / "run")
        print(f"annotated in {time.perf_counter() - start:.0f} s")
        report(run, rows)


if __name__ == "__main__":
    main()
