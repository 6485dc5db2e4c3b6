"""From evidence to a network's choices: features padded to one batch, scores, and what they say.

>>> from chatdesc.verification.learning.networks import Linear
>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes, *[boxes[:, 0] / 100] * 4], boxes[:0], boxes[:0, 0], boxes[1])
>>> len(choose(Linear().eval(), [e, e]))
2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from chatdesc.evidence import Choice, Evidence
from chatdesc.verification.answer import answer
from chatdesc.verification.features import NAMES, features
from chatdesc.verification.learning.networks import Linear, SetEncoder
from chatdesc.verification.similarity import WEIGHTS

OVERLAP = 3.0  # what a full overlap adds to a logit
# The least of .2, .3, .4, .5, .6 that costs at most .005 of the gap on validation films, with either preset's models.
LEAD = 0.5  # of the tracker's box in the sum of terms that nobody trained, from which a network may not leave it


def tokens(evidence: Sequence[Evidence]) -> tuple[Tensor, Tensor]:
    """[B, P, F] features, padded with zeros, and bool [B, P] which are present.

    A feature that is no number, as after an encoder overflowed in half precision, is 0: it says nothing.
    """
    found = [features(e) for e in evidence]
    most = max(map(len, found))
    padded = np.zeros((len(found), most, len(NAMES)), np.float32)
    present = np.zeros((len(found), most), np.bool_)
    for k, one in enumerate(found):
        padded[k, : len(one)], present[k, : len(one)] = np.nan_to_num(one, posinf=0.0, neginf=0.0), True
    return torch.from_numpy(padded), torch.from_numpy(present)


def choose(network: Linear | SetEncoder, evidence: Sequence[Evidence]) -> list[Choice]:
    """A trained network's choices; it is in evaluation mode. A tracker's box that leads by LEAD without it stays."""
    if not evidence:
        return []
    found, present = tokens(evidence)
    own = present.sum(1) - 1
    stays = (_lead(found, present, own) >= LEAD).tolist()
    choices = zip(choose_among(network, found, present), own.tolist(), stays, strict=True)
    return [replace(c, index=k) if stay and c.index is not None else c for c, k, stay in choices]


def _lead(found: Tensor, present: Tensor, own: Tensor) -> Tensor:
    """[B] lead of the tracker's box over the best other proposal in the fitness of ``similarity``."""
    fitness = found[..., : len(WEIGHTS)] @ torch.tensor(WEIGHTS)
    others = present & (torch.arange(present.shape[1]) < own[:, None])
    best = fitness.masked_fill(~others, -torch.inf).amax(1)
    return fitness[torch.arange(len(own)), own] - best


def choose_among(network: Linear | SetEncoder, found: Tensor, present: Tensor) -> list[Choice]:
    """What the network alone chooses, from ``tokens``."""
    with torch.inference_mode():
        scores = network(found, present)
    doubts = torch.sigmoid(scores.none).tolist()
    fits = (scores.target + OVERLAP * scores.overlap).numpy()
    rows = zip(fits, doubts, present.sum(1).tolist(), strict=True)
    return [answer(fit[:count], doubt) for fit, doubt, count in rows]
