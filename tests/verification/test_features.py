from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.verification.features import NAMES, features
from tests.makers.evidence import HERE, THERE, evidence

EVEN = [12, 10, 20, 20]
PICTURES = ("template", "recent")


def key_frame(seed=0, count=4):
    """Evidence with three background boxes and four windows; all numbers differ."""
    rng = np.random.default_rng(seed)
    corner, size = rng.uniform(0, 200, (count + 3, 2)), rng.uniform(10, 60, (count + 3, 2))
    boxes = np.concatenate([corner, size], 1)
    own = {k: rng.uniform(0, 1, count) for k in ("scores", "template", "recent", "text")}
    back = {f"background_{k}": rng.uniform(0, 1, 3) for k in ("scores", "template", "recent", "text")}
    beside = {f"beside_{k}": rng.uniform(-0.2, 0.3, 4) for k in ("template", "recent", "text")}
    return evidence(
        boxes[:count], background=boxes[count:], previous=boxes[0], verified=boxes[1], first=np.float32(boxes[2]),
        since=7, age=30, verified_score=0.8, anchor=0.9, truth=boxes[0], **own, **back, **beside,
    )  # fmt: skip


def column(e, name):
    return features(e)[:, NAMES.index(name)]


def test_every_number_is_small_and_named_once():
    found = features(key_frame())
    assert found.shape == (4, len(NAMES))
    assert len(set(NAMES)) == len(NAMES)
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 2


@given(st.integers(0, 200), st.floats(0.05, 1), st.floats(0, 0.5))
def test_a_narrow_cone_says_the_same(seed, width, lift):
    """Cosines of pictures squeezed towards 1, those of texts likewise towards any value."""
    e = key_frame(seed)
    places = ("", "background_", "beside_")
    pictures = {p + n: 1 - width * (1 - getattr(e, p + n)) for p in places for n in PICTURES}
    texts = {p + "text": lift + width * getattr(e, p + "text") for p in places}
    squeezed = replace(e, **pictures, **texts, anchor=lift + width * e.anchor)
    np.testing.assert_allclose(features(squeezed), features(e), atol=5e-3)


@given(st.integers(0, 200), st.floats(0.5, 8))
def test_the_size_of_the_frame_says_nothing(seed, factor):
    e = key_frame(seed)
    names = ("boxes", "background", "previous", "verified", "first", "truth")
    larger = replace(e, **{n: (getattr(e, n) * np.float32(factor)).astype(np.float32) for n in names})
    np.testing.assert_allclose(features(larger), features(e), atol=2e-3)


@given(st.integers(0, 200), st.permutations(range(3)))
def test_proposals_keep_their_numbers_in_another_order(seed, order):
    e = key_frame(seed)
    turned = [*order, 3]  # the tracker's own stays the last
    moved = replace(e, **{n: getattr(e, n)[turned] for n in ("boxes", "scores", "template", "recent", "text")})
    np.testing.assert_allclose(features(moved), features(e)[turned], atol=1e-5)


def test_the_truth_changes_nothing():
    e = key_frame()
    np.testing.assert_array_equal(features(replace(e, truth=None)), features(e))


def test_by_hand():
    e = evidence([THERE, EVEN, HERE], scores=[0.9, 0.6, 0.4], since=4, age=10, verified_score=0.8,
                 first=np.float32([10, 10, 40, 40]), verified=[10, 10, 20, 20])  # fmt: skip
    assert column(e, "own").tolist() == [0, 0, 1]
    np.testing.assert_allclose(column(e, "trust"), [0.5] * 3)  # .4 of .8
    np.testing.assert_allclose(column(e, "own_trust"), [0, 0, 0.5])
    np.testing.assert_allclose(column(e, "on_tracker"), [0, 18 / 22, 1], atol=1e-6)
    np.testing.assert_allclose(column(e, "on_verified"), [0, 18 / 22, 1], atol=1e-6)
    np.testing.assert_allclose(column(e, "distance"), np.log1p([2.5, 0.1, 0]) / 3, atol=1e-6)
    np.testing.assert_allclose(column(e, "verified_growth"), [0, 0, 0])
    np.testing.assert_allclose(column(e, "first_growth"), [-1] * 3)  # a quarter of the area: two doublings
    np.testing.assert_allclose(column(e, "first_size"), [1] * 3)
    np.testing.assert_allclose(column(e, "since"), [np.log(5) / 5] * 3, atol=1e-6)
    np.testing.assert_allclose(column(e, "age"), [np.log(11) / 5] * 3, atol=1e-6)
    assert column(e, "rival").tolist() == [1, 1, 1]
    assert column(e, "found").tolist() == [1, 1, 1]
    np.testing.assert_allclose(column(e, "word_rank"), [1, 0, 0])  # the tracker's box has the score of the one on it
    np.testing.assert_allclose(column(e, "count"), [0.3] * 3, atol=1e-6)


def test_the_shape_counts_without_the_size():
    e = evidence([[10, 10, 40, 20], HERE], first=np.float32([0, 0, 10, 10]))
    np.testing.assert_allclose(column(e, "first_shape"), [1, 0])


@pytest.mark.parametrize("boxes", [[HERE], [[0, 0, 0, 0], HERE], [HERE, HERE]])
def test_a_lone_proposal_an_empty_box_and_twins_have_numbers(boxes):
    assert np.isfinite(features(evidence(boxes))).all()
