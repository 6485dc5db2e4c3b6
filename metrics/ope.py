"""One-pass evaluation: success, precision and normalised precision of a track, by a named protocol.

>>> from chatdesc.metrics.ope import score_sequence
>>> score = score_sequence(predicted, truth, visible)      # [N, 4], [N, 4] xywh in pixels, [N] bool
>>> score.auc, score.precision_at_20, score.norm_precision_at_20
(0.752, 0.610, 0.949)

Toolkits agree on the three measures and differ in the rules around them: what becomes of a frame without a target, of
a predicted box without a size, of the first frame. Those rules are a ``Rules``; the scorer is written once.

Sources: Wu, Lim and Yang, "Online Object Tracking: A Benchmark", CVPR 2013 (success and precision plots); Mueller et
al., "TrackingNet", ECCV 2018 (normalised precision); Fan et al., "LaSOT", CVPR 2019, and its evaluation toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.metrics.overlap import centre_error, iou, normalised_centre_error

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# Products, not quotients: the official toolkits step through ranges, and a tie at a threshold counts.
SUCCESS_THRESHOLDS: Floats = np.arange(21, dtype=np.float64) * 0.05
PRECISION_THRESHOLDS: Floats = np.arange(51, dtype=np.float64)
NORM_PRECISION_THRESHOLDS: Floats = np.arange(51, dtype=np.float64) * 0.01


@dataclass(frozen=True, slots=True)
class Rules:
    """What a protocol does where the measures leave a choice.

    Attributes:
        name: printed with every number.
        first_is_given: the first predicted box is replaced by the true one, and counts.
        repair: a predicted box that is all NaN or has no positive size takes the one before it.
        absent_is_miss: a frame in which the target is absent counts, as a miss in all three measures.
        bad_truth_is_hit: a visible frame whose true box has a coordinate that is not positive counts as a hit in
            both errors (and as a miss in overlap).
        drop_zero_curves: a sequence whose whole curve is zero is left out of the mean over sequences.
    """

    name: str
    first_is_given: bool
    repair: bool
    absent_is_miss: bool
    bad_truth_is_hit: bool
    drop_zero_curves: bool


LASOT = Rules(
    "lasot", first_is_given=True, repair=True, absent_is_miss=True, bad_truth_is_hit=True, drop_zero_curves=True
)
PROTOCOLS: dict[str, Rules] = {LASOT.name: LASOT}


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """Curves of one sequence, or their mean over several, as fractions of the frames that count.

    ``success`` is [21] (IoU > 0, 0.05 .. 1), ``precision`` [51] (centre error <= 0 .. 50 px), ``norm_precision`` [51]
    (normalised centre error <= 0, 0.01 .. 0.5). ``repaired`` and ``cut`` count predicted boxes that were replaced and
    that lay beyond the ground truth.
    """

    protocol: str
    success: Floats
    precision: Floats
    norm_precision: Floats
    frames: int
    repaired: int = 0
    cut: int = 0

    @property
    def auc(self) -> float:
        """Area under the success curve, as the mean of its 21 points; at most 20/21, since no IoU exceeds 1."""
        return float(self.success.mean())

    @property
    def precision_at_20(self) -> float:
        """Share of frames with a centre error of at most 20 pixels."""
        return float(self.precision[20])

    @property
    def norm_precision_at_20(self) -> float:
        """Share of frames with a centre error of at most 0.20 box sizes (LaSOT's normalised precision)."""
        return float(self.norm_precision[20])

    @property
    def norm_precision_auc(self) -> float:
        """Mean of the normalised precision from 0 to 0.5: another number, by which TNL2K ranks."""
        return float(self.norm_precision.mean())

    @property
    def op50(self) -> float:
        """Share of frames with IoU > 0.5."""
        return float(self.success[10])

    @property
    def op75(self) -> float:
        """Share of frames with IoU > 0.75."""
        return float(self.success[15])


def score_sequence(
    predicted: ArrayLike, truth: ArrayLike, visible: ArrayLike | None = None, rules: Rules = LASOT
) -> Score:
    """Score one track against the ground truth.

    Args:
        predicted: [M, 4] xywh, pixels, M >= N; rows beyond N are cut. NaN and empty boxes: see ``rules``.
        truth: [N, 4] xywh, pixels.
        visible: bool [N]; None means that the target is visible throughout.

    Raises:
        ValueError: there is no frame, a track shorter than the ground truth, or flags of another length.
    """
    real, track = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    seen = np.ones(len(real), np.bool_) if visible is None else np.asarray(visible, np.bool_)
    _check_lengths(len(track), len(real), len(seen))
    cut, track = len(track) - len(real), track[: len(real)]
    track, repaired = _repair(track, real, rules)
    overlap, error, norm_error = _measures(track, real, seen, rules)
    counted = len(real) if rules.absent_is_miss else int(seen.sum())
    return Score(
        rules.name,
        curve_above(overlap, SUCCESS_THRESHOLDS, counted),
        curve_within(error, PRECISION_THRESHOLDS, counted),
        curve_within(norm_error, NORM_PRECISION_THRESHOLDS, counted),
        counted,
        repaired,
        cut,
    )


def mean_score(scores: Many[Score], rules: Rules = LASOT) -> Score:
    """The mean over sequences, every sequence weighing the same; ``frames``, ``repaired`` and ``cut`` are sums.

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
    sums = (sum(s.frames for s in scores), sum(s.repaired for s in scores), sum(s.cut for s in scores))
    return Score(rules.name, *curves, *sums)


def curve_above(values: ArrayLike, thresholds: Floats, count: int) -> Floats:
    """Share of ``count`` frames with a value > each threshold; NaN is never above. [N], [T] -> [T]."""
    data = np.asarray(values, np.float64)
    ordered = np.sort(data[~np.isnan(data)])
    return (len(ordered) - np.searchsorted(ordered, thresholds, "right")) / max(count, 1)


def curve_within(values: ArrayLike, thresholds: Floats, count: int) -> Floats:
    """Share of ``count`` frames with a value <= each threshold; NaN is never within. [N], [T] -> [T]."""
    data = np.asarray(values, np.float64)
    ordered = np.sort(data[~np.isnan(data)])
    return np.searchsorted(ordered, thresholds, "right") / max(count, 1)


def _check_lengths(predicted: int, truth: int, flags: int) -> None:
    if not truth:
        raise ValueError("the ground truth has no frame")
    if predicted < truth:
        raise ValueError(f"the track has {predicted} boxes for {truth} frames; run the tracker to the end")
    if flags != truth:
        raise ValueError(f"there are {flags} visibility flags for {truth} frames")


def _repair(track: Floats, truth: Floats, rules: Rules) -> tuple[Floats, int]:
    """Predicted boxes with the unusable ones replaced, and how many those were."""
    repaired = 0
    if rules.repair:
        bad = np.asarray(np.isnan(track).all(1) | (track[:, 2:] <= 0).any(1))
        # Nothing comes before the first box, so what is wrong with it spreads.
        track = track[np.maximum.accumulate(np.where(bad, 0, np.arange(len(track))))]
        repaired = int(bad[1:].sum())
    if rules.first_is_given:
        track = np.concatenate([truth[:1], track[1:]])
    return track, repaired


def _measures(track: Floats, truth: Floats, seen: Flags, rules: Rules) -> tuple[Floats, Floats, Floats]:
    """Overlap and both errors of the frames with a target; the others are left out, so they hit nothing."""
    track, truth = track[seen], truth[seen]
    usable = (truth > 0).all(1)
    instead = -1.0 if rules.bad_truth_is_hit else np.nan
    overlap = np.where(usable, iou(track, truth), np.nan)
    error = np.where(usable, centre_error(track, truth), instead)
    return overlap, error, np.where(usable, normalised_centre_error(track, truth), instead)


def _mean_curve(curves: list[Floats], rules: Rules) -> Floats:
    table = np.stack(curves)
    kept = table[table.sum(1) > np.finfo(np.float64).eps] if rules.drop_zero_curves else table
    return kept.mean(0) if len(kept) else np.zeros(table.shape[1])
