"""How well a verifier chooses on recorded key frames: one row per key frame, and what is read off them.

>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes] * 5, boxes[:0], boxes[:0, 0], boxes[1], truth=boxes[0])
>>> judged = Judged.of([e, e], [Choice(0), Choice(1)])
>>> judged.share(), judged.share(judged.lost), judged.none.tolist()
(0.0, 0.0, [False, False])
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.evidence import Choice, Evidence
from chatdesc.metrics.overlap import iou_matrix

LOST = 0.3  # IoU of the tracker's box with the target below which the tracker has lost it
RIGHT = 0.5  # IoU from which a proposal is the target
BINS = 10  # of the calibration

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """N key frames with a verifier's choices.

    Attributes:
        chosen, mean, best: [N] IoU with the truth of the proposal chosen (where none was, of the tracker's box), of a
            random one on average, and of the best one; 0 where the target is not visible.
        own: [N] IoU of the tracker's box.
        visible: [N] whether the target is.
        doubt: [N] the verifier's doubt.
        sure: [N] whether the choice is to be remembered.
    """

    chosen: Numbers
    mean: Numbers
    best: Numbers
    own: Numbers
    visible: Flags
    doubt: Numbers
    sure: Flags

    @classmethod
    def of(cls, evidence: Sequence[Evidence], choices: Sequence[Choice]) -> Judged:
        """What choices are worth on their evidence, which has the truth."""
        ious = [_ious(e) for e in evidence]
        picked = [-1 if c.index is None else c.index for c in choices]
        return cls(
            np.array([i[k] for i, k in zip(ious, picked, strict=True)], np.float64),
            np.array([i.mean() for i in ious], np.float64),
            np.array([i.max() for i in ious], np.float64),
            np.array([i[-1] for i in ious], np.float64),
            np.array([e.truth is not None for e in evidence], np.bool_),
            np.array([c.doubt for c in choices], np.float64),
            np.array([c.index is not None and c.verified for c in choices], np.bool_),
        )

    @property
    def lost(self) -> Flags:
        """[N] whether the tracker has lost a visible target."""
        return self.visible & (self.own < LOST)

    @property
    def none(self) -> Flags:
        """[N] whether none of the proposals is the target."""
        return ~self.visible | (self.best < RIGHT)

    def rows(self, index: Flags | NDArray[np.integer]) -> Judged:
        """Some of the key frames."""
        return Judged(*(getattr(self, field.name)[index] for field in fields(self)))

    def iou(self) -> float:
        """The mean IoU of what was chosen, where the target is visible."""
        return float(mean(self.chosen, self.visible, _sum))

    def share(self, rows: Flags | None = None) -> float:
        """The share of the gap from random to oracle, over the ``rows`` with a visible target; NaN without a gap."""
        return float(share_of_gap(self, self.visible if rows is None else rows & self.visible, _sum))

    def none_auc(self) -> float:
        """How well the doubt tells key frames without a right proposal from the others."""
        return auc(self.doubt, self.none)

    def balanced(self) -> float:
        """Balanced accuracy of "to be remembered" against "one of the proposals is the target"."""
        return float(balanced_accuracy(self, _sum))

    def calibration(self) -> float:
        """Expected calibration error of the doubt as the probability of *none*, over ten bins of equal width.

        Guo et al., On Calibration of Modern Neural Networks (ICML 2017). NaN where a doubt is no probability.
        """
        return float(calibration_error(self, _sum))


# Sums of values [N] over rows bool [N]: a number, or one for each of R samples of the key frames, [R].
Total = Callable[[NDArray[Any], Flags], Any]


def _sum(values: NDArray[Any], rows: Flags) -> np.float64:
    return np.float64(values[rows].sum())


def mean(values: NDArray[Any], rows: Flags, total: Total) -> Numbers:
    """The mean over rows; NaN without any."""
    return _ratio(total(values, rows), total(rows, rows))


def share_of_gap(judged: Judged, rows: Flags, total: Total) -> Numbers:
    """The share of the gap from random to oracle, over rows with a visible target; NaN without a gap."""
    return _ratio(total(judged.chosen - judged.mean, rows), total(judged.best - judged.mean, rows))


def balanced_accuracy(judged: Judged, total: Total) -> Numbers:
    """See ``Judged.balanced``."""
    return np.asarray((mean(judged.sure, ~judged.none, total) + mean(~judged.sure, judged.none, total)) / 2)


def calibration_error(judged: Judged, total: Total) -> Numbers:
    """See ``Judged.calibration``."""
    every = np.ones(len(judged.doubt), np.bool_)
    if not ((judged.doubt >= 0) & (judged.doubt <= 1)).all():
        return np.asarray(total(every, every) * np.nan)
    bins = np.minimum((judged.doubt * BINS).astype(int), BINS - 1)
    gaps = sum(np.abs(total(judged.none - judged.doubt, bins == b)) for b in np.unique(bins))
    return _ratio(gaps, total(every, every))


def _ratio(above: Any, below: Any) -> Numbers:
    return np.where(below > 0, above / np.where(below > 0, below, 1), np.nan)


def auc(scores: Numbers, positive: Flags) -> float:
    """The share of pairs of a positive and a negative that the scores [N] put in order; ties count half.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    return float(aucs(scores, positive, [np.ones(len(scores), np.int64)])[0])


def aucs(scores: Numbers, positive: Flags, weights: Iterable[NDArray[np.integer]]) -> Numbers:
    """[R] the same in each of R samples, in which a score counts as often as its weight [N] says."""
    order = np.unique(scores, return_inverse=True)[1]
    return np.array([_auc(order, positive, times) for times in weights])


def _auc(order: NDArray[np.integer], positive: Flags, times: NDArray[np.integer]) -> float:
    right, wrong = (np.bincount(order, times * rows) for rows in (positive, ~positive))
    below = np.cumsum(wrong) - wrong / 2
    pairs = right.sum() * wrong.sum()
    return float((right * below).sum() / pairs) if pairs else float("nan")


def _ious(e: Evidence) -> Numbers:
    if e.truth is None:
        return np.zeros(len(e.boxes))
    return iou_matrix(e.boxes, e.truth[None])[:, 0].astype(np.float64)
