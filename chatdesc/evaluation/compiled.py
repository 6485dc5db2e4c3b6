"""Trackers read and scored by compiled loops, where numba is installed (extra ``fast``) and the work is worth it.

The loops are in ``compiled_boxes.py`` and ``metrics/compiled_counts.py``. They take files and tracks as nearly all are:
four plain numbers in every line, a line for every frame. They have no answer for any other, which are then read and
scored with care. Both ways give the same results to the last bit.

numba takes half a second to start, and compiles for some seconds when it is used for the first time; what it compiled
is kept beside the package, or in the user's cache where that folder cannot be written. So it is not used for less than
ENOUGH boxes, unless this process has started it already, and never where nothing can be kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.result_files import ParsedBoxes
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.curves import Score, scores_of
from chatdesc.metrics.passed import ROOM, Passed, is_usual
from chatdesc.metrics.protocols import LASOT, Rules

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]

ENOUGH = 3_000_000  # boxes for which numba is started
PER_FILE = 20  # boxes on which they save as much as on the opening of a file
_SHORTEST = 8  # bytes of a line with a box
_AFTER = b"\n" * 16  # two words


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Boxes [4, N] of files side by side; where each file's begin [S], and how many rows it has [S], or NOT_PLAIN."""

    boxes: Floats
    firsts: Whole
    rows: Whole

    def of(self, place: int) -> ParsedBoxes | None:
        """The boxes of one file, None where they have to be read with care."""
        first, rows = int(self.firsts[place]), int(self.rows[place])
        return None if rows < 0 else ParsedBoxes(self.boxes[:, first : first + rows].T, finite=True)


@dataclass(frozen=True, slots=True, eq=False)
class Loops:
    """The compiled functions."""

    read_boxes: Callable[..., None]
    count: Callable[..., None]
    ways: Callable[[Rules], Any]
    limits: Callable[[Rules], Any]

    def read(self, files: Sequence[bytes]) -> Tracks:
        """The boxes of files of plain numbers."""
        raw = np.frombuffer(b"\n".join([*files, _AFTER]), np.uint8)
        words = np.lib.stride_tricks.as_strided(raw[:8].view(np.uint64), (len(raw) - 7,), (1,))
        sizes = np.array([len(data) for data in files], np.intp)
        stops = np.cumsum(sizes + 1) - 1
        tracks = Tracks(np.empty((4, len(raw) // _SHORTEST + 1)), *np.empty((2, len(files)), np.intp))
        self.read_boxes(raw, words, stops - sizes, stops, tracks.boxes, tracks.firsts, tracks.rows)
        return tracks


def loops_for(boxes: int, files: int) -> Loops | None:
    """The loops, if there are so many boxes and files that they pay, and they can be had here."""
    if not _start.cache_info().currsize and boxes + PER_FILE * files < ENOUGH:
        return None
    return _start()


@cache
def _start() -> Loops | None:
    return _started()


def _started() -> Loops | None:
    """The loops after a first call; None where they cannot be had, for any of numba's many reasons."""
    if sys.byteorder != "little":
        return None
    try:
        from chatdesc.evaluation.compiled_boxes import read_boxes
        from chatdesc.metrics.compiled_counts import count, limits, ways

        loops = Loops(read_boxes, count, ways, limits)
        quick = Quick(loops, {"": Truth(np.ones((1, 4)), None)}, [LASOT])
        return loops if quick.scores(loops.read([b"1,1,1,1"]), 0)[0] else None
    except Exception:  # not installed, not for this NumPy or processor, or no place to keep what is compiled
        return None


class Quick:
    """The ground truth of many sequences in one array, and quick scores of tracks on it.

    Args:
        truths: by name, in the order in which tracks come.
    """

    def __init__(self, loops: Loops, truths: Mapping[str, Truth], protocols: Sequence[Rules]) -> None:
        self._loops = loops
        self._frames = np.array([len(truth.boxes) for truth in truths.values()], np.intp)
        self._firsts = np.cumsum(self._frames) - self._frames
        boxes = np.concatenate([truth.boxes.T for truth in truths.values()], 1)
        self._boxes = np.ascontiguousarray(boxes, np.float64)  # of one type always: the loops were compiled for it
        self._seen = np.concatenate([_seen(truth) for truth in truths.values()])
        self._plain = np.array([_is_plain(truth) for truth in truths.values()])
        self._ways = [
            (rules, loops.ways(rules), loops.limits(rules)) if _is_counted(rules) else None for rules in protocols
        ]

    def scores(self, tracks: Tracks, first: int) -> list[dict[int, Score]]:
        """Per protocol the scores of those tracks that could be scored, by their places.

        Args:
            first: the number of the sequence that the first track is of; the others follow it.
        """
        part = slice(first, first + len(tracks.rows))
        places = ((tracks.rows == self._frames[part]) & self._plain[part]).nonzero()[0]
        return [self._scores(tracks, part, places, *way) if way else {} for way in self._ways]

    def _scores(
        self, tracks: Tracks, part: slice, places: Whole, rules: Rules, ways: Any, limits: Any
    ) -> dict[int, Score]:
        firsts, frames, true_firsts = tracks.firsts[places], self._frames[part][places], self._firsts[part][places]
        tables, repaired = np.zeros((len(places), 3, ROOM), np.intp), np.empty(len(places), np.intp)
        self._loops.count(
            tracks.boxes, firsts, self._boxes, true_firsts, frames, self._seen, limits, ways, tables, repaired
        )
        passed = Passed(*(tables[:, i, : len(limit)] for i, limit in enumerate(limits)))
        scores = scores_of(passed, frames, repaired, rules)
        return {place: score for place, score in zip(places.tolist(), scores, strict=True) if score.repaired >= 0}


def _seen(truth: Truth) -> NDArray[np.bool_]:
    if truth.visible is None or not _is_plain(truth):
        return np.ones(len(truth.boxes), np.bool_)
    return np.asarray(truth.visible, np.bool_)


def _is_counted(rules: Rules) -> bool:
    return is_usual(rules) and rules.bad_box != "scored"  # the loop gives such a box the one before


def _is_plain(truth: Truth) -> bool:
    return bool(len(truth.boxes)) and (truth.visible is None or len(truth.visible) == len(truth.boxes))
