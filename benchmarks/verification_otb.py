"""Claim: on real video verification chooses no worse than the sums of raw cosines that earlier versions used.

    python benchmarks/verification_otb.py [FOLDER] [--tracker csrt --tracker kcf] [--verifier NAME] [--preset offline]

FOLDER has OTB's sequences with their texts (OTB-lang); by default otb of the shared data (see shared_data.py). Each is
tracked alone and with each verifier, in closed loop, by the manual text. Prints per sequence the mean IoU of the
proposals chosen on the regular key frames with a visible target (the early ones differ between verifiers; without
words, of the track on all frames), and how many key frames said *none*. Seven sequences are few: this shows where a
verifier harms, and proves nothing.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import shared_folder

from chatdesc.backends import create
from chatdesc.config import from_preset
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.loaders import load
from chatdesc.metrics.overlap import iou
from chatdesc.metrics.paired import compare_pairs
from chatdesc.stages.track import track
from chatdesc.types import Embed, Follow, FrameCache, Ground, Verify, one_line

sys.path.append(str(Path(__file__).resolve().parent.parent / "training"))

from films import Remembered

VERIFIERS = ("raw-similarity", "similarity", "learned", "oracle")


def tracked(sequences: list[Any], tracker: str, name: str, models: dict[str, Any], settings: Any) -> dict[str, Any]:
    """The tracks of one tracker with one verifier; ``none`` tracks without words."""
    spec = settings.encoders[0]
    lanes = [Lane(Ground, models["grounder"].ground, 16), Lane((Embed, spec), models["encoder"].embed, 16)]
    lanes.append(Lane(Follow, create("tracker", tracker).follow, 16))
    if name != "none":
        lanes.append(Lane((Verify, name), create("verifier", name).choose, workers=2))
    threshold = models["grounder"].inner.threshold
    chosen = settings if name == "none" else replace(settings, verifier=name)
    text = (lambda s: "") if name == "none" else (lambda s: one_line(s.manual_text or ""))
    jobs = ((s.name, track(s, text(s), (), chosen, threshold, spec)) for s in sequences)
    done = dict(Scheduler(lanes, 8).run(jobs))
    for answer in done.values():
        if isinstance(answer, BaseException):
            raise answer
    return done


def at_every(t: Any, sequence: Any, every: int) -> float:
    """Mean IoU of the proposals chosen on the regular key frames, which all verifiers have."""
    shown = [frame for frame in t.key_frames if sequence.valid()[frame]]
    regular = [value for frame, value in zip(shown, t.chosen_iou, strict=True) if frame % every == 0]
    return float(np.mean(regular))


def line(name: str, done: dict[str, Any], sequences: list[Any], every: int) -> tuple[str, list[float]]:
    cells, chosen, whole = [], [], []
    for s in sequences:
        t = done[s.name]
        seen = s.valid()
        overlap = float(iou(t.boxes, s.boxes)[seen].mean())
        on_keys = at_every(t, s, every) if len(t.chosen_iou) else overlap
        chosen.append(on_keys)
        whole.append(overlap)
        cells.append(f"{on_keys:.2f} {len(t.none_frames)}/{len(t.key_frames)}")
    return f"| {name} | {np.mean(chosen):.3f} | {np.mean(whole):.3f} | " + " | ".join(cells) + " |", chosen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--tracker", action="append")
    parser.add_argument("--verifier", action="append")
    parser.add_argument("--preset", default="offline")
    args = parser.parse_args()
    data = load("otb-lang", args.folder or shared_folder("otb") / "otb", cache=FrameCache(64))
    sequences = [data[name] for name in data.names if data[name].usable]
    settings = from_preset(args.preset)
    models = {
        "grounder": Remembered(create("grounder", settings.grounder)),
        "encoder": create("encoder", settings.encoders[0]),
    }
    for tracker in args.tracker or ("csrt", "kcf"):
        print(
            f"{tracker}, {args.preset}: chosen IoU on key frames, IoU of the track, then per sequence chosen none/keys"
        )
        print("| verifier | chosen | track | " + " | ".join(s.name for s in sequences) + " |")
        print("| --- | --- | --- |" + " --- |" * len(sequences))
        values = {}
        for name in ("none", *(args.verifier or VERIFIERS)):
            text, values[name] = line(
                name, tracked(sequences, tracker, name, models, settings), sequences, settings.ground_every
            )
            print(text, flush=True)
        for name in values.keys() - {"none", "raw-similarity"}:
            found = compare_pairs(values["raw-similarity"], values[name])
            print(f"  {name} - raw-similarity: {found.mean:+.3f}, {len(sequences)} sequences")


if __name__ == "__main__":
    main()
