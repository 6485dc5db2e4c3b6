from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.verify import Evidence, fitness, oracle, random_choice, similarity

HERE, THERE = [10, 10, 20, 20], [60, 10, 20, 20]
NONE = np.zeros((0, 4), np.float32)


def evidence(boxes, truth=None, seed=0, background=NONE, background_scores=(), previous=HERE, **columns):
    """Proposals that are alike in all that is not given."""
    values = {
        k: np.array(columns.get(k, [0.5] * len(boxes)), np.float32) for k in ("scores", "template", "recent", "text")
    }
    return Evidence(
        np.array(boxes, np.float32),
        **values,
        background=np.array(background, np.float32),
        background_scores=np.array(background_scores, np.float32),
        previous=np.array(previous, np.float32),
        truth=None if truth is None else np.array(truth, np.float32),
        seed=seed,
    )


@pytest.mark.parametrize("column", ["scores", "template", "recent", "text"])
def test_more_agreement_of_any_kind_is_better(column):
    assert similarity(evidence([HERE, HERE], **{column: [0.6, 0.5]})) == 0
    assert similarity(evidence([HERE, HERE], **{column: [0.5, 0.6]})) == 1


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
    assert similarity(evidence([HERE, THERE])) == 0
    assert similarity(evidence([HERE, [0, 0, 60, 60]])) == 0
    assert similarity(evidence([HERE, HERE], background=[HERE], background_scores=[0.9])) == 1  # both lose alike
    beside = [14, 10, 20, 20]
    assert (
        similarity(evidence([HERE, beside], previous=[12, 10, 20, 20], background=[beside], background_scores=[0.9]))
        == 0
    )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_ties_go_to_the_trackers_own_box(count):
    assert similarity(evidence([HERE] * count)) == count - 1
    assert oracle(evidence([HERE] * count, truth=HERE)) == count - 1
    assert oracle(evidence([HERE] * count, truth=THERE)) == count - 1  # nothing overlaps


def test_only_the_oracle_looks_at_the_truth():
    boxes = [THERE, HERE]
    for choose in (similarity, random_choice):
        assert choose(evidence(boxes)) == choose(evidence(boxes, truth=THERE)) == choose(evidence(boxes, truth=HERE))
    assert oracle(evidence(boxes, truth=THERE)) == 0
    assert oracle(evidence(boxes, truth=HERE)) == 1
    assert oracle(evidence(boxes)) == similarity(evidence(boxes))


BOX = st.lists(st.floats(1, 90, width=32), min_size=4, max_size=4)


@given(st.lists(BOX, min_size=1, max_size=6), BOX, st.integers(0, 2**32 - 1))
def test_the_oracle_is_the_ceiling_and_all_choices_repeat(boxes, truth, seed):
    e = evidence(boxes, truth=truth, seed=seed)
    ious = iou_matrix(e.boxes, e.truth[None])[:, 0]
    for choose in (similarity, random_choice, oracle):
        pick = choose(e)
        assert 0 <= pick < len(boxes)
        assert pick == choose(e)
        assert ious[pick] <= ious[oracle(e)]


def test_random_choice_takes_every_proposal():
    picks = [random_choice(evidence([HERE] * 4, seed=s)) for s in range(400)]
    assert min(np.bincount(picks, minlength=4)) > 60


def test_size_is_compared_with_the_last_verified_box_and_not_with_one_that_has_shrunk():
    """The tracker has shrunk onto a part of the target; a proposal has the size that was verified."""
    whole, part = [10, 10, 20, 20], [15, 15, 5, 5]
    drifted = evidence([whole, part], previous=part)
    assert similarity(drifted) == 1
    assert similarity(replace(drifted, verified=np.array(whole, np.float32))) == 0
