"""From a score per proposal and a doubt to a choice.

>>> answer(np.array([0.2, 0.9], np.float32), doubt=0.6)
Choice(index=1, verified=False, doubt=0.6)
>>> answer(np.array([0.2, 0.9], np.float32), doubt=0.9).index is None
True
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from chatdesc.evidence import Choice

# An earlier study found that a veto from .5 on harms: it fires where a lost target could still be had, and sticks.
UNSURE = 0.5  # doubt from which a choice is taken, but not remembered as the target
NONE = 0.85  # doubt from which none of the proposals is taken


def answer(scores: NDArray[np.floating], doubt: float) -> Choice:
    """The proposal with the greatest of ``scores`` [P], unless ``doubt`` in [0, 1] says that none is the target."""
    return Choice(last_best(scores) if doubt < NONE else None, doubt < UNSURE, doubt)


def last_best(values: NDArray[np.floating]) -> int:
    """The index of the greatest value; among equals the last, the tracker's own."""
    return len(values) - 1 - int(values[::-1].argmax())
