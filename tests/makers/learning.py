"""Whether a network has learned: its loss on the same batches, before and after.

The losses of single steps are of other batches each, and on small batches luck counts for more than what was learned;
how much more depends on the kernels that PyTorch picks for a CPU. On the same batches, a network that learned nothing
has a ratio of exactly 1 on any CPU.
"""

from __future__ import annotations

import numpy as np

BATCHES = 3


def loss_of(model, loss, step):
    """Mean of ``loss(step, rng)`` over a few batches, the same ones each time.

    The model is in training mode: running means of batch statistics settle long after the weights have learned.
    """
    import torch

    model.train()
    with torch.no_grad():
        return float(np.mean([float(loss(step, np.random.default_rng([9, k]))[0]) for k in range(BATCHES)]))
