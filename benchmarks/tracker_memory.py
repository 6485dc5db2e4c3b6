"""Claim: a tracker's session is as large after 2000 frames as after 100, and a frame costs the same time.

Follows random pictures with a small random network of the real architecture (or a model of yours), prints the bytes
of the session's tensors, the process's memory and milliseconds per frame at 100, 500, 1000 and 2000 frames, and the
ratios of the last line to the first.

    python benchmarks/tracker_memory.py                                        # sam2, small and random
    python benchmarks/tracker_memory.py edgetam --frames 400
    python benchmarks/tracker_memory.py sam2:facebook/sam2.1-hiera-tiny --device cuda --size 1280x720
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # for tests.tiny_trackers

from chatdesc.backends import create
from chatdesc.types import Follow, Frames


class Noise(Frames):
    """Pictures that are made when they are asked for, and forgotten."""

    __slots__ = ("pictures",)

    def __init__(self, count: int, width: int, height: int) -> None:
        super().__init__(tuple(map(str, range(count))), lambda path: b"")
        rng = np.random.default_rng(0)
        self.pictures = [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(8)]

    def _decode(self, index: int) -> np.ndarray:
        return self.pictures[index % len(self.pictures)]


def resident() -> int:
    """Bytes of this process in memory, where the system says so."""
    status = Path("/proc/self/statm")
    return int(status.read_text().split()[1]) * 4096 if status.exists() else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tracker", nargs="?", default="sam2")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        spec = arguments.tracker
        if ":" not in spec:
            import torch

            from tests.makers.trackers import build

            torch.set_num_threads(1)
            spec = f"{spec}:{build(spec, Path(folder) / spec)}"
        measure(create("tracker", spec, device=arguments.device), Noise(arguments.frames + 1, width, height))


def measure(tracker, frames: Frames) -> None:
    from tests.makers.trackers import tensor_bytes

    box, total = np.array([40, 30, 80, 60], np.float32), len(frames) - 1
    stops = sorted({n for n in (100, 500, 1000, 2000) if n <= total} | {total})
    session, at, first = None, 1, None
    for stop in stops:
        start = time.perf_counter()
        init = box if session is None else None
        [answer] = tracker.follow([Follow(frames, at, stop + 1, session=session, init=init, text="red circle")])
        if isinstance(answer, Exception):
            raise answer
        seconds, session = time.perf_counter() - start, answer.session
        now = (tensor_bytes(session) / 1e6, resident() / 1e6, 1e3 * seconds / (stop + 1 - at))
        print(f"{stop:5d} frames: session {now[0]:8.2f} MB, process {now[1]:7.0f} MB, {now[2]:6.1f} ms per frame")
        first, at = first or now, stop + 1
    print("ratios: session {:.2f}x, process {:.2f}x, time {:.2f}x".format(*(b / a for a, b in zip(first, now))))


if __name__ == "__main__":
    main()
