"""How well a verifier chooses on recorded key frames: one row per key frame, and what is read off them.

>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes] * 5, boxes[:0], boxes[:0, 0], boxes[1], truth=boxes[0])
>>> judged = Judged.of([e, e], [Choice(0), Choice(1)])
>>> judged.share(), judged.share(judged.lost), judged.none.tolist()
(0.0, 0.0, [False, False])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

    def share(self, rows: Flags | None = None) -> float:
        """The share of the gap from random to oracle, over the ``rows`` with a visible target; NaN without a gap."""
        rows = self.visible if rows is None else rows & self.visible
        if not rows.any():
            return float("nan")
        floor, chosen, best = (float(v[rows].mean()) for v in (self.mean, self.chosen, self.best))
        return (chosen - floor) / (best - floor) if best > floor else float("nan")

    def none_auc(self) -> float:
        """How well the doubt tells key frames without a right proposal from the others."""
        return auc(self.doubt, self.none)

    def balanced(self) -> float:
        """Balanced accuracy of "to be remembered" against "one of the proposals is the target"."""
        if self.none.all() or not self.none.any():
            return float("nan")
        return float(self.sure[~self.none].mean() + (~self.sure[self.none]).mean()) / 2

    def calibration(self) -> float:
        """Expected calibration error of the doubt as the probability of *none*, over ten bins of equal width.

        Guo et al., On Calibration of Modern Neural Networks (ICML 2017). NaN where a doubt is no probability.
        """
        if not len(self.doubt) or not ((self.doubt >= 0) & (self.doubt <= 1)).all():
            return float("nan")
        bins = np.minimum((self.doubt * BINS).astype(int), BINS - 1)
        gaps = [abs(float((self.none[bins == b] - self.doubt[bins == b]).sum())) for b in np.unique(bins)]
        return sum(gaps) / len(self.doubt)


def auc(scores: Numbers, positive: Flags) -> float:
    """The share of pairs of a positive and a negative that the scores [N] put in order; ties count half.

    >>> auc(np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, False, True, True]))
    0.875
    """
    few = int(positive.sum())
    if few in (0, len(positive)):
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts + (counts + 1) / 2)[inverse]
    return float((ranks[positive].sum() - few * (few + 1) / 2) / (few * (len(positive) - few)))


def _ious(e: Evidence) -> Numbers:
    if e.truth is None:
        return np.zeros(len(e.boxes))
    return iou_matrix(e.boxes, e.truth[None])[:, 0].astype(np.float64)
