"""Selective search of the offline preset: how often a frame is searched, and what a search costs against OpenCV's own.

    python benchmarks/offline.py [FRAMES] [SEQUENCES]

FRAMES (40): frames that both searches search in turn, half of them synthetic and half of OTB where the shared data are.
SEQUENCES (12): those of `chatdesc demo`, run in a new process with either search. Times are CPU seconds of all threads,
since other work on the machine changes them less than seconds on the clock, which stand beside them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from shared_data import BESIDE

from chatdesc.backends import selective_search
from chatdesc.backends.attributes import SEARCH_WIDTH
from chatdesc.synthetic import stills
from chatdesc.tables import show
from chatdesc.types import Image

DEMO = """
import collections, json, sys, time
from chatdesc.backends import attributes, selective_search

if sys.argv[1] == "opencv":
    attributes.search = selective_search.opencv_search
searched, asked, searching, measured = collections.Counter(), [0], attributes.search, attributes.measured_proposals
spent = []

def search(image):
    searched[image.tobytes()] += 1
    start = time.thread_time()
    try:
        return searching(image)
    finally:
        spent.append(time.thread_time() - start)

def proposals(image):
    asked[0] += 1
    return measured(image)

attributes.search, attributes.measured_proposals = search, proposals
import chatdesc

start = time.monotonic()
chatdesc.demo(sys.argv[2], count=int(sys.argv[3]), preset=sys.argv[4])
done = [time.monotonic() - start, time.process_time(), sum(spent), asked[0], sum(searched.values()), len(searched)]
print(json.dumps(done))
"""


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


def searches(count: int) -> None:
    """Both searches on each frame in turn."""
    spent, equal, images = np.zeros(2), 0, frames(count)
    for image in images:
        boxes = []
        for k, search in enumerate((selective_search.opencv_search, selective_search.search)):
            start = time.thread_time()
            boxes.append(search(image))
            spent[k] += time.thread_time() - start
        equal += np.array_equal(*boxes)
    own, ours = spent / len(images)
    ratio = f"OpenCV {own:.3f} s, here {ours:.3f} s ({own / ours:.2f} times)"
    print(f"{len(images)} frames: {ratio}, equal boxes in {equal}")


def demos(count: int) -> None:
    """The demo with either search, and how often a frame was searched."""
    for preset, kinds in (("offline", ("opencv", "here")), ("tiny", ("here",))):
        for kind in kinds:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-c", DEMO, kind, str(Path(folder) / "demo"), str(count), preset]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
            clock, cpu, spent, asked, searched, different = json.loads(done.stdout.splitlines()[-1])
            each = show(searched / different) if different else "-"
            print(
                f"demo of {count} sequences, {preset}, search {kind}: {cpu:.1f} s CPU, {spent:.1f} of it searching, "
                f"{clock:.1f} s on the clock; "
                f"proposals asked for {asked} times, {searched} searches of {different} frames, {each} per frame"
            )


def main() -> None:
    """Print both tables."""
    numbers = [int(argument) for argument in sys.argv[1:]]
    searches(numbers[0] if numbers else 40)
    demos(numbers[1] if len(numbers) > 1 else 12)


if __name__ == "__main__":
    main()
