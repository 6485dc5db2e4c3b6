"""One-pass evaluation: success, precision and normalised precision of a track, by a named protocol.

>>> from chatdesc.metrics.ope import score_sequence
>>> score = score_sequence(predicted, truth, visible)      # [N, 4], [N, 4] xywh in pixels, [N] bool
>>> score.auc, score.precision_at_20, score.norm_precision_at_20
(0.752, 0.610, 0.949)

Toolkits agree on the three measures and differ in the rules around them: what becomes of a frame without a target, of
a predicted box without a size, of the first frame. Those rules are a ``Rules`` (``metrics/protocols.py``); the scorer
is written once.

Sources: Wu, Lim and Yang, "Online Object Tracking: A Benchmark", CVPR 2013 (success and precision plots); Mueller et
al., "TrackingNet", ECCV 2018 (normalised precision); Fan et al., "LaSOT", CVPR 2019, and its evaluation toolkit.
"""

from __future__ import annotations

from collections.abc import Sequence as Many
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.metrics.overlap import centre_error, centres, iou, normalised_centre_error
from chatdesc.metrics.protocols import LASOT, PROTOCOLS, Rules

__all__ = ["LASOT", "PROTOCOLS", "Rules", "Score", "curve_above", "curve_within", "mean_score", "score_sequence"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

HIT, MISS = -1.0, np.nan  # as an error


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
        return self.rules.name

    @property
    def auc(self) -> float:
        """Area under the success curve: the mean of its points (at most 20/21, since no IoU exceeds 1)."""
        return self._area(self.success, self.rules.success_thresholds)

    @property
    def precision_at_20(self) -> float:
        """Share of frames with a centre error of at most 20 pixels."""
        return _at(self.precision, self.rules.precision_thresholds, 20)

    @property
    def precision_score(self) -> float:
        """What the protocol itself calls precision: the value at 20 pixels, or TrackingNet's area."""
        if self.rules.precision_is_area:
            return self._area(self.precision, self.rules.precision_thresholds)
        return self.precision_at_20

    @property
    def norm_precision_at_20(self) -> float:
        """Share of frames with a centre error of at most 0.20 box sizes (LaSOT's normalised precision)."""
        return _at(self.norm_precision, self.rules.norm_thresholds, 0.2)

    @property
    def norm_precision_auc(self) -> float:
        """Area under normalised precision from 0 to 0.5, as a share: another number, by which TNL2K ranks."""
        return self._area(self.norm_precision, self.rules.norm_thresholds)

    @property
    def norm_precision_score(self) -> float:
        """What the protocol itself calls normalised precision: the value at 0.20, or the area."""
        return self.norm_precision_auc if self.rules.norm_is_area else self.norm_precision_at_20

    @property
    def op50(self) -> float:
        """Share of frames with IoU > 0.5."""
        return _at(self.success, self.rules.success_thresholds, 0.5)

    @property
    def op75(self) -> float:
        """Share of frames with IoU > 0.75."""
        return _at(self.success, self.rules.success_thresholds, 0.75)

    def _area(self, curve: Floats, thresholds: Floats) -> float:
        if self.rules.area == "mean":
            return float(curve.mean())
        return float(np.trapezoid(curve, thresholds) / (thresholds[-1] - thresholds[0]))


def score_sequence(
    predicted: ArrayLike, truth: ArrayLike, visible: ArrayLike | None = None, rules: Rules = LASOT
) -> Score:
    """Score one track against the ground truth.

    Args:
        predicted: [M, 4] xywh, pixels; rows beyond N are cut. Fewer rows, NaN and empty boxes: see ``rules``.
        truth: [N, 4] xywh, pixels.
        visible: bool [N]; None means that the target is visible throughout.
        rules: the protocol; ``rules.on(dataset)`` where it depends on the dataset.

    Raises:
        ValueError: there is no frame, flags of another length, or a track that the protocol refuses.
    """
    real, track = np.asarray(truth, np.float64), np.asarray(predicted, np.float64).reshape(-1, 4)
    seen = np.ones(len(real), np.bool_) if visible is None else np.asarray(visible, np.bool_)
    _check_lengths(len(track), len(real), len(seen), rules)
    cut, lacking = max(0, len(track) - len(real)), max(0, len(real) - len(track))
    track = track[: len(real)]
    if rules.short == "truth is cut":
        real, seen = real[: len(track)], seen[: len(track)]
    track, repaired = _repair(track, real, rules)
    # Filled up after the repair, which would otherwise hold the last box to the end.
    if len(track) < len(real):
        blank = np.full((len(real) - len(track), 4), 0 if rules.short == "zeros" else np.nan)
        track = np.concatenate([track, blank])
    overlap, error, norm_error = _measures(track, real, seen, rules)
    counted = len(real) if rules.nan_truth_counts else int((~_blank(real)).sum())
    return Score(
        rules,
        curve_above(overlap, rules.success_thresholds, counted, rules.reached),
        curve_within(error, rules.precision_thresholds, counted),
        curve_within(norm_error, rules.norm_thresholds, counted),
        counted,
        repaired,
        cut,
        lacking,
    )


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


def curve_above(values: ArrayLike, thresholds: Floats, count: int, reached: bool = False) -> Floats:
    """Share of ``count`` frames with a value > each threshold (>= if ``reached``). NaN is neither. [N], [T] -> [T]."""
    data = np.asarray(values, np.float64)
    ordered = np.sort(data[~np.isnan(data)])
    side: Literal["left", "right"] = "left" if reached else "right"
    return (len(ordered) - np.searchsorted(ordered, thresholds, side)) / max(count, 1)


def curve_within(values: ArrayLike, thresholds: Floats, count: int) -> Floats:
    """Share of ``count`` frames with a value <= each threshold; NaN is never within. [N], [T] -> [T]."""
    data = np.asarray(values, np.float64)
    ordered = np.sort(data[~np.isnan(data)])
    return np.searchsorted(ordered, thresholds, "right") / max(count, 1)


def _at(curve: Floats, thresholds: Floats, value: float) -> float:
    return float(curve[np.abs(thresholds - value).argmin()])


def _check_lengths(predicted: int, truth: int, flags: int, rules: Rules) -> None:
    if not truth:
        raise ValueError("the ground truth has no frame")
    if not predicted or (predicted < truth and rules.short == "refused"):
        raise ValueError(f"the track has {predicted} boxes for {truth} frames; run the tracker to the end")
    if flags != truth:
        raise ValueError(f"there are {flags} visibility flags for {truth} frames")


def _repair(track: Floats, truth: Floats, rules: Rules) -> tuple[Floats, int]:
    """Predicted boxes with the unusable ones replaced, and how many those were."""
    repaired = 0
    if rules.bad_box == "refused":
        _refuse(track, rules)
    if rules.bad_box != "scored":
        _, _, width, height = track.T
        bad = np.asarray((width <= 0) | (height <= 0) | np.logical_and.reduce(np.isnan(track.T)))
        if bad.any():
            # Nothing comes before the first box, so what is wrong with it spreads.
            track = track[np.maximum.accumulate(np.where(bad, 0, np.arange(len(track))))]
        repaired = int(bad[1:].sum())
    if rules.first_is_given:
        track = np.concatenate([truth[:1], track[1:]])
    return track, repaired


def _refuse(track: Floats, rules: Rules) -> None:
    wrong = np.flatnonzero(np.isnan(track).any(1) | (track[:, 2:] < 0).any(1))
    if len(wrong):
        box = ",".join(f"{value:g}" for value in track[wrong[0]])
        raise ValueError(
            f"row {wrong[0] + 1} is {box}: {rules.name} refuses a result with NaN or a negative size "
            f"({len(wrong)} rows here); write numbers, or choose another protocol"
        )


def _measures(track: Floats, truth: Floats, seen: Flags, rules: Rules) -> tuple[Floats, Floats, Floats]:
    """Overlap and both errors of the frames that are scored; the others are left out, so they hit nothing."""
    if rules.rounded:
        track, truth = track.round(), truth.round()
    if rules.absent_is_miss:
        track, truth = track[seen], truth[seen]
    valid = _valid(truth, rules)
    error, norm_error = centre_error(track, truth), _norm_error(track, truth, rules)
    here = there = valid
    if rules.valid_centre:
        middle = centres(truth)
        with np.errstate(invalid="ignore", divide="ignore"):
            here = np.asarray((middle > 0).all(1))
            there = np.asarray((middle / (truth[:, 2:] + 1e-16) > 0).all(1))
    # A row with NaN has no overlap, not an overlap of 0, which would reach the threshold 0.
    known = valid & ~_blank(track) & ~_blank(truth)
    return (
        np.where(known, iou(track, truth), np.nan),
        np.where(here, error, HIT if rules.invalid_error == "hit" else MISS),
        np.where(there, norm_error, HIT if rules.invalid_norm == "hit" else MISS),
    )


def _valid(truth: Floats, rules: Rules) -> Flags:
    if rules.valid == "any":
        return np.ones(len(truth), np.bool_)
    x, y, width, height = truth.T
    sized = np.asarray((width > 0) & (height > 0))
    return sized if rules.valid == "sized" else np.asarray(sized & (x > 0) & (y > 0))


def _blank(boxes: Floats) -> Flags:
    """Which rows hold a NaN."""
    x, y, width, height = np.isnan(boxes).T
    return np.asarray(x | y | width | height)


def _norm_error(track: Floats, truth: Floats, rules: Rules) -> Floats:
    if rules.normalise == "before":
        return normalised_centre_error(track, truth)
    size = truth[:, 2:]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if rules.normalise == "before, never by 0":
            apart = centres(track) / (size + 1e-16) - centres(truth) / (size + 1e-16)
        else:
            least = np.maximum(size, 1) if rules.normalise == "after, at least 1" else size
            apart = (centres(track) - centres(truth)) / least
        return np.sqrt((apart**2).sum(1))


def _mean_curve(curves: list[Floats], rules: Rules) -> Floats:
    table = np.stack(curves)
    kept = table[table.sum(1) > np.finfo(np.float64).eps] if rules.drop_zero_curves else table
    return kept.mean(0) if len(kept) else np.zeros(table.shape[1])
