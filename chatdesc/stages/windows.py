"""Windows beside a box: what a target is not, where nothing else is known.

>>> neighbours(np.array([100, 40, 20, 30], np.float32))
array([[ 70.,  40.,  20.,  30.],
       [130.,  40.,  20.,  30.],
       [100.,  -5.,  20.,  30.],
       [100.,  85.,  20.,  30.]], dtype=float32)
"""

from __future__ import annotations

import numpy as np

from chatdesc.types import Boxes


def neighbours(box: Boxes) -> Boxes:
    """[4, 4] xywh windows of the size of ``box`` ([4] xywh) to its left, right, above and below, half a size apart.

    They may reach out of the frame.
    """
    shifts = np.array([[-1.5, 0], [1.5, 0], [0, -1.5], [0, 1.5]], np.float32) * box[2:]
    return np.concatenate([box[:2] + shifts, np.repeat(box[None, 2:], 4, 0)], 1).astype(np.float32)
