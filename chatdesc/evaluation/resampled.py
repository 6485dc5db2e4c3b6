"""Differences between two verifiers' figures on the same key frames, with intervals from sequences drawn anew.

Key frames of one sequence are alike, so whole sequences are drawn, the same ones for both verifiers. A sequence that is
drawn twice counts twice: figures are computed from counts per sequence.

>>> judged = Judged(*np.array([[0.8, 0.2], [0.4, 0.4], [0.8, 0.8], [0, 0]]), *np.ones((1, 2), bool), np.zeros(2),
...     np.ones(2, bool))
>>> drawn = Drawn.of(judged, np.array(["a", "b"]), np.array([[1, 1], [2, 0]]))
>>> drawn.share.round(3).tolist()              # of both sequences, and of the first one twice
[0.25, 1.0]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.paired import FEW
from chatdesc.tables import Record
from chatdesc.verification.figures import BINS, Judged

Flags = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

SAMPLES = 1000
LEVEL = 0.95
LEAST = 1e-9  # width of an interval that is no rounding
DOUBTFUL = ("none_auc", "balanced", "calibration")  # figures of the doubt


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A verifier's figures [R] in R samples of sequences; NaN in samples that do not define one."""

    IoU: Numbers
    share: Numbers
    lost: Numbers
    none_auc: Numbers
    balanced: Numbers
    calibration: Numbers

    @classmethod
    def of(cls, judged: Judged, sequences: NDArray[np.str_], counts: Counts) -> Drawn:
        """The figures of each sample.

        Args:
            sequences: [N] of each key frame.
            counts: [R, S] how often each of the S sequences, in alphabetical order, is in a sample.
        """
        places = np.unique(sequences, return_inverse=True)[1]

        def total(values: NDArray[np.floating] | Flags, rows: Flags) -> Numbers:
            """[R] sums of ``values`` [N] over ``rows`` [N]."""
            sums = np.bincount(places[rows], values[rows].astype(np.float64), counts.shape[1])
            return np.asarray(counts @ sums, np.float64)

        return cls(
            _ratio(total(judged.chosen, judged.visible), total(judged.visible, judged.visible)),
            _share(judged, judged.visible, total),
            _share(judged, judged.lost, total),
            np.array([_auc(judged.doubt, judged.none, row[places]) for row in counts]),
            _balanced(judged, total),
            _calibration(judged, total),
        )


Total = Callable[[NDArray[np.floating] | Flags, Flags], Numbers]


def _share(judged: Judged, rows: Flags, total: Total) -> Numbers:
    return _ratio(total(judged.chosen - judged.mean, rows), total(judged.best - judged.mean, rows))


def _balanced(judged: Judged, total: Total) -> Numbers:
    right, none = ~judged.none, judged.none
    remembered = _ratio(total(judged.sure, right), total(right, right))
    left = _ratio(total(~judged.sure, none), total(none, none))
    return np.asarray((remembered + left) / 2, np.float64)


def _calibration(judged: Judged, total: Total) -> Numbers:
    every = np.ones(len(judged.doubt), np.bool_)
    if not len(judged.doubt) or judged.doubt.min() < 0 or judged.doubt.max() > 1:
        return np.full(len(total(every, every)), np.nan)
    bins = np.minimum((judged.doubt * BINS).astype(int), BINS - 1)
    gaps = [np.abs(total(judged.none - judged.doubt, bins == b)) for b in np.unique(bins)]
    return _ratio(np.sum(gaps, 0), total(every, every))


def _auc(doubt: Numbers, none: Flags, weights: Counts) -> float:
    """The share of pairs that the doubt puts in order, of key frames that count ``weights`` [N] times."""
    _, inverse = np.unique(doubt, return_inverse=True)
    with_none, without = (np.bincount(inverse, weights * rows) for rows in (none, ~none))
    below = np.cumsum(without) - without / 2
    pairs = with_none.sum() * without.sum()
    return float((with_none * below).sum() / pairs) if pairs else float("nan")


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def figure_differences(
    before: Judged, after: Judged, sequences: NDArray[np.str_], measures: tuple[str, ...], seed: int = 0
) -> list[Record]:
    """A row per measure (names of Drawn): ``after`` less ``before`` with a 95 % interval.

    ``pairs`` counts the sequences with key frames that the measure is about (where the tracker is lost, or no proposal
    is right); under FEW there is no interval.
    """
    count = len(np.unique(sequences))
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), SAMPLES)
    counts = np.vstack([np.ones((1, count)), draws]).astype(np.int64)  # the first sample is the one at hand
    first, second = (Drawn.of(one, sequences, counts) for one in (before, after))
    about = {"lost": after.lost, "none_auc": after.none, "balanced": after.none, "calibration": after.none | True}
    rows = []
    for measure in measures:
        pairs = len(np.unique(sequences[about.get(measure, after.visible)]))
        found, *others = getattr(second, measure) - getattr(first, measure)
        rows.append({"measure": measure, "pairs": pairs} | _bounds(float(found), np.array(others), pairs))
    return rows


def _bounds(found: float, others: Numbers, pairs: int) -> Record:
    known = others[~np.isnan(others)]
    if np.isnan(found):
        return dict.fromkeys(("difference", "low", "high"))
    if pairs < FEW or not len(known) or np.ptp(known) < LEAST:
        return {"difference": found, "low": None, "high": None}
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"difference": found, "low": float(low), "high": float(high)}
