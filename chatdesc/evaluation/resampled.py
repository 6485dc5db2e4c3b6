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

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.paired import FEW
from chatdesc.tables import Record
from chatdesc.verification.figures import (
    Judged,
    aucs,
    balanced_accuracy,
    calibration_error,
    mean,
    share_of_gap,
)

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

        def total(values: NDArray[Any], rows: Flags) -> Numbers:
            sums = np.bincount(places[rows], values[rows].astype(np.float64), counts.shape[1])
            return np.asarray(counts @ sums, np.float64)

        return cls(
            mean(judged.chosen, judged.visible, total),
            share_of_gap(judged, judged.visible, total),
            share_of_gap(judged, judged.lost, total),
            aucs(judged.doubt, judged.none, (row[places] for row in counts)),
            balanced_accuracy(judged, total),
            calibration_error(judged, total),
        )


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
