"""Claim: a frame is decoded once however many stages look at it.

Annotates a small synthetic dataset with a shared frame cache and without one, counts decodes, and prints the ratios.

    python benchmarks/decode.py
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import FrameCache, Frames


def annotate(root: Path, out: Path, cache: FrameCache | None) -> tuple[int, float]:
    decodes = 0
    decode = Frames._decode

    def counted(self, index):
        nonlocal decodes
        decodes += 1
        return decode(self, index)

    Frames._decode = counted
    try:
        run = Run.create(load("lasot", str(root), cache=cache), out, Settings(), Resources())
        start = time.perf_counter()
        with Store.open(out, run.config()) as store:
            run.annotate(store)
        return decodes, time.perf_counter() - start
    finally:
        Frames._decode = decode


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "data")
        render(root, count=6, frames=30, seed=1)
        annotate(root, Path(folder, "warm"), FrameCache(32))
        without, slow = annotate(root, Path(folder, "a"), None)
        with_cache, fast = annotate(root, Path(folder, "b"), FrameCache(32))
    print(f"180 frames: {without} decodes without a cache, {with_cache} with one: {without / with_cache:.1f}x fewer")
    print(f"time {slow:.1f} s and {fast:.1f} s: ratio {slow / fast:.2f}x")
