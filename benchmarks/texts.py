"""Cost of another source of texts: decoded frames and seconds of CPU with 1, 2 and 4 sources.

    python benchmarks/texts.py [--sequences 6] [--frames 4] [--repeats 3]

Frames are 1280 x 720 (JPEG), texts are grounded and embedded by the offline models (``attributes``). All texts of a
sequence are measured in one pass. ``alone`` is what it costs to score the same sources one after the other. Runs
alternate; medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import cv2
import numpy as np

from chatdesc.evaluation.alignment import AlignmentModels
from chatdesc.evaluation.gathered import with_named
from chatdesc.evaluation.parts import Part
from chatdesc.evaluation.steps import Steps
from chatdesc.texts.named import NamedTexts, texts_of
from chatdesc.types import FrameCache, Frames, Sequence

SAID = ("a red kite over the sea", "the large red kite", "a small red round thing on the left", "kite with a long tail")
SOURCES = (1, 2, 4)


class Data(dict[str, Sequence]):
    """Sequences by name, as a dataset gives them."""

    dataset, root = "lasot", "/data"

    @property
    def names(self) -> list[str]:
        return list(self)


def picture() -> bytes:
    """A frame with a red disc on a noisy ground."""
    ground = np.random.default_rng(0).integers(90, 160, (90, 160, 3), np.uint8)
    image = cv2.resize(ground, (1280, 720))
    cv2.circle(image, (545, 335), 40, (30, 30, 220), -1)
    return cv2.imencode(".jpg", image)[1].tobytes()


def data_of(count: int, frames: int, content: bytes, decoded: list[int]) -> Data:
    """So many sequences, each of ``frames`` frames; ``decoded`` grows with each frame that is decoded."""

    def read(path: str) -> bytes:
        decoded.append(1)
        return content

    boxes = np.tile(np.float32([[500, 290, 90, 90]]), (frames, 1))
    paths, cache = tuple(f"{i:08d}.jpg" for i in range(frames)), FrameCache(8)
    names = [f"s{i}" for i in range(count)]
    return Data(
        {n: Sequence(n, "lasot", "test", None, Frames(paths, read, cache), boxes, None, "a kite") for n in names}
    )


def scored(numbers: tuple[int, ...], count: int, frames: int, content: bytes) -> tuple[float, int]:
    """Seconds of CPU and decoded frames of one pass with the sources of these numbers."""
    decoded: list[int] = []
    data = data_of(count, frames, content, decoded)
    named = [NamedTexts(f"n{k}", "here", {name: texts_of([SAID[k]]) for name in data}) for k in numbers]
    start = time.process_time()
    found = with_named(Part("lasot", "lasot", data.names, None, data), named, AlignmentModels(frames=frames), Steps(0))
    seconds = time.process_time() - start
    assert len(found.readings) == count and not found.left_out
    return seconds, len(decoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=6)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    content, size = picture(), (options.sequences, options.frames)
    taken: dict[int, list[float]] = {count: [] for count in SOURCES}
    alone: list[float] = []
    frames: dict[int, int] = {}
    scored((0,), 1, options.frames, content)  # what is loaded once
    for _ in range(options.repeats):
        for count in SOURCES:
            seconds, frames[count] = scored(tuple(range(count)), *size, content)
            taken[count].append(seconds)
        each = [scored((k,), *size, content) for k in range(SOURCES[-1])]
        alone.append(sum(seconds for seconds, _ in each))
        apart = sum(decoded for _, decoded in each)
    medians = {count: statistics.median(times) for count, times in taken.items()}
    print(f"{options.sequences} sequences, {options.frames} frames each of 1280 x 720")
    print("sources  decoded  seconds  ratio")
    for count in SOURCES:
        print(f"{count:7} {frames[count]:8} {medians[count]:8.2f} {medians[count] / medians[SOURCES[0]]:6.2f}")
    print(f"4 alone {apart:8} {statistics.median(alone):8.2f} {statistics.median(alone) / medians[SOURCES[0]]:6.2f}")
    again = max(frames.values()) - frames[SOURCES[0]]
    print(f"frames decoded again for other sources: {again}")
    sys.exit(1 if again else 0)


if __name__ == "__main__":
    main()
