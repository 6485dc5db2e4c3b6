"""From a network's scores to a choice: the proposal with the best score, or none; and how sure that is.

>>> decide(np.array([2.0, 0.5], np.float32), np.array([0.7, 0.2], np.float32), doubt=0.6)
Choice(index=0, verified=False, doubt=0.6)
>>> decide(np.array([2.0, 0.5], np.float32), np.array([0.7, 0.2], np.float32), doubt=0.9).index is None
True
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from chatdesc.evidence import Choice, Evidence, Floats
from chatdesc.verification.features import NAMES, features
from chatdesc.verification.learning.networks import Linear, SetEncoder
from chatdesc.verification.references import last_best

# Chosen on the validation films of training/verifier.py.
OVERLAP = 3.0  # what a full overlap adds to a logit
UNSURE = 0.5  # doubt from which a choice is taken, but not remembered as the target
NONE = 0.85  # doubt from which none of the proposals is taken


def decide(target: Floats, overlap: Floats, doubt: float) -> Choice:
    """The choice among P proposals.

    Args:
        target, overlap: [P] as in ``Scores``.
        doubt: the probability that none of them is the target.
    """
    best = last_best(target + OVERLAP * overlap)
    return Choice(best if doubt < NONE else None, doubt < UNSURE, doubt)


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
    rows = zip(scores.target.numpy(), scores.overlap.numpy(), doubts, present.sum(1).tolist(), strict=True)
    return [decide(target[:n], overlap[:n], doubt) for target, overlap, doubt, n in rows]
