"""Claim: in half precision the grounder of ``tiny`` chooses what it does in float32, with boxes a pixel apart at most.

    python benchmarks/half.py [--sequences 40] [--seed 0]

A GPU computes in half precision by autocast (``chatdesc/backends/neural_model.py``). Where there is one, it is asked;
elsewhere the CPU computes by autocast in bfloat16 and in float16, which rounds alike. The weights are float32 in all
cases. On the first frame of each synthetic sequence the grounder is given the manual text: *same* counts the frames on
which its best boxes overlap by half (IoU), and *apart* is the largest difference of their numbers there. Encoders
compute in float32 everywhere.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chatdesc.backends import create
from chatdesc.config import from_preset
from chatdesc.loaders import load
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.synthetic import render
from chatdesc.types import FrameCache, FrameRef, Ground, Grounding

SAME = 0.5


def kinds() -> dict[str, tuple[str, Any]]:
    """What is compared with float32 on the CPU: a device, and the context in which it computes."""
    if torch.cuda.is_available():
        return {torch.cuda.get_device_name(0): ("cuda", contextlib.nullcontext())}
    return {
        "bfloat16, CPU": ("cpu", torch.autocast("cpu", torch.bfloat16)),
        "float16, CPU": ("cpu", torch.autocast("cpu", torch.float16)),
    }


def grounded(device: str, context: Any, requests: list[Ground]) -> list[Grounding]:
    """The answers to all requests."""
    grounder = create("grounder", from_preset("tiny").grounder, device=device)
    with within(grounder.loaded.model, "forward", context):
        return grounder.ground(requests)


@contextlib.contextmanager
def within(model: Any, method: str, context: Any) -> Any:
    """While a method of a model runs in a context, in whatever thread."""
    plain = getattr(model, method)

    def call(*arguments: Any, **options: Any) -> Any:
        with context:
            return plain(*arguments, **options)

    setattr(model, method, call)
    try:
        yield
    finally:
        setattr(model, method, plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=40, help="synthetic sequences (default: 40)")
    parser.add_argument("--seed", type=int, default=0, help="of the sequences (default: 0)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        render(Path(place, "data"), count=given.sequences, frames=2, seed=given.seed)
        some = list(load("synthetic", Path(place, "data"), cache=FrameCache(64)))
        asked = [Ground(FrameRef(one.frames, 0), one.manual_text) for one in some]
        whole = grounded("cpu", contextlib.nullcontext(), asked)
        print("                       same      apart, pixels: median    most")
        for name, (device, context) in kinds().items():
            half = grounded(device, context, asked)
            pairs = [(a.boxes[best(a)], b.boxes[best(b)]) for a, b in zip(whole, half, strict=True)]
            near = [(a, b) for a, b in pairs if iou_matrix(a[None], b[None])[0, 0] >= SAME]
            apart = [float(np.abs(a - b).max()) for a, b in near]
            print(f"{name:20}{len(near):4} of {len(pairs)}{np.median(apart):22.2f}{max(apart):10.2f}")


def best(answer: Grounding) -> int:
    """The proposal whose best word scores most."""
    return int(answer.scores.max(1).argmax())


if __name__ == "__main__":
    main()
