"""A result's boxes fitted to its sequence before scoring: files one row short, sequences that start late.

>>> from chatdesc.metrics.protocols import PROTOCOLS
>>> truth = Truth(np.array([[0.0, 0, 9, 9], [5, 0, 9, 9], [7, 0, 9, 9]]), None)
>>> fit("kite", truth.boxes[1:], truth, PROTOCOLS["lasot"]).notes
('one row short: taken to begin after the given box, which was put before the first row',)

This is the reader's policy, the same for all toolkits; what a toolkit itself does is in ``metrics/protocols.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import Rules
from chatdesc.names import counted

Floats = NDArray[np.float64]

# What the first row of a tracker's files is where they are one row short: the given box, the box of the next frame,
# or unknown, so that every file is looked at alone.
FirstRow = Literal["given", "next", "unknown"]

WRITTEN = 0.01  # pixels: what two decimals may lose


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A track [M, 4] and the truth that it is scored against, boxes [N, 4] and flags [N], with notes on changes."""

    track: Floats
    boxes: Floats
    visible: NDArray[np.bool_] | None
    notes: tuple[str, ...]


def fit(name: str, track: Floats, truth: Truth, rules: Rules, first_row: FirstRow = "unknown") -> Fitted:
    """A track and the truth of its sequence, both changed where the protocol or a missing row asks for it."""
    if len(track) == len(truth.boxes) and name.lower() not in rules.starts:
        return Fitted(track, truth.boxes, truth.visible, ())
    truth, moved = _from_start(name, len(track), truth, rules)
    track, filled = _one_short(track, truth.boxes, rules, first_row)
    return Fitted(track, truth.boxes, truth.visible, tuple(note for note in (moved, filled) if note))


def _from_start(name: str, rows: int, truth: Truth, rules: Rules) -> tuple[Truth, str]:
    """The truth from the frame at which the protocol starts the sequence, if the result has that many rows."""
    first = rules.starts.get(name.lower(), 1)
    if first == 1 or rows != len(truth.boxes) - first + 1:
        return truth, ""
    visible = None if truth.visible is None else truth.visible[first - 1 :]
    return Truth(truth.boxes[first - 1 :], visible), f"starts at frame {first}, as {rules.name} has it"


def _one_short(track: Floats, truth: Floats, rules: Rules, first_row: FirstRow) -> tuple[Floats, str]:
    """A result that lacks one row: its last if it begins with the given box, else its first."""
    if rules.short != "refused" or len(track) != len(truth) - 1 or not len(track):
        return track, ""
    why = "" if first_row == "unknown" else ", as in most files of this tracker"
    if first_row == "given" or (first_row == "unknown" and is_given(track[0], truth[0])):
        blank = np.concatenate([track, np.zeros((1, 4))])
        return blank, f"one row short: taken to begin with the given box{why}, so the last frame has no box"
    first = f"one row short: taken to begin after the given box{why}, which was put before the first row"
    return np.concatenate([truth[:1], track]), first


def is_given(box: Floats, given: Floats) -> bool:
    """Whether a box [4] is the given one as a tracker may write it: as it is, or in whole pixels."""
    return any(np.abs(box - as_written).max() <= WRITTEN for as_written in (given, np.trunc(given), np.round(given)))


def score_notes(score: Score, track: Floats, finite: bool = False) -> list[str]:
    """Counts of boxes that were replaced, unusable, surplus or missing; ``finite``: no number needs a look."""
    notes = []
    if score.repaired:
        notes.append(f"{counted(score.repaired, 'box')} without a size or a number took the one before")
    if not finite and (lost := _not_finite(track[: len(track) - score.cut], score.rules)):
        unusable = "with NaN or infinite numbers"
        notes.append(counted(lost, f"row {unusable} is a miss", f"rows {unusable} are misses"))
    if score.cut:
        notes.append(f"{counted(score.cut, 'surplus row was', 'surplus rows were')} cut")
    if score.lacking:
        filled = {"zeros": "filled up with empty boxes", "truth is cut": "left out of the denominator"}
        notes.append(f"{counted(score.lacking, 'row')} short: {filled.get(score.rules.short, 'counted as misses')}")
    return notes


def _not_finite(track: Floats, rules: Rules) -> int:
    """How many rows are scored with NaN or infinite numbers, after the protocol's own repairs."""
    if np.isfinite(track).all():
        return 0
    wrong = np.asarray(~np.isfinite(track).all(1))
    if rules.bad_box != "scored":
        held = (track[:, 2] <= 0) | (track[:, 3] <= 0) | np.isnan(track).all(1)
        wrong = wrong[np.maximum.accumulate(np.where(held, 0, np.arange(len(track))))]
    if rules.first_is_given:
        wrong[0] = False
    return int(wrong.sum())
