"""Train the learned verifiers: on films with look-alikes, occlusion, absence and zoom, tracked by trackers that fail.

    python training/verifier.py                      # record (or go on), train, evaluate, write the models' cards
    python training/verifier.py --count 8 --out /tmp/it   # a try

First the evidence of all key frames is recorded while a mixture of verifiers decides, so that trackers and memories are
right and wrong. A network trained on that decides in a second recording; what it brings about itself is learned from as
well. A quarter of the films is also seen by the offline grounder and encoder, whose boxes are often parts of things:
features have no scale of their own, but how much they are worth differs between models.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from films import KINDS, Bench
from verifier_data import Recorded, load, mixed, record
from verifier_figures import table, write_card

from chatdesc.backends.learned_verifier import LearnedVerifier
from chatdesc.verification.learning.training import Epoch, Plan, Trained, fit

TINY = Path(__file__).resolve().parent.parent / "chatdesc" / "tiny"
WORK = Path("build/tiny/verifier")
PLANS = {"verifier": Plan("set"), "verifier-linear": Plan("linear", lr=1e-2)}
OFTEN = 3  # times that a key frame of the offline models counts; chosen on a quarter of their films, held out
FAILING = tuple(kind for kind in KINDS if kind != "csrt")  # the ones that bring a policy into states of its own


def recorded(
    folder: Path, split: str, count: int, preset: str = "tiny", verifier: Any = None, kinds: tuple[str, ...] = KINDS
) -> list[Recorded]:
    """The films of a split as the models of a preset see them, while ``verifier`` decides (None: a mixture)."""
    if not all(len(list((folder / kind).glob("*.npz"))) == count for kind in kinds):
        record(Bench.create(split, count, preset), folder, verifier or mixed(), kinds)
    return load(folder, kinds)


def trained(name: str, plan: Plan, train: list[Recorded], validation: list[Recorded], out: Path) -> Trained:
    print(f"{name}: {len(train)} key frames")
    start = time.perf_counter()
    found = fit([r.seen.evidence for r in train], [r.seen.evidence for r in validation], plan, on_epoch=say)
    print(f"{name}: trained in {time.perf_counter() - start:.0f} s, epoch {found.best.epoch} is kept")
    found.network.save_pretrained(out / name)
    return found


def say(e: Epoch) -> None:
    print(f"  epoch {e.epoch}: loss {e.loss:.3f}, share of the gap {e.share:.3f}, where lost {e.lost:.3f}, ", end="")
    print(f"none AUC {e.none_auc:.3f}, calibration error {e.calibration:.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=240, help="films to train on; half as many validate")
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--out", type=Path, default=TINY)
    args = parser.parse_args()
    torch.set_num_threads(1)
    train = recorded(args.work / "train", "train", args.count)
    validation = recorded(args.work / "validation", "validation", args.count // 2)
    trained("first", PLANS["verifier"], train, validation, args.work)
    first = LearnedVerifier(str(args.work / "first"))
    train += recorded(args.work / "own", "train", args.count, verifier=first, kinds=FAILING)
    train += OFTEN * recorded(args.work / "offline", "train", args.count // 4, preset="offline")
    for name, plan in PLANS.items():
        found = trained(name, plan, train, validation, args.out)
        write_card(args.out / name, found, len(train), len(validation))
    print(table(args.out, validation))


if __name__ == "__main__":
    main()
