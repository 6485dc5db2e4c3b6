import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.verification.references import oracle, random_choice
from tests.makers.evidence import HERE, THERE, evidence
from tests.makers.verifiers import VERIFIERS

SEEING_NOTHING = sorted(VERIFIERS.keys() - {"oracle"})


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("name", ["similarity", "raw-similarity"])
def test_ties_go_to_the_trackers_own_box(count, name):
    assert VERIFIERS[name](evidence([HERE] * count)).index in (count - 1, None)
    assert oracle(evidence([HERE] * count, truth=HERE)).index == count - 1
    assert oracle(evidence([HERE] * count, truth=THERE)).index == count - 1  # nothing overlaps


@pytest.mark.parametrize("name", SEEING_NOTHING)
def test_only_the_oracle_looks_at_the_truth(name):
    choose = VERIFIERS[name]
    answers = {choose(evidence([THERE, HERE], truth=truth)) for truth in (None, THERE, HERE)}
    assert len(answers) == 1


def test_the_oracle_looks_at_the_truth():
    boxes = [THERE, HERE]
    assert oracle(evidence(boxes, truth=THERE)).index == 0
    assert oracle(evidence(boxes, truth=HERE)).index == 1
    assert oracle(evidence(boxes)).index is None


def test_the_oracle_verifies_nothing_that_is_off_the_target():
    assert oracle(evidence([THERE, HERE], truth=THERE)).verified
    assert not oracle(evidence([HERE, HERE], truth=THERE)).verified


BOX = st.lists(st.floats(1, 90, width=32), min_size=4, max_size=4)


@given(st.lists(BOX, min_size=1, max_size=6), BOX, st.integers(0, 2**32 - 1))
def test_the_oracle_is_the_ceiling_and_all_choices_repeat(boxes, truth, seed):
    e = evidence(boxes, truth=truth, seed=seed)
    ious = iou_matrix(e.boxes, e.truth[None])[:, 0]
    for choose in VERIFIERS.values():
        pick = choose(e)
        assert pick == choose(e)
        assert pick.index is None or 0 <= pick.index < len(boxes)
        assert ious[-1 if pick.index is None else pick.index] <= ious[oracle(e).index]


def test_random_choice_takes_every_proposal():
    picks = [random_choice(evidence([HERE] * 4, seed=s)).index for s in range(400)]
    assert min(np.bincount(picks, minlength=4)) > 60
