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

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields

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
            _aucs(judged, counts, places),
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
    if not len(judged.doubt) or not ((judged.doubt >= 0) & (judged.doubt <= 1)).all():
        return np.full(len(total(every, every)), np.nan)
    bins = np.minimum((judged.doubt * BINS).astype(int), BINS - 1)
    gaps = [np.abs(total(judged.none - judged.doubt, bins == b)) for b in np.unique(bins)]
    return _ratio(np.sum(gaps, 0), total(every, every))


def _aucs(judged: Judged, counts: Counts, places: NDArray[np.integer]) -> Numbers:
    """The share of pairs that the doubt puts in order; ties count half."""
    order = np.unique(judged.doubt, return_inverse=True)[1]
    return np.array([_auc(order, judged.none, row[places]) for row in counts])


def _auc(order: NDArray[np.integer], none: Flags, weights: Counts) -> float:
    with_none, without = (np.bincount(order, weights * rows) for rows in (none, ~none))
    below = np.cumsum(without) - without / 2
    pairs = with_none.sum() * without.sum()
    return float((with_none * below).sum() / pairs) if pairs else float("nan")


def _ratio(above: Numbers, below: Numbers) -> Numbers:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def samples(sequences: NDArray[np.str_], seed: int = 0) -> Counts:
    """[R, S] how often each sequence is in each sample; in the first one, each once."""
    count = len(np.unique(sequences))
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), SAMPLES)
    return np.vstack([np.ones((1, count)), draws]).astype(np.int64)


def sequences_about(judged: Judged, sequences: NDArray[np.str_]) -> dict[str, int]:
    """By measure: the sequences with key frames that it is about (visible, lost, or without a right proposal)."""
    rows = {"IoU": judged.visible, "share": judged.visible, "lost": judged.lost, "calibration": judged.none | True}
    return {measure.name: len(np.unique(sequences[rows.get(measure.name, judged.none)])) for measure in fields(Drawn)}


def figure_differences(
    before: Drawn, after: Drawn, measures: Iterable[str], counted: Mapping[str, int]
) -> list[Record]:
    """A row per measure: ``after`` less ``before`` on the same samples, with a 95 % interval.

    Args:
        measures: names of Drawn.
        counted: ``sequences_about``, in the column ``pairs``; under FEW there is no interval.
    """
    rows = []
    for measure in measures:
        found, *others = getattr(after, measure) - getattr(before, measure)
        row = _bounds(float(found), np.array(others), counted[measure])
        rows.append({"measure": measure, "pairs": counted[measure]} | row)
    return rows


def _bounds(found: float, others: Numbers, pairs: int) -> Record:
    known = others[~np.isnan(others)]
    if np.isnan(found):
        return dict.fromkeys(("difference", "low", "high"))
    if pairs < FEW or not len(known) or np.ptp(known) < LEAST:
        return {"difference": found, "low": None, "high": None}
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return {"difference": found, "low": float(low), "high": float(high)}
