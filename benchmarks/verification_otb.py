"""Claim: on real video verification chooses no worse than the sums of raw cosines that earlier versions used.

    python benchmarks/verification_otb.py [FOLDER] [--tracker csrt --tracker kcf] [--verifier NAME] [--preset offline]
        [--network-alone]

FOLDER has OTB's sequences with their texts (OTB-lang); by default otb of the shared data (see shared_data.py). Each is
tracked alone and with each verifier, in closed loop, by the manual text. Prints per sequence the mean IoU of the
proposals chosen on the regular key frames with a visible target (the early ones differ between verifiers; without
words, of the track on all frames), and how many key frames said *none*. Seven sequences are few: this shows where a
verifier harms, and proves nothing. With `--network-alone` networks also leave a tracker's box that leads without them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import shared_folder

from chatdesc.backends import create
from chatdesc.config import from_preset
from chatdesc.loaders import load
from chatdesc.metrics.overlap import iou
from chatdesc.metrics.paired import compare_pairs
from chatdesc.types import FrameCache, one_line
from chatdesc.verification.learning import choosing

sys.path.append(str(Path(__file__).resolve().parent.parent / "training"))

from films import REAL, Bench, Film, Remembered

VERIFIERS = ("raw-similarity", "similarity", "learned", "oracle")


def bench_of(sequences: list[Any], preset: str) -> Bench:
    """The sequences with their manual texts, and the models of a preset."""
    settings = from_preset(preset)
    grounder, encoder = create("grounder", settings.grounder), create("encoder", settings.encoders[0])
    films = [Film(s, s.boxes[None], one_line(s.manual_text or ""), ()) for s in sequences]
    return Bench(films, Remembered(grounder), encoder, settings, grounder.threshold)


def tracked(bench: Bench, tracker: str, name: str) -> dict[str, Any]:
    """The tracks of one tracker with one verifier; ``none`` tracks without words."""
    verifier = None if name == "none" else create("verifier", name)
    return {film.sequence.name: done for film, done in bench.run(tracker, bench.films, name, verifier)}


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
    parser.add_argument("--tracker", action="append", choices=REAL)
    parser.add_argument("--verifier", action="append")
    parser.add_argument("--preset", default="offline")
    parser.add_argument("--network-alone", action="store_true", help="without the rule of a tracker's box that leads")
    args = parser.parse_args()
    choosing.LEAD = np.inf if args.network_alone else choosing.LEAD
    data = load("otb-lang", args.folder or shared_folder("otb") / "otb", cache=FrameCache(64))
    sequences = [data[name] for name in data.names if data[name].usable]
    bench = bench_of(sequences, args.preset)
    for tracker in args.tracker or ("csrt", "kcf"):
        print(
            f"{tracker}, {args.preset}: chosen IoU on key frames, IoU of the track, then per sequence chosen none/keys"
        )
        print("| verifier | chosen | track | " + " | ".join(s.name for s in sequences) + " |")
        print("| --- | --- | --- |" + " --- |" * len(sequences))
        values = {}
        for name in ("none", *(args.verifier or VERIFIERS)):
            done = tracked(bench, tracker, name)
            text, values[name] = line(name, done, sequences, bench.settings.ground_every)
            print(text, flush=True)
        for name in values.keys() - {"none", "raw-similarity"}:
            found = compare_pairs(values["raw-similarity"], values[name])
            print(f"  {name} - raw-similarity: {found.mean:+.3f}, {len(sequences)} sequences")


if __name__ == "__main__":
    main()
