"""Claim: how far targets move and grow between key frames, which verification forgives with time.

    python benchmarks/motion.py [lasot /data/LaSOT]

Without arguments: LaSOT's annotations of the shared data (see shared_data.py). Prints quantiles over 40 random pairs of
frames per sequence, n frames apart, the target visible in both: displacement of the centre in sizes of the first box
(the square root of its area), and change of the area in doublings.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from shared_data import shared_folder

from chatdesc.loaders import load

APART = (1, 5, 20, 40, 100)
QUANTILES = (0.5, 0.75, 0.9, 0.95)
PAIRS = 40


def pairs(boxes: Any, visible: Any, apart: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Displacement in sizes and change of the area in doublings, of random pairs of frames."""
    if len(boxes) <= apart:
        return np.zeros(0), np.zeros(0)
    first = rng.integers(0, len(boxes) - apart, PAIRS)
    first = first[visible[first] & visible[first + apart]]
    a, b = boxes[first], boxes[first + apart]
    moved = np.linalg.norm(b[:, :2] + b[:, 2:] / 2 - a[:, :2] - a[:, 2:] / 2, axis=1)
    return moved / np.sqrt(a[:, 2:].prod(1)), np.abs(np.log2(b[:, 2:].prod(1) / a[:, 2:].prod(1)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="lasot")
    parser.add_argument("root", nargs="?")
    args = parser.parse_args()
    root = args.root or shared_folder("lasot_annos") / "lasot_annos"
    data, rng = load(args.dataset, root), np.random.default_rng(0)
    known = [(s.boxes, s.valid()) for s in (data[name] for name in data.names)]
    print(f"{len(known)} sequences; quantiles {', '.join(map(str, QUANTILES))}")
    for apart in APART:
        moved, grown = (np.concatenate(v) for v in zip(*(pairs(*one, apart, rng) for one in known), strict=True))
        cells = [", ".join(f"{v:.2f}" for v in np.quantile(values, QUANTILES)) for values in (moved, grown)]
        print(f"{apart:>4} frames apart ({len(moved)} pairs): sizes {cells[0]}; doublings {cells[1]}")


if __name__ == "__main__":
    main()
