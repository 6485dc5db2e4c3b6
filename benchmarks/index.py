"""Speed of indexing and parsing LaSOT's test annotations, against one numpy.loadtxt per file.

    python benchmarks/index.py [ROOT] [--repeats 7]

ROOT is a LaSOT folder (frames are not needed). Without it: $CHATDESC_SHARED_DATA/lasot_annos if it exists, else a
synthetic tree of 280 sequences of 2448 frames. Both read boxes and visibility of the same sequences. Ours also
finds the files; loadtxt gets their paths. Repeats alternate; the ratio is of the medians.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import chatdesc


def synthetic(root: Path, sequences: int = 280, frames: int = 2448) -> Path:
    """A tree of random walks in LaSOT's layout, sized as its test split."""
    random = np.random.default_rng(0)
    names = [f"thing{chr(97 + n % 26)}-{n // 26 + 1}" for n in range(sequences)]
    for name in names:
        folder = root / name.rpartition("-")[0] / name
        folder.mkdir(parents=True)
        boxes = np.clip(400 + random.integers(-9, 10, (frames, 4)).cumsum(0), 1, 1280)
        np.savetxt(folder / "groundtruth.txt", boxes, "%d", ",")
        for flags in ("full_occlusion.txt", "out_of_view.txt"):
            np.savetxt(folder / flags, random.random((1, frames)) < 0.02, "%d", ",")
    (root / "testing_set.txt").write_text("\n".join(names))
    return root


def ours(root: Path) -> int:
    dataset = chatdesc.load("lasot", str(root), split="test")
    return sum(len(annotation.boxes) for annotation in dataset.annotations())


def by_loadtxt(files: list[tuple[str, list[str]]]) -> int:
    total = 0
    for boxes, flags in files:
        total += len(np.loadtxt(boxes, delimiter=","))
        for path in flags:
            np.loadtxt(path, delimiter=",")
    return total


def timed(run: Callable[[], int]) -> tuple[float, int]:
    start = time.perf_counter()
    boxes = run()
    return time.perf_counter() - start, boxes


def measure(root: Path, repeats: int) -> float:
    """Print both times and return loadtxt's over ours."""
    dataset = chatdesc.load("lasot", str(root), split="test")
    where = [dataset.files(dataset.entry(name)) for name in dataset.names]
    files = [(str(root / f.boxes), [str(root / a) for a in f.absent]) for f in where if f.boxes]
    times: dict[str, list[float]] = {"numpy.loadtxt": [], "chatdesc": []}
    for _ in range(repeats):
        theirs, boxes = timed(lambda: by_loadtxt(files))
        mine, same = timed(lambda: ours(root))
        assert boxes == same, "both must read the same boxes"
        times["numpy.loadtxt"].append(theirs)
        times["chatdesc"].append(mine)
    print(f"{len(files)} sequences, {boxes} boxes, median of {repeats}")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        print(f"  {name:14} {1000 * seconds:7.1f} ms")
    ratio = medians["numpy.loadtxt"] / medians["chatdesc"]
    print(f"ratio {ratio:.2f}x (goal: 5x)")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = Path(os.environ.get("CHATDESC_SHARED_DATA", Path(__file__).parents[1] / "../shared/data"))
    parser.add_argument("root", nargs="?", type=Path, help="a LaSOT folder")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    root = options.root or shared / "lasot_annos"
    if options.root or root.is_dir():
        measure(root, options.repeats)
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(synthetic(Path(folder)), options.repeats)


if __name__ == "__main__":
    main()
