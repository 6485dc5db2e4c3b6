"""Speed of reading and scoring result files: ours, parsing alone as a limit, and the toolkits that are installed.

    python benchmarks/ope.py [--dataset lasot --root FOLDER --results FOLDER ...] [--repeats 3] [--before FOLDER]

Without arguments: LaSOT's 280 test sequences, and five trackers made from their ground truth; without the project's
shared data, made-up files of that size. Every toolkit reads every text file, ground truth included, and computes
success, precision and normalised precision of all sequences of all trackers (got10k of PyPI has no normalised
precision, so it does less).

``bytes`` reads the files, one after another. ``parse`` gives the same bytes, ground truth included, to polars.read_csv
of four columns of floats, some megabytes at a time and without a check of what comes out, in as many threads as ours;
``our parse`` does it with our reader. Where numba is installed (extra ``fast``), its loops are started before anything
is timed, and compiled if they never were; how long that takes is printed. ``before`` is another version of the package,
the folder that holds it, in a process of its own; its imports are not counted. Repeats alternate; ratios are of the
medians and of the fastest ones.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars
from scored import Version, timed

from chatdesc.evaluation.compiled import ENOUGH, loops_for
from chatdesc.evaluation.evaluate import CHUNK, THREADS
from chatdesc.evaluation.result_files import parse_results

Timed = tuple[float, float, float]  # an answer, seconds, seconds of all cores
Side = Callable[[], Timed]
PARSED = 4 << 20  # bytes that polars reads in one call: less takes longer
TRACKERS = ("t1_jitter", "t2_drift", "t3_lost", "t4_intbox", "t5_zero")


def generated(place: Path) -> tuple[str, Path, list[Path]] | None:
    """The predictions of the shared generator (byte-identical on every machine), None without the shared data."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    shared = Path(os.environ.get("CHATDESC_SHARED_DATA", beside))
    script, root = shared / "golden" / "make_predictions.py", shared / "lasot_annos"
    if not script.exists() or not root.is_dir():
        return None
    names = shared / "golden" / "lasot_testing_set.txt"
    options = ["--seqs", str(names), "--trackers", ",".join(TRACKERS)]
    subprocess.run([sys.executable, str(script), str(place), str(root), *options], check=True, capture_output=True)
    return "lasot", root, [place / tracker for tracker in TRACKERS]


def synthetic(place: Path, sequences: int = 280, frames: int = 2448, trackers: int = 5) -> tuple[str, Path, list[Path]]:
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
    return "folder", truth, results


def parsing(truths: dict[str, Path], results: list[Path], parse: Callable[[list[bytes]], int], size: int) -> float:
    """Rows that ``parse`` finds in all files, about ``size`` bytes at a time, in as many threads as ours."""
    pending: deque[Future[int]] = deque()
    rows = 0
    with ThreadPoolExecutor(THREADS) as pool:
        for files in some_bytes([*truths.values(), *(f / f"{name}.txt" for f in results for name in truths)], size):
            pending.append(pool.submit(parse, files))
            if len(pending) > THREADS:
                rows += pending.popleft().result()
        rows += sum(future.result() for future in pending)
    return float(rows)


def some_bytes(paths: list[Path], size: int) -> Iterator[list[bytes]]:
    files: list[bytes] = []
    for path in paths:
        files.append(path.read_bytes())
        if sum(map(len, files)) >= size or path == paths[-1]:
            yield files
            files = []


def by_polars(files: list[bytes]) -> int:
    columns = dict.fromkeys("xywh", polars.Float64)
    return polars.read_csv(b"".join(files), has_header=False, schema=columns, quote_char=None).height


def by_us(files: list[bytes]) -> int:
    loops = loops_for(ENOUGH, 0)
    if loops:
        return int(loops.read(files).rows.sum())
    return sum(len(parsed.boxes) for parsed in parse_results(files))


def reading(truths: dict[str, Path], results: list[Path]) -> float:
    paths = [*truths.values(), *(folder / f"{name}.txt" for folder in results for name in truths)]
    return float(sum(len(path.read_bytes()) for path in paths))


def plain(truths: dict[str, Path], results: list[Path]) -> float:
    """NumPy with one loadtxt per file, each ground truth read once."""
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
    overlap = shared / np.maximum(track[:, 2:].prod(1) + truth[:, 2:].prod(1) - shared, 1e-9)
    apart = track[:, :2] + track[:, 2:] / 2 - truth[:, :2] - truth[:, 2:] / 2
    for error, limits in (
        (np.hypot(*apart.T), np.arange(51)),
        (np.hypot(*(apart / np.maximum(truth[:, 2:], 1)).T), np.arange(51) / 100),
    ):
        (error[:, None] <= limits).mean(0)
    return (overlap[:, None] > np.linspace(0, 1, 21)).mean(0)


def got10k_report(truths: dict[str, Path], results: list[Path]) -> float:
    """``report`` of the toolkit itself on a dataset of ours; its plots are left out."""
    from got10k import experiments

    base = getattr(experiments, "ExperimentLaSOT", experiments.ExperimentOTB)

    class Annotations:
        def __init__(self) -> None:
            self.seq_names = list(truths)

        def __len__(self) -> int:
            return len(truths)

        def __getitem__(self, index: int) -> tuple[None, np.ndarray]:
            if index >= len(truths):
                raise IndexError
            return None, np.loadtxt(truths[self.seq_names[index]], delimiter=",")

    class Experiment(base):  # type: ignore[misc, valid-type]
        def __init__(self, place: str) -> None:
            self.dataset, self.result_dir, self.report_dir = Annotations(), str(results[0].parent), place
            self.nbins_iou, self.nbins_ce, self.nbins_nce = 21, 51, 51

        def plot_curves(self, *_: object, **__: object) -> None: ...

    with tempfile.TemporaryDirectory() as place:
        report = Experiment(place).report([folder.name for folder in results])
    return float(np.mean([one["overall"]["success_score"] for one in report.values()]))


def pytracking_report(truths: dict[str, Path], results: list[Path]) -> float:
    """``extract_results`` of the toolkit itself."""
    from pytracking.analysis.extract_results import extract_results
    from pytracking.utils.load_text import load_text

    trackers = [
        SimpleNamespace(results_dir=str(f), name=f.name, parameter_name="", run_id=None, display_name=f.name)
        for f in results
    ]
    sequences = []
    for name, path in truths.items():
        boxes = load_text(str(path), delimiter=",", dtype=np.float64)
        visible = np.ones(len(boxes))
        sequences.append(SimpleNamespace(name=name, dataset="lasot", ground_truth_rect=boxes, target_visible=visible))
    found = extract_results(trackers, sequences, "benchmark")
    return float(np.mean(found["ave_success_rate_plot_overlap"]))


def measure(
    sides: dict[str, Side], repeats: int, silent: tuple[str, ...] = ("bytes", "parse", "our parse")
) -> dict[str, list[tuple[float, float]]]:
    """Per side and repeat: seconds, and seconds of all cores together, which a busy machine changes least."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                answer, wall, cpu = side()
            times[name].append((wall, cpu))
            if name not in silent and len(times[name]) == 1:
                print(f"{name}: mean AUC {answer:.6f}", flush=True)
    return times


def clocked(work: Callable[[], float]) -> Timed:
    start, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return answer, time.perf_counter() - start, time.process_time() - cpu


def truth_files(dataset: str, root: Path) -> dict[str, Path]:
    found = root.rglob("groundtruth.txt") if dataset != "folder" else root.glob("*.txt")
    named = {(path.parent.name if dataset != "folder" else path.stem): path for path in found}
    return dict(sorted(named.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="folder", help="lasot, or folder: one ground-truth file per sequence")
    parser.add_argument("--root", type=Path, help="the dataset's folder")
    parser.add_argument("--results", type=Path, nargs="*", help="folders of result files, side by side in one")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="the folder of another version of the package")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        named = (options.dataset, options.root, options.results) if options.root else None
        dataset, root, results = named or generated(Path(place)) or synthetic(Path(place))
        truths = truth_files(dataset, root)
        sides: dict[str, Side] = {
            "chatdesc": lambda: timed(dataset, root, results),
            "bytes": lambda: clocked(lambda: reading(truths, results)),
            "parse": lambda: clocked(lambda: parsing(truths, results, by_polars, PARSED)),
            "our parse": lambda: clocked(lambda: parsing(truths, results, by_us, CHUNK)),
            "loadtxt + numpy": lambda: clocked(lambda: plain(truths, results)),
        }
        if options.before:
            sides["before"] = Version(options.before, dataset, root, results).timed
        peers = {"got10k": got10k_report, "pytracking": pytracking_report}
        for name, report in peers.items():
            if importlib.util.find_spec(name):
                sides[name] = lambda report=report: clocked(lambda: report(truths, results))  # type: ignore[misc]
            else:
                print(f"{name}: not installed, not measured")
        print(f"{len(truths)} sequences, {len(results)} trackers")
        loops, wall, cpu = clocked(lambda: float(loops_for(ENOUGH, 0) is not None))
        print(f"compiled loops: started in {wall:.2f} s ({cpu:.2f} CPU s)" if loops else "no compiled loops")
        times = measure(sides, options.repeats)
    own = statistics.median(t for t, _ in times["chatdesc"]), *map(min, zip(*times["chatdesc"], strict=True))
    print("                   median s  x ours   fastest s  x ours   CPU s  x ours")
    for name, taken in times.items():
        found = statistics.median(t for t, _ in taken), *map(min, zip(*taken, strict=True))
        numbers = [number for value, ours_is in zip(found, own, strict=True) for number in (value, value / ours_is)]
        print("{:16} {:10.2f} {:7.2f} {:11.2f} {:7.2f} {:7.2f} {:7.2f}".format(name, *numbers))


if __name__ == "__main__":
    main()
