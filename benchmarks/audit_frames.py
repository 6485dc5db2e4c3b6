"""Bars of `chatdesc audit --frames`: planted faults that its checks find, and how often they are right.

    python benchmarks/audit_frames.py [--preset tiny --preset offline] [--seed 1 --seed 3] [--each 10] [--keep FOLDER]

Each seed renders `5 x each` scenes with a fault (wrong target, ambiguous, stops holding, typo) or without one; see
planted_scenes.py. Thresholds were chosen on the seeds 1 and 2; the figures of other seeds count. A finding of a kind is
right on a text in which this kind was planted. All checks of texts take part, as in an audit.

--keep stores what the models saw, so that thresholds can be tried without them; files there are Python pickles, so read
only your own.
"""

from __future__ import annotations

import argparse
import json
import pickle
import tempfile
from collections.abc import Mapping
from pathlib import Path

from planted_scenes import KINDS, STOPS, UNCLEAR, planted

from chatdesc.checks import create
from chatdesc.checks.base import Subject
from chatdesc.checks.examine import examine
from chatdesc.checks.sights import look_at
from chatdesc.config import Resources, from_preset
from chatdesc.loaders import load
from chatdesc.stages.look import Sight
from chatdesc.synthetic import write_scenes

FRAMES = 24
FOUND_AS = {"wrong_target": "wrong_target", "ambiguous": "ambiguous", STOPS: "does_not_hold", "typo": "typo"}


def sights_of(preset: str, seed: int, each: int, keep: Path) -> tuple[Mapping[str, Sight], dict[str, str]]:
    """What the preset's models see of the texts, and the planted fault of each sequence."""
    root, kept = keep / f"scenes-{seed}-{each}", keep / f"{preset}-{seed}-{each}.pickle"
    if not (root / "scenes.json").exists():
        write_scenes(root, planted(each, FRAMES, seed), FRAMES)
    faults = {one["sequence"]: one["fault"] for one in json.loads((root / "scenes.json").read_text())}
    faults = {name: fault for name, fault in faults.items() if fault != UNCLEAR}
    if kept.exists():
        stored = pickle.loads(kept.read_bytes())
        return {name: sight for name, sight in stored.items() if name in faults}, faults
    data = load("synthetic", str(root))
    texts = {sequence.name: sequence.manual_text or "" for sequence in data if sequence.name in faults}
    sights = look_at(data, texts, from_preset(preset), Resources()).by_name
    kept.write_bytes(pickle.dumps(dict(sights)))
    return sights, faults


def figures(sights: Mapping[str, Sight], faults: Mapping[str, str], show: bool) -> list[str]:
    """A line per planted kind."""
    subjects = [Subject(name, s.text, name.rpartition("-")[0], sight=s) for name, s in sights.items()]
    found, _ = examine(subjects, create())
    kinds = {name: {finding.kind for finding in findings} for name, findings in found.items()}
    lines = []
    for fault in KINDS[1:]:
        said = {name for name, those in kinds.items() if FOUND_AS[fault] in those}
        true = {name for name, planted_fault in faults.items() if planted_fault == fault}
        right = len(said & true)
        lines.append(f"{fault:14s} {len(true):7d} {len(said):5d} {_share(right, len(said))} {_share(right, len(true))}")
        if show:
            lines += [f"    wrong: {name} {faults[name]}: {sights[name].text}" for name in sorted(said - true)]
            lines += [f"    missed: {name}: {sights[name].text}" for name in sorted(true - said)]
    return lines


def _share(part: int, whole: int) -> str:
    return f"{part / whole:9.3f}" if whole else f"{'-':>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append")
    parser.add_argument("--seed", action="append", type=int)
    parser.add_argument("--each", type=int, default=10)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--list", action="store_true", help="name what is wrong and missed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        keep = options.keep or Path(temporary)
        keep.mkdir(parents=True, exist_ok=True)
        for preset in options.preset or ("tiny", "offline"):
            for seed in options.seed or (1, 3):
                sights, faults = sights_of(preset, seed, options.each, keep)
                print(f"{preset}, seed {seed}, {len(faults)} texts")
                print(f"{'planted':14s} {'planted':>7} {'found':>5} {'precision':>9} {'recall':>9}")
                print("\n".join(figures(sights, faults, options.list)), flush=True)


if __name__ == "__main__":
    main()
