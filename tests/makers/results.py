"""Result files of trackers, and their scores by name."""

from __future__ import annotations

import numpy as np

from tests.makers.datasets import put

# A target of 30 x 40 pixels that moves to the right by 5 pixels a frame.
TRUTH = np.array([[10.0, 20, 30, 40], [15, 20, 30, 40], [20, 20, 30, 40], [25, 20, 30, 40]])
STILL = [[100.0, 100.0, 20.0, 20.0]] * 4  # and one of 20 x 20 that does not move


def lines(boxes):
    """Boxes as the text of a result file."""
    return "".join(",".join(f"{v:g}" for v in box) + "\n" for box in boxes)


def off_target(folder, **far):
    """A folder of tracks of STILL; per sequence the number of frames, at the end, that are far from the target."""
    for name, count in far.items():
        put(folder / f"{name}.txt", lines(STILL[: 4 - count] + [[500.0, 500.0, 20.0, 20.0]] * count))
    return folder


def measures(score):
    """The measures of a score under the names that golden files have."""
    return {
        "AUC": score.auc,
        "P20": score.precision_at_20,
        "PNorm20": score.norm_precision_at_20,
        "PNormAUC": score.norm_precision_auc,
        "OP50": score.op50,
        "OP75": score.op75,
    }
