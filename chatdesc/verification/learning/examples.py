"""Recorded evidence as tensors to learn from.

A proposal is as good as its overlap with the truth. In a tenth more key frames the right proposals are taken away, so
that *none* is met beside the same surroundings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from chatdesc.evidence import Evidence
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.verification.figures import RIGHT
from chatdesc.verification.learning.choosing import tokens

TAKEN_AWAY = 0.1  # share of key frames that are met again without their right proposals
PER_PROPOSAL = ("boxes", "scores", "template", "recent", "text")


@dataclass(frozen=True, slots=True)
class Examples:
    """N key frames with at most P proposals of F features.

    Attributes:
        tokens: [N, P, F]; present: bool [N, P].
        overlap: [N, P] IoU with the truth; 0 where the target is not visible.
        none: [N] 1.0 where no proposal is right.
    """

    tokens: Tensor
    present: Tensor
    overlap: Tensor
    none: Tensor

    @classmethod
    def of(cls, evidence: Sequence[Evidence], seed: int | None = None) -> Examples:
        """Examples of evidence with its truth; with a ``seed`` also some with the right proposals taken away."""
        every = list(evidence)
        if seed is not None:
            drawn = np.random.default_rng(seed).random(len(every)) < TAKEN_AWAY
            every += [less for e, again in zip(evidence, drawn, strict=True) if again and (less := without_right(e))]
        found, present = tokens(every)
        overlap = torch.zeros(present.shape)
        for k, e in enumerate(every):
            if e.truth is not None:
                overlap[k, : len(e.boxes)] = torch.from_numpy(iou_matrix(e.boxes, e.truth[None])[:, 0])
        return cls(found, present, overlap, (overlap.amax(1) < RIGHT).float())

    def __len__(self) -> int:
        return len(self.tokens)

    def rows(self, index: Tensor) -> Examples:
        """The key frames of ``index``."""
        return Examples(self.tokens[index], self.present[index], self.overlap[index], self.none[index])


def without_right(e: Evidence) -> Evidence | None:
    """The evidence without the proposals that are the target; None where there are none, or the tracker's is one."""
    if e.truth is None:
        return None
    right = iou_matrix(e.boxes, e.truth[None])[:, 0] >= RIGHT
    if right[-1] or not right.any():
        return None
    return replace(e, **{name: getattr(e, name)[~right] for name in PER_PROPOSAL})
