"""Scores trackers with the package that is on the path, and times it: for comparisons between versions.

PYTHONPATH=OTHER python benchmarks/scored.py DATASET ROOT FOLDER ... scores the folders once per line of its input and
prints seconds and seconds of all cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import chatdesc
from chatdesc.evaluation.evaluate import Evaluation, evaluate_trackers
from chatdesc.evaluation.results import MatchedFolder, ResultFolder
from chatdesc.evaluation.tables import overall_row, sequence_rows
from chatdesc.evaluation.truths import read_truths
from chatdesc.metrics.protocols import PROTOCOLS


def scored(dataset: str, root: Path, results: list[Path]) -> float:
    """Mean AUC of the trackers under LaSOT's protocol, with a row of all measures for each sequence."""
    truths = read_truths(chatdesc.load(dataset, str(root)))
    areas = []
    folders = [MatchedFolder.of(ResultFolder(str(path)), tuple(truths)) for path in results]
    for [one] in evaluate_trackers(folders, truths, dataset, [PROTOCOLS["lasot"]]):
        assert isinstance(one, Evaluation)
        sequence_rows(one)
        areas.append(overall_row(one)["AUC"])
    return float(np.mean(areas))


def timed(dataset: str, root: Path, results: list[Path]) -> tuple[float, float, float]:
    """Mean AUC, seconds, seconds of all cores."""
    start, cpu = time.perf_counter(), time.process_time()
    answer = scored(dataset, root, results)
    return answer, time.perf_counter() - start, time.process_time() - cpu


class Version:
    """Another version of the package, in the folder that holds it, at work in a process of its own."""

    def __init__(self, folder: Path, dataset: str, root: Path, results: list[Path]) -> None:
        command = [sys.executable, __file__, dataset, str(root), *map(str, results)]
        place = {**os.environ, "PYTHONPATH": str(folder)}
        self._process = subprocess.Popen(command, env=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def timed(self) -> tuple[float, float, float]:
        assert self._process.stdin is not None and self._process.stdout is not None
        print("once more", file=self._process.stdin, flush=True)
        answer, wall, cpu = map(float, self._process.stdout.readline().split())
        return answer, wall, cpu


if __name__ == "__main__":
    for _ in sys.stdin:
        print(*timed(sys.argv[1], Path(sys.argv[2]), list(map(Path, sys.argv[3:]))), flush=True)
