"""Claim: an arm or a source more in one comparison decodes no frame a second time.

Compares synthetic sequences with no source, one and three, counts how often frames are decoded, and prints decodes per
frame; beside it the same arms one after the other, as they would run without a common window of frames.

    python benchmarks/arms.py
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import chatdesc
from chatdesc.evaluation import arms
from chatdesc.stages.together import together
from chatdesc.synthetic import render
from chatdesc.types import Frames

SEQUENCES, FRAMES = 4, 120


def in_turn(stages, catch=(), window=0):
    """The stages one after the other."""
    done = {}
    for key, steps in stages.items():
        done |= yield from together({key: steps}, catch, window=10**9)
    return done


def counted(run: Path, data: Path, texts: list[str], in_flight: int, one_by_one: bool) -> tuple[int, int, float]:
    """Decodes, sequences' arms, and seconds of a comparison in a fresh run folder."""
    decodes, decode = 0, Frames._decode

    def counting(self, index):
        nonlocal decodes
        decodes += 1
        return decode(self, index)

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(run, Path(folder, "run"))
        how = in_turn if one_by_one else together
        with patch.object(Frames, "_decode", counting), patch.object(arms, "together", how):
            start = time.perf_counter()
            result = chatdesc.compare(
                Path(folder, "run"), data, texts=texts, tracker="kcf", sequences_in_flight=in_flight
            )
            return decodes, len(result.arms), time.perf_counter() - start


def main(count: int = SEQUENCES, frames: int = FRAMES) -> dict[str, float]:
    """Print the table; decodes per frame by row."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        root, run = Path(folder, "data"), Path(folder, "run")
        render(root, count, frames, seed=5)
        result = chatdesc.annotate("synthetic", root, run, tracker="none", rounds=0, alignment_frames=1)
        names = [row["sequence"] for row in result.rows]
        sources = []
        for number in range(3):
            words = zip(names, _colours(number), strict=False)
            texts = {name: f"{colour} {name.split('-')[0]}" for name, colour in words}
            path = Path(folder, f"texts{number}.json")
            path.write_text(json.dumps(texts))
            sources.append(f"source{number}={path}")
        print(f"{count} sequences of {frames} frames; decodes per frame, all arms in one call")
        for texts, in_flight, one_by_one in (
            ([], 1, False), (sources[:1], 1, False), (sources, 1, False), (sources, 16, False), (sources, 1, True),
        ):  # fmt: skip
            decodes, tracked, seconds = counted(run, root, texts, in_flight, one_by_one)
            how = "one after the other" if one_by_one else "side by side"
            name = f"{tracked} arms, {in_flight} in flight, {how}"
            found[name] = decodes / (count * frames)
            print(f"{name:48} {found[name]:6.2f} ({seconds:.1f} s)", flush=True)
    return found


def _colours(number: int) -> list[str]:
    colours = ["red", "blue", "green", "yellow", "purple", "orange", "white", "black"]
    return [colours[(number + place) % len(colours)] for place in range(64)]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
