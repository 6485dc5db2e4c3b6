"""Random result files, read by the quick parser that takes many at a time and by the careful one, line by line.

Wrong: the quick one takes what the careful one refuses, or finds other boxes; what both take is refused by a plain
reading (lines of four numbers) or has other values there; a file that is read beside others is read in another way.
"""

from __future__ import annotations

import math
import random
import re

import numpy as np

from chatdesc.evaluation import result_files
from tests.fuzz.command import crashed
from tests.fuzz.outcome import Outcome
from tests.standins.result_files import result_file

FIGURES, NUMBER = "result files, random", 3000
TOGETHER = 20


def run(seed: int = 0, tries: int = NUMBER) -> Outcome:
    """Files are read one by one, and then some at a time."""
    chance, outcome = random.Random(seed), Outcome()
    while tries > 0:
        files = [result_file(chance) for _ in range(min(TOGETHER, tries))]
        tries -= len(files)
        several = _parsed(files)
        for number, data in enumerate(files):
            _one(outcome, data, several[number] if isinstance(several, list) else several)
    return outcome


def _one(outcome: Outcome, data: bytes, beside: object) -> None:
    case = repr(data[:60])
    try:
        [alone] = result_files.parse_results([data])
        careful = result_files._careful(data)
    except Exception as error:
        outcome.add(case, crash=crashed(error))
        return
    if isinstance(beside, str):
        outcome.add(case, crash=beside)
    elif not _same(alone, beside):
        outcome.add(case, "read in another way beside others")
    elif not _same(alone, careful):
        outcome.add(case, f"quick {_told(alone)}, careful {_told(careful)}")
    else:
        outcome.add(case, "" if alone.error else _plain(data, alone.boxes))


def _parsed(files: list[bytes]) -> list | str:
    try:
        return result_files.parse_results(files)
    except Exception as error:
        return crashed(error)


def _same(one, other) -> bool:
    if bool(one.error) != bool(other.error):
        return False
    return bool(one.error) or np.array_equal(one.boxes, other.boxes, equal_nan=True)


def _told(parsed) -> str:
    return f"refuses ({parsed.error[:60]})" if parsed.error else f"takes {len(parsed.boxes)} boxes"


def _plain(data: bytes, boxes: np.ndarray) -> str:
    text = data.decode("utf-8-sig", "replace")
    lines = text.strip().splitlines()
    try:
        read = [[float(part) for part in re.split(r"\s*[,;]\s*|\s+", line.strip().rstrip(",; \t"))] for line in lines]
    except ValueError as error:
        return f"taken, though {error}"
    if [len(box) for box in read] != [4] * len(boxes):
        return f"{len(boxes)} boxes of {len(lines)} lines"
    pairs = ((a, b) for written, box in zip(read, boxes.tolist()) for a, b in zip(written, box))
    near = all(a == b or (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-12) for a, b in pairs)
    return "" if near else "other values than written"
