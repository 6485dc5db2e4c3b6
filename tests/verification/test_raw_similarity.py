from dataclasses import replace

import numpy as np
import pytest

from chatdesc.verification.raw_similarity import fitness, raw_similarity
from tests.makers.evidence import HERE, THERE, evidence


def chosen(e):
    return raw_similarity(e).index


@pytest.mark.parametrize("column", ["scores", "template", "recent", "text"])
def test_more_agreement_of_any_kind_is_better(column):
    assert chosen(evidence([HERE, HERE], **{column: [0.6, 0.5]})) == 0
    assert chosen(evidence([HERE, HERE], **{column: [0.5, 0.6]})) == 1


def test_fitness_by_hand():
    """Two boxes: one in place; one a size and a half away, twice as large, half covered by background."""
    away = [35, 10, 40, 20]
    e = evidence(
        [HERE, away],
        scores=[0.4, 0.9], template=[0.8, 0.6], recent=[0.6, 0.4], text=[0.1, 0.3],
        background=[[35, 10, 20, 20]], background_scores=[0.8],
    )  # fmt: skip
    first = 0.5 * 0.8 + 0.5 * 0.6 + 0.5 * (0.1 - 0.3) + 0.3 * 0.4
    jump, resize, overlap = np.hypot(35, 0) / 20, 1.0, 0.5 * 0.8
    second = 0.5 * 0.6 + 0.5 * 0.4 + 0 + 0.3 * 0.9 - 0.5 * overlap - 0.25 * jump - 0.25 * resize
    np.testing.assert_allclose(fitness(e), [first, second], rtol=1e-6)


def test_a_proposal_on_the_background_far_away_or_of_another_size_is_worse():
    assert chosen(evidence([HERE, THERE])) == 0
    assert chosen(evidence([HERE, [0, 0, 60, 60]])) == 0
    assert chosen(evidence([HERE, HERE], background=[HERE], background_scores=[0.9])) == 1  # both lose alike
    beside = [14, 10, 20, 20]
    covered = evidence([HERE, beside], previous=[12, 10, 20, 20], background=[beside], background_scores=[0.9])
    assert chosen(covered) == 0


def test_size_is_compared_with_the_last_verified_box_and_not_with_one_that_has_shrunk():
    """The tracker has shrunk onto a part of the target; a proposal has the size that was verified."""
    whole, part = [10, 10, 20, 20], [15, 15, 5, 5]
    drifted = evidence([whole, part], previous=part)
    assert chosen(drifted) == 1
    assert chosen(replace(drifted, verified=np.array(whole, np.float32))) == 0
