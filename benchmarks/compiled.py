"""Question: does it pay to compile the networks of the preset ``tiny`` with torch.compile, on this machine's CPU?

    python benchmarks/compiled.py [--sequences 6] [--repeats 3]

The networks answer the same requests as they are and compiled, in turn, an item at a time and after a first round
that is not counted. Compiling needs a C++ compiler; its time is what the first compiled round takes more than the
first plain one, in CPU seconds of this process alone: compilers may use more in processes of their own, and what an
earlier run compiled is found again. ``answers`` is the largest difference between both: of the best boxes in pixels,
and of vectors of length 1.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from chatdesc.backends import create
from chatdesc.config import from_preset
from chatdesc.loaders import load
from chatdesc.synthetic import render
from chatdesc.types import Crop, Embed, FrameCache, FrameRef, Ground

Answers = list[np.ndarray]


def spent(call: Callable[[], Answers]) -> tuple[float, Answers]:
    """CPU seconds of a call, and what it answers."""
    start = time.process_time()
    answers = call()
    return time.process_time() - start, answers


def grounding(grounder: Any, requests: list[Ground]) -> Callable[[], Answers]:
    """The best box of each request: how the others are ordered depends on last digits."""
    return lambda: [answer.boxes[answer.scores.max(1).argmax()] for answer in grounder.ground(requests)]


def embedding(encoder: Any, requests: list[Embed]) -> Callable[[], Answers]:
    """Vectors of all crops."""
    return lambda: [answer.crops for answer in encoder.embed(requests)]


def swapping(network: Any, method: str) -> Callable[[bool], None]:
    """Puts a network's method back as it is, or its compiled form in its place."""
    import torch

    plain = getattr(network, method)
    forms = {False: plain, True: torch.compile(plain)}
    return lambda compiled: setattr(network, method, forms[compiled])


def compare(name: str, ask: Callable[[], Answers], swap: Callable[[bool], None], count: int, repeats: int) -> None:
    """Print what an item costs as it is and compiled, and after how many items compiling has paid."""
    first, seconds, answers = {}, {False: [], True: []}, {}
    for compiled in (False, True):
        swap(compiled)
        first[compiled], _ = spent(ask)
    for _ in range(repeats):
        for compiled in (False, True):
            swap(compiled)
            took, answers[compiled] = spent(ask)
            seconds[compiled].append(took)
    plain, quick = (1000 * statistics.median(seconds[one]) / count for one in (False, True))
    extra = first[True] - first[False]
    apart = max(float(np.abs(a - b).max(initial=0)) for a, b in zip(*answers.values(), strict=True))
    pays = f"after {1000 * extra / (plain - quick):,.0f} items" if plain > quick else "never"
    print(f"{name:10}{plain:12.1f}{quick:12.1f}{plain / quick:8.2f}{extra:14.1f}   {pays:20}{apart:10.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=6, help="one request of each role per sequence (default: 6)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds that are counted (default: 3)")
    given = parser.parse_args()
    logging.getLogger("torch").setLevel(logging.CRITICAL)
    settings = from_preset("tiny")
    print("stage      ms an item    compiled    gain   compiling, s   pays                   answers")
    with tempfile.TemporaryDirectory() as place:
        render(Path(place), count=given.sequences, frames=2, seed=1)
        some = list(load("synthetic", place, cache=FrameCache(64)))
        frames = [FrameRef(one.frames, 0) for one in some]
        grounder = create("grounder", settings.grounder, device="cpu")
        requests = [Ground(frame, one.manual_text) for frame, one in zip(frames, some, strict=True)]
        swap = swapping(grounder.loaded.model, "forward")
        compare("grounder", grounding(grounder, requests), swap, len(requests), given.repeats)
        encoder = create("encoder", settings.encoders[0], device="cpu")
        crops = [Embed("", (Crop(frame, one.boxes[0]),), ()) for frame, one in zip(frames, some, strict=True)]
        swap = swapping(encoder.loaded.model, "encode_image")
        compare("encoder", embedding(encoder, crops), swap, len(crops), given.repeats)


if __name__ == "__main__":
    main()
