import math

import numpy as np
import pytest

from chatdesc.evaluation.resampled import Drawn
from chatdesc.evidence import Choice
from chatdesc.verification.figures import Judged, auc
from tests.makers.evidence import HERE, THERE, evidence

HALF = [10, 10, 20, 10]  # overlaps HERE by a half


def frames():
    """The tracker on the target, the tracker lost, nothing right, the target away."""
    return [
        evidence([THERE, HERE], truth=HERE),
        evidence([HALF, HERE, THERE], truth=HERE),
        evidence([THERE, THERE], truth=HERE),
        evidence([THERE, HERE]),
    ]


def test_by_hand():
    choices = [Choice(1, doubt=0.1), Choice(0, doubt=0.3), Choice(0, False, 0.9), Choice(None, False, 0.8)]
    judged = Judged.of(frames(), choices)
    np.testing.assert_allclose(judged.chosen, [1, 0.5, 0, 0])
    np.testing.assert_allclose(judged.mean, [0.5, 0.5, 0, 0])
    np.testing.assert_allclose(judged.best, [1, 1, 0, 0])
    assert judged.visible.tolist() == [True, True, True, False]
    assert judged.lost.tolist() == [False, True, True, False]
    assert judged.none.tolist() == [False, False, True, True]
    # chosen 1.5, random 1.0, best 2.0 of 3 visible; of the two lost ones .5, .5, 1
    assert judged.share() == pytest.approx(0.5)
    assert judged.share(judged.lost) == pytest.approx(0.0)
    assert judged.none_auc() == 1.0
    assert judged.balanced() == 1.0
    # bins .1, .3, .8, .9: |0 - .1| + |0 - .3| + |1 - .8| + |1 - .9|, over 4
    assert judged.calibration() == pytest.approx(0.7 / 4)


def test_none_leaves_the_trackers_box_and_is_not_remembered():
    judged = Judged.of(frames()[:1], [Choice(None, verified=True, doubt=0.9)])
    assert (judged.chosen.tolist(), judged.sure.tolist()) == ([1.0], [False])


def test_what_cannot_be_said_is_no_number():
    away = Judged.of([evidence([THERE])], [Choice(0, doubt=-1.2)])
    assert all(math.isnan(v) for v in (away.share(), away.none_auc(), away.balanced(), away.calibration()))
    alone = Judged.of([evidence([HERE], truth=HERE)], [Choice(0)])
    assert math.isnan(alone.share())  # one proposal: nothing to choose


@pytest.mark.filterwarnings("error")
def test_a_doubt_that_is_no_number_has_no_calibration():
    judged = Judged.of(frames()[:2], [Choice(0, doubt=0.3), Choice(None, doubt=math.nan)])
    assert math.isnan(judged.calibration())
    drawn = Drawn.of(judged, np.array(["a", "b"]), np.array([[1, 1], [2, 0]]))
    assert np.isnan(drawn.calibration).all()


def test_auc_against_all_pairs():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 6, 60) / 5, rng.random(60) < 0.4
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[positive] for b in scores[~positive]]
    assert auc(scores, positive) == pytest.approx(np.mean(pairs))
