"""From evidence to a network's choices: features padded to one batch, scores, and what they say.

>>> from chatdesc.verification.learning.networks import Linear
>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes, *[boxes[:, 0] / 100] * 4], boxes[:0], boxes[:0, 0], boxes[1])
>>> len(choose(Linear().eval(), [e, e]))
2
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from chatdesc.evidence import Choice, Evidence
from chatdesc.verification.answer import answer
from chatdesc.verification.features import NAMES, features
from chatdesc.verification.learning.networks import Linear, SetEncoder

OVERLAP = 3.0  # what a full overlap adds to a logit


def tokens(evidence: Sequence[Evidence]) -> tuple[Tensor, Tensor]:
    """[B, P, F] features, padded with zeros, and bool [B, P] which are present."""
    found = [features(e) for e in evidence]
    most = max(map(len, found))
    padded = np.zeros((len(found), most, len(NAMES)), np.float32)
    present = np.zeros((len(found), most), np.bool_)
    for k, one in enumerate(found):
        padded[k, : len(one)], present[k, : len(one)] = one, True
    return torch.from_numpy(padded), torch.from_numpy(present)


def choose(network: Linear | SetEncoder, evidence: Sequence[Evidence]) -> list[Choice]:
    """A trained network's choices; it is in evaluation mode."""
    return choose_among(network, *tokens(evidence)) if evidence else []


def choose_among(network: Linear | SetEncoder, found: Tensor, present: Tensor) -> list[Choice]:
    """The same, from ``tokens``."""
    with torch.inference_mode():
        scores = network(found, present)
    doubts = torch.sigmoid(scores.none).tolist()
    fits = (scores.target + OVERLAP * scores.overlap).numpy()
    rows = zip(fits, doubts, present.sum(1).tolist(), strict=True)
    return [answer(fit[:count], doubt) for fit, doubt, count in rows]
