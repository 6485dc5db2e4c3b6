"""Where texts lead, by hand."""

import numpy as np
import pytest

from chatdesc.stages.found import found, reciprocal_rank
from tests.makers.sequences import leads

HERE, THERE, FAR = (10, 10, 20, 20), (60, 10, 20, 20), (90, 40, 20, 20)
TARGET = np.float32(HERE)


@pytest.mark.parametrize(
    ("proposals", "rank"),
    [
        ([("kite", HERE, 0.9), ("kite", THERE, 0.5)], 1),
        ([("kite", HERE, 0.5), ("kite", THERE, 0.9), ("kite", FAR, 0.7)], 1 / 3),
        ([("kite", HERE, 0.5), ("kite", THERE, 0.5)], 1 / 2),  # nothing speaks for the target
        ([("kite", THERE, 0.9)], 0),
        ([], 0),
    ],
)
def test_the_rank_of_the_target_among_the_proposals(proposals, rank):
    assert reciprocal_rank(leads("a kite", *proposals), TARGET, theta=0.5) == pytest.approx(rank)


def test_means_over_frames():
    frames = [leads("a kite", ("kite", HERE, 0.9), ("kite", THERE, 0.5)), leads("a kite", ("kite", THERE, 0.2))]
    seen = found("mine", frames, [TARGET, TARGET], theta=0.5, threshold=0.3)
    assert (seen.text, seen.frames, seen.truncated) == ("mine", 2, False)
    assert (seen.iou, seen.top_iou, seen.reciprocal_rank) == (0.5, 0.5, 0.5)
    assert seen.margin == pytest.approx((0.4 - 0.2) / 2)
