"""Curves of a track under a protocol, the measures that are read from them, and their means over tracks.

>>> tables = Passed(*(np.eye(1, len(t) + 1, 1, dtype=np.intp) for t in (LASOT.success_thresholds,) * 3))
>>> [score] = scores_of(tables, np.array([1]), np.array([0]), LASOT)          # one frame, which passes one threshold
>>> score.success[:3].tolist(), score.frames
([1.0, 0.0, 0.0], 1)
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.passed import Passed
from chatdesc.metrics.protocols import LASOT, Rules

Floats = NDArray[np.float64]
Whole = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Curves of one sequence, or their mean over several, as fractions of the frames that count.

    ``success`` is [21] (IoU > 0, 0.05 .. 1), ``precision`` [51] (centre error <= 0 .. 50 px), ``norm_precision`` [51]
    (normalised centre error <= 0, 0.01 .. 0.5), where ``rules`` has no other thresholds. ``repaired`` and ``cut`` count
    predicted boxes that were replaced and that lay beyond the ground truth, ``lacking`` frames without a box.
    """

    rules: Rules
    success: Floats
    precision: Floats
    norm_precision: Floats
    frames: int
    repaired: int = 0
    cut: int = 0
    lacking: int = 0

    @property
    def protocol(self) -> str:
        """The name of the rules."""
        return self.rules.name

    @property
    def auc(self) -> float:
        """Area under the success curve: the mean of its points (at most 20/21, since no IoU exceeds 1)."""
        return float(_area(self.success, self.rules.success_thresholds, self.rules))

    @property
    def precision_at_20(self) -> float:
        """Share of frames with a centre error of at most 20 pixels."""
        return float(_at(self.precision, self.rules.precision_thresholds, 20))

    @property
    def precision_score(self) -> float:
        """What the protocol itself calls precision: the value at 20 pixels, or TrackingNet's area."""
        if self.rules.precision_is_area:
            return float(_area(self.precision, self.rules.precision_thresholds, self.rules))
        return self.precision_at_20

    @property
    def norm_precision_at_20(self) -> float:
        """Share of frames with a centre error of at most 0.20 box sizes (LaSOT's normalised precision)."""
        return float(_at(self.norm_precision, self.rules.norm_thresholds, 0.2))

    @property
    def norm_precision_auc(self) -> float:
        """Area under normalised precision from 0 to 0.5, as a share: another number, by which TNL2K ranks."""
        return float(_area(self.norm_precision, self.rules.norm_thresholds, self.rules))

    @property
    def norm_precision_score(self) -> float:
        """What the protocol itself calls normalised precision: the value at 0.20, or the area."""
        return self.norm_precision_auc if self.rules.norm_is_area else self.norm_precision_at_20

    @property
    def op50(self) -> float:
        """Share of frames with IoU > 0.5."""
        return float(_at(self.success, self.rules.success_thresholds, 0.5))

    @property
    def op75(self) -> float:
        """Share of frames with IoU > 0.75."""
        return float(_at(self.success, self.rules.success_thresholds, 0.75))


def measure_many(scores: Many[Score]) -> Floats:
    """Measures of one score or more by the same rules, [S, 6]: auc, precision_at_20, norm_precision_at_20,
    norm_precision_auc, op50, op75."""
    rules = scores[0].rules
    success, precision, norm = (np.array([getattr(s, k) for s in scores]) for k in _CURVES)
    columns = (
        _area(success, rules.success_thresholds, rules),
        _at(precision, rules.precision_thresholds, 20),
        _at(norm, rules.norm_thresholds, 0.2),
        _area(norm, rules.norm_thresholds, rules),
        _at(success, rules.success_thresholds, 0.5),
        _at(success, rules.success_thresholds, 0.75),
    )
    return np.stack(columns, 1)


_CURVES = ("success", "precision", "norm_precision")


def _area(curves: Floats, thresholds: Floats, rules: Rules) -> Floats:
    """[.., T] -> [..]"""
    if rules.area == "mean":
        return np.asarray(np.add.reduce(curves, -1) / curves.shape[-1])
    return np.asarray(np.trapezoid(curves, thresholds) / (thresholds[-1] - thresholds[0]))


def _at(curves: Floats, thresholds: Floats, value: float) -> Floats:
    """Curves [.., T] at the threshold next to a value: [..]; thresholds start at 0 and lie at equal distances."""
    return np.asarray(curves[..., min(curves.shape[-1] - 1, round(value / float(thresholds[1])))])


def scores_of(passed: Passed, counted: Whole, repaired: Whole, rules: Rules) -> list[Score]:
    """The scores of S tracks from their tables.

    Args:
        counted: [S] frames that count, of each track.
        repaired: [S] boxes that were replaced.
    """
    curves = (
        shares_above(passed.overlap, counted),
        shares_within(passed.error, counted),
        shares_within(passed.norm_error, counted),
    )
    return [Score(rules, *of) for of in zip(*curves, counted.tolist(), repaired.tolist(), strict=True)]


def mean_score(scores: Many[Score], rules: Rules = LASOT) -> Score:
    """The mean over sequences, every sequence weighing the same; ``frames`` and the other counts are sums.

    Raises:
        ValueError: there is nothing to average.
    """
    if not scores:
        raise ValueError("no sequence was scored, so there is no mean; check which sequences have results")
    curves = (
        _mean_curve([s.success for s in scores], rules),
        _mean_curve([s.precision for s in scores], rules),
        _mean_curve([s.norm_precision for s in scores], rules),
    )
    counts = [(s.frames, s.repaired, s.cut, s.lacking) for s in scores]
    return Score(rules, *curves, *map(sum, zip(*counts, strict=True)))


def shares_above(table: Whole, counted: Whole) -> Floats:
    """Shares of the ``counted`` frames [S] of each track that pass a threshold: [S, T + 1] as in Passed -> [S, T]."""
    return np.asarray(table[:, :0:-1].cumsum(1)[:, ::-1] / np.maximum(counted, 1)[:, None])


def shares_within(table: Whole, counted: Whole) -> Floats:
    """Shares that do not: [S, T + 1] -> [S, T]."""
    return np.asarray(table[:, :-1].cumsum(1) / np.maximum(counted, 1)[:, None])


def _mean_curve(curves: list[Floats], rules: Rules) -> Floats:
    table = np.array(curves)
    kept = table[table.sum(1) > np.finfo(np.float64).eps] if rules.drop_zero_curves else table
    return kept.mean(0) if len(kept) else np.zeros(table.shape[1])
