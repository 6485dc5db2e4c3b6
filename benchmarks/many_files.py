"""Time and memory of ``chatdesc.evaluate`` on many small result files, now and in another version.

    python benchmarks/many_files.py [--trackers 20] [--sequences 1000] [--repeats 3] [--before FOLDER]

Made-up ground truth of 40 frames a sequence, and a file with two decimals per sequence and tracker. Each repeat is a
process of its own, versions take turns; imports are not counted in the time. --before names the folder that holds
another version of the package.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

FRAMES = 40
CHILD = """
import resource, sys, time
import chatdesc
evaluate = chatdesc.evaluate  # imports what it needs
start, cpu = time.perf_counter(), time.process_time()
result = evaluate("folder", sys.argv[1] + "/truth", [sys.argv[1] + "/results/*"], protocol="otb")
wall, cpu = time.perf_counter() - start, time.process_time() - cpu
mean = sum(row["AUC"] for row in result.rows) / len(result.rows)
print(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, repr(mean))
"""


def make(place: Path, trackers: int, sequences: int) -> None:
    random = np.random.default_rng(0)
    folders = [place / "results" / f"tracker{t}" for t in range(trackers)]
    for folder in (place / "truth", *folders):
        folder.mkdir(parents=True)
    for number in range(sequences):
        boxes = np.clip(400 + random.integers(-9, 10, (FRAMES, 4)).cumsum(0), 20, 1280)
        (place / "truth" / f"thing-{number}.txt").write_text(lines(boxes, "%d"))
        for folder in folders:
            (folder / f"thing-{number}.txt").write_text(lines(boxes + random.normal(0, 9, boxes.shape), "%.2f"))


def lines(boxes: np.ndarray, form: str) -> str:
    return "".join(",".join([form] * 4) % tuple(box) + "\n" for box in boxes.tolist())


def run(place: Path, package: Path) -> tuple[list[float], str]:
    """Seconds, seconds of all cores, and MB at the peak; and the mean AUC with every digit."""
    command = [sys.executable, "-c", CHILD, str(place)]
    answer = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(package)}, cwd=place, check=True, capture_output=True, text=True
    )
    *numbers, mean = answer.stdout.split()
    return list(map(float, numbers)), mean


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trackers", type=int, default=20)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="the folder of another version of the package")
    options = parser.parse_args()
    versions = {"now": Path(__file__).resolve().parents[1]} | ({"before": options.before} if options.before else {})
    taken: dict[str, list[list[float]]] = {name: [] for name in versions}
    with tempfile.TemporaryDirectory() as place:
        make(Path(place), options.trackers, options.sequences)
        means = set()
        for _ in range(options.repeats):
            for name, package in versions.items():
                numbers, mean = run(Path(place), package.resolve())
                taken[name].append(numbers)
                means.add(mean)
        report(options.trackers * options.sequences, taken, means)  # to remove so many files may take minutes


def report(files: int, taken: dict[str, list[list[float]]], means: set[str]) -> None:
    print(f"{files} files; mean AUC {', '.join(sorted(means))}")
    print("         median s   fastest s   CPU s   peak MB")
    for name, found in taken.items():
        wall, cpu, peak = zip(*found, strict=True)
        print(f"{name:8} {statistics.median(wall):8.2f} {min(wall):11.2f} {min(cpu):7.2f} {max(peak):9.0f}", flush=True)


if __name__ == "__main__":
    main()
