"""The offline preset: where its CPU time goes, and what a search for proposals costs against OpenCV's own.

    python benchmarks/offline.py [FRAMES] [SEQUENCES]

FRAMES (40): frames that are searched in three ways in turn: by OpenCV, here without numba, and here with it (extra
`fast`). Half of them are synthetic, half of OTB where the shared data are.
SEQUENCES (12): those of `chatdesc demo`, run in a new process in each way; with numba twice, since the first run
compiles. Times are CPU seconds of all threads, since other work on the machine changes them less than seconds on the
clock, which stand beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from shared_data import BESIDE

from chatdesc import compiled
from chatdesc.backends import selective_search
from chatdesc.backends.attributes import SEARCH_WIDTH
from chatdesc.backends.joined_regions import joined
from chatdesc.synthetic import stills
from chatdesc.tables import show
from chatdesc.types import Image

DEMO = """
import collections, json, sys, time
from chatdesc.backends import attributes, opencv_trackers, selective_search

if sys.argv[1] == "opencv":
    attributes.search = selective_search.opencv_search
spent, searched, asked = collections.Counter(), collections.Counter(), [0]

def timed(module, name, step):
    real = getattr(module, name)

    def call(*arguments):
        start = time.thread_time()
        try:
            return real(*arguments)
        finally:
            spent[step] += time.thread_time() - start

    setattr(module, name, call)

timed(attributes, "search", "searching")
timed(attributes, "measure", "measuring")
timed(opencv_trackers, "_guarded", "tracking")
timed_search, measured = attributes.search, attributes.measured_proposals

def search(image):
    searched[image.tobytes()] += 1
    return timed_search(image)

def proposals(image):
    asked[0] += 1
    return measured(image)

attributes.search, attributes.measured_proposals = search, proposals
import chatdesc

start = time.monotonic()
chatdesc.demo(sys.argv[2], count=int(sys.argv[3]), preset=sys.argv[4])
facts = {"clock": time.monotonic() - start, "cpu": time.process_time(), "asked": asked[0], **spent}
print(json.dumps({**facts, "searches": sum(searched.values()), "frames": len(searched)}))
"""
STEPS = ("searching", "measuring", "tracking")


def frames(count: int) -> list[Image]:
    """RGB frames as the search gets them, SEARCH_WIDTH pixels wide."""
    import cv2

    found = [still.image for still in stills("test", count // 2)]
    videos = Path(os.environ.get("CHATDESC_SHARED_DATA", BESIDE)) / "otb" / "OTB_videos"
    files = sorted(videos.glob("*/img/*.jpg"))
    some = files[:: max(1, len(files) // (count - len(found)))][: count - len(found)]
    found += [cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB) for file in some]
    sizes = [(SEARCH_WIDTH, round(frame.shape[0] * SEARCH_WIDTH / frame.shape[1])) for frame in found]
    return [np.asarray(cv2.resize(f, size, interpolation=cv2.INTER_AREA)) for f, size in zip(found, sizes, strict=True)]


@contextmanager
def numba(used: bool) -> Iterator[None]:
    """Within the block, loops are compiled or not, whatever is installed."""
    real = compiled.can_compile
    compiled.can_compile = real if used else lambda: False
    try:
        yield
    finally:
        compiled.can_compile = real


def searches(count: int) -> None:
    """Each frame searched in every way in turn."""
    ways = ["opencv", "plain", *(["fast"] if compiled.can_compile() else [])]
    spent, equal, images = np.zeros(len(ways)), np.zeros(len(ways), int), frames(count)
    selective_search.search(images[0])  # compiles, and sees how OpenCV sorts
    for image in images:
        expected = None
        for k, way in enumerate(ways):
            with numba(way == "fast"):
                start = time.thread_time()
                boxes = (selective_search.opencv_search if way == "opencv" else selective_search.search)(image)
                spent[k] += time.thread_time() - start
            expected = boxes if expected is None else expected
            equal[k] += np.array_equal(boxes, expected)
    for way, seconds, same in zip(ways, spent / len(images), equal, strict=True):
        times = f"{seconds:.3f} s CPU each ({spent[0] / len(images) / seconds:.2f} times)"
        print(f"{len(images)} frames, search {way}: {times}, equal boxes in {same}")


def steps(count: int) -> None:
    """What a search here is made of, with and without numba."""
    import cv2

    for used in (False, True) if compiled.can_compile() else (False,):
        spent = dict.fromkeys(("segmenting", "measuring regions", "joining them"), 0.0)
        with numba(used):
            for image in frames(count):
                for space in (cv2.COLOR_RGB2HSV, cv2.COLOR_RGB2Lab):
                    turned = cv2.cvtColor(image, space)
                    began = time.thread_time()
                    labels = selective_search.segments(turned, selective_search.SCALES)
                    segmented = time.thread_time()
                    regions = selective_search.regions_of(turned, labels)
                    measured = time.thread_time()
                    for one in regions:
                        for coloured in (True, False):
                            joined(one, coloured, selective_search.sorts_alike)
                    for step, seconds in zip(
                        spent, (segmented - began, measured - segmented, time.thread_time() - measured), strict=True
                    ):
                        spent[step] += seconds / count
        shares = ", ".join(f"{step} {1000 * seconds:.0f} ms" for step, seconds in spent.items())
        print(f"one search, {'with' if used else 'without'} numba: {shares}")


def demos(count: int) -> None:
    """The demo in each way, where its CPU time goes, and how often a frame was searched."""
    ways = ["opencv", "plain", *(["fast, first run", "fast"] if compiled.can_compile() else [])]
    with tempfile.TemporaryDirectory() as folder:
        for number, (preset, way) in enumerate([*(("offline", way) for way in ways), ("tiny", "plain")]):
            kept = {"NUMBA_CACHE_DIR": str(Path(folder) / "compiled")}
            kept |= {} if way.startswith("fast") else {"NUMBA_DISABLE_JIT": "1"}
            command = [sys.executable, "-c", DEMO, way, str(Path(folder) / str(number)), str(count), preset]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **kept})
            facts = json.loads(done.stdout.splitlines()[-1])
            shares = ", ".join(f"{step} {facts.get(step, 0.0):.1f}" for step in STEPS)
            each = show(facts["searches"] / facts["frames"]) if facts["frames"] else "-"
            print(
                f"demo of {count} sequences, {preset}, search {way}: {facts['cpu']:.1f} s CPU ({shares}), "
                f"{facts['clock']:.1f} s on the clock; proposals asked for {facts['asked']} times, "
                f"{facts['searches']} searches of {facts['frames']} frames, {each} per frame"
            )


def main() -> None:
    """Print all tables."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    searches(numbers[0] if numbers else 40)
    steps(numbers[0] if numbers else 40)
    demos(numbers[1] if len(numbers) > 1 else 12)


if __name__ == "__main__":
    main()
