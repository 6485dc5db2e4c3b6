"""How fast result files are read and scored: ours against one numpy.loadtxt per file.

    python benchmarks/ope.py [--root FOLDER --results FOLDER ...] [--repeats 3]

Without arguments, a made-up dataset of the size of LaSOT's test split (280 sequences of 2448 frames) and five trackers.
All sides read every text file and compute success, precision and normalised precision for all sequences of all
trackers. ``parse`` is our reading alone, the limit of what scoring can still gain. Repeats alternate; ratios are of
the medians.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import chatdesc
from chatdesc.evaluate import evaluate, overall_row, read_truths
from chatdesc.metrics.protocols import PROTOCOLS
from chatdesc.results import ResultFolder, parse_results

CHUNK = 64
Side = Callable[[], float]


def synthetic(place: Path, sequences: int = 280, frames: int = 2448, trackers: int = 5) -> tuple[Path, list[Path]]:
    """Ground truth of whole pixels in one folder, and results with two decimals in one folder per tracker."""
    random = np.random.default_rng(0)
    truth, results = place / "truth", [place / f"tracker{t}" for t in range(trackers)]
    for folder in (truth, *results):
        folder.mkdir(parents=True)
    for number in range(sequences):
        boxes = np.clip(400 + random.integers(-9, 10, (frames, 4)).cumsum(0), 20, 1280)
        np.savetxt(truth / f"thing-{number}.txt", boxes, "%d", ",")
        for folder in results:
            np.savetxt(folder / f"thing-{number}.txt", boxes + random.normal(0, 9, boxes.shape), "%.2f", ",")
    return truth, results


def ours(name: str, root: Path, results: list[Path]) -> float:
    truths = read_truths(chatdesc.load(name, str(root)))
    rows = [overall_row(evaluate(ResultFolder(str(r)), truths, name, PROTOCOLS["got10k"])) for r in results]
    return float(np.mean([row["AUC"] for row in rows]))


def parsing(results: list[Path]) -> float:
    rows = 0
    for path in results:
        folder = ResultFolder(str(path))
        for start in range(0, len(folder.files), CHUNK):
            files = [folder.read(file) or b"" for file in folder.files[start : start + CHUNK]]
            rows += sum(len(parsed.boxes) for parsed in parse_results(files))
    return float(rows)


def plain(truths: dict[str, Path], results: list[Path]) -> float:
    real = {name: np.loadtxt(path, delimiter=",") for name, path in truths.items()}
    areas = []
    for folder in results:
        for name, truth in real.items():
            track = np.loadtxt(folder / f"{name}.txt", delimiter=",")
            track[0] = truth[0]
            areas.append(numpy_curves(track, truth).mean())
    return float(np.mean(areas))


def numpy_curves(track: np.ndarray, truth: np.ndarray) -> np.ndarray:
    low = np.maximum(track[:, :2], truth[:, :2])
    high = np.minimum(track[:, :2] + track[:, 2:], truth[:, :2] + truth[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    overlap = shared / (track[:, 2:].prod(1) + truth[:, 2:].prod(1) - shared)
    apart = track[:, :2] + track[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    for error, limits in (
        (np.hypot(*apart.T), np.arange(51)),
        (np.hypot(*(apart / np.maximum(truth[:, 2:], 1)).T), np.arange(51) / 100),
    ):
        (error[:, None] <= limits).mean(0)
    return (overlap[:, None] > np.linspace(0, 1, 21)).mean(0)


def measure(sides: dict[str, Side], repeats: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            answer = side()
            times[name].append(time.perf_counter() - start)
            if name != "parse" and len(times[name]) == 1:
                print(f"{name}: mean AUC {answer:.6f}")
    return {name: statistics.median(taken) for name, taken in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="a folder of ground-truth files")
    parser.add_argument("--results", type=Path, nargs="*", help="folders of result files")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        root, results = (options.root, options.results) if options.root else synthetic(Path(place))
        truths = {path.stem: path for path in sorted(root.glob("*.txt"))}
        sides: dict[str, Side] = {
            "chatdesc": lambda: ours("folder", root, results),
            "parse": lambda: parsing(results),
            "loadtxt + numpy": lambda: plain(truths, results),
        }
        medians = measure(sides, options.repeats)
    for name, seconds in medians.items():
        print(f"{name:18} {seconds:7.2f} s   {seconds / medians['chatdesc']:5.2f} x ours")


if __name__ == "__main__":
    main()
