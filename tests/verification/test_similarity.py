from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.verification.answer import NONE, UNSURE
from chatdesc.verification.raw_similarity import raw_similarity
from chatdesc.verification.similarity import fitness, similarity, terms
from tests.makers.evidence import HERE, THERE, evidence

BESIDE = {"beside_template": [0.4, 0.5], "beside_recent": [0.4, 0.5], "beside_text": [0.1, 0.2]}
FAR = [130, 10, 20, 20]


def lost(**changes):
    """A tracker, sure of itself, that stands three sizes off a target which CLIP's cosines and the words tell apart."""
    values = {"template": [0.90, 0.60], "recent": [0.90, 0.60], "text": [0.29, 0.22], "scores": [0.5, 0.95]}
    return evidence([THERE, [0, 10, 20, 20]], previous=[0, 10, 20, 20], verified=HERE, since=20, **values | changes)


def test_a_lost_target_comes_back_with_the_cosines_of_clip():
    """Raw cosines and scores leave the tracker where it is."""
    assert raw_similarity(lost()).index == 1
    assert similarity(lost()).index == 0
    beside = {"beside_template": [0.6, 0.55], "beside_recent": [0.6, 0.55], "beside_text": [0.2, 0.22]}
    assert similarity(lost(anchor=0.28, **beside)).index == 0


@pytest.mark.parametrize("column", ["scores", "template", "recent", "text"])
def test_more_agreement_of_any_kind_is_better(column):
    """Of two proposals that differ in nothing else."""
    for better in (0, 1):
        values = [0.5, 0.5, 0.5]
        values[better] = 0.7
        e = evidence([THERE, [50, 40, 20, 20], HERE], verified=[55, 25, 20, 20], since=9, **BESIDE, **{column: values})
        assert fitness(e)[better] > fitness(e)[1 - better]


def squeezed(e, gain, text_gain, text_offset):
    def into(name, own):
        a, b = (text_gain, text_offset) if name.endswith("text") else (gain, 1 - gain)
        return (b + a * own).astype(np.float32)

    names = [p + n for p in ("", "background_", "beside_") for n in ("template", "recent", "text")]
    return replace(e, **{n: into(n, getattr(e, n)) for n in names}, anchor=text_offset + text_gain * e.anchor)


COSINES = st.lists(st.floats(-0.25, 0.96875, width=32), min_size=4, max_size=4)


@given(COSINES, COSINES, COSINES, st.floats(0.1, 1), st.floats(0.05, 1), st.floats(-0.2, 0.3))
def test_how_wide_an_encoders_cosines_are_changes_no_term(template, recent, text, gain, text_gain, text_offset):
    boxes = [THERE, FAR, [60, 40, 20, 20], HERE]
    beside = {f"beside_{n}": [0.0, 0.1, -0.1] for n in ("template", "recent", "text")}
    back = {f"background_{n}": [0.3] for n in ("template", "recent", "text")}
    e = evidence(
        boxes, template=template, recent=recent, text=text, background=[[90, 10, 20, 20]], background_scores=[0.5],
        anchor=0.9, since=5, **back, **beside,
    )  # fmt: skip
    narrow = squeezed(e, gain, text_gain, text_offset)
    for a, b in zip(terms(e), terms(narrow), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-2)


def test_terms_by_hand():
    e = evidence(
        [THERE, HERE], template=[0.9, 0.6], text=[0.3, 0.2], scores=[0.8, 0.9], anchor=0.35, verified=HERE, since=10,
        verified_score=0.95, beside_template=[0.4, 0.2], beside_text=[0.1, 0.1],
        background=[[60, 10, 20, 10]], background_scores=[0.4], background_template=[0.5], background_text=[0.2],
    )  # fmt: skip
    t = terms(e)
    np.testing.assert_allclose(t.template_level, [0.6 / 0.7, 0.3 / 0.7], rtol=1e-5)
    np.testing.assert_allclose(t.text_level, [0.2 / 0.25, 0.1 / 0.25], rtol=1e-5)
    spread = np.std([0.9, 0.6, 0.5, 0.4, 0.2])
    np.testing.assert_allclose(t.template_lead, [0.3 / spread / 2, -0.3 / spread / 2], rtol=1e-5)
    np.testing.assert_allclose(t.tracker, [0, 0.9 / 0.95], rtol=1e-5)
    np.testing.assert_allclose(t.jump, [-(1 - np.exp(-(50**2) / (2 * (20 * 1.1) ** 2))), 0], rtol=1e-5)
    np.testing.assert_allclose(t.background, [-0.5 * 0.4 / 1.2, 0], rtol=1e-5)
    # nothing was found where the tracker is, so it counts half of the least score found; no box is alike the other
    own, tree = (np.log(p / (1 - p)) for p in (0.4, 0.4))
    np.testing.assert_allclose(t.words, [min((np.log(0.8 / 0.2) - own) / 2, 1), (own - np.log(4)) / 2], rtol=1e-5)
    assert own == tree


def test_the_trackers_confidence_is_no_word_score():
    """It may say 1 or .3 all the time: what counts is what has become of it."""
    for confident in (0.3, 0.95):
        e = evidence([THERE, HERE], scores=[0.5, confident], verified_score=confident, **BESIDE)
        np.testing.assert_array_equal(terms(e).words, terms(replace(e, scores=np.float32([0.5, 0.9]))).words)
        np.testing.assert_allclose(terms(e).tracker, [0, 1])


def test_jumps_and_changes_of_size_are_forgiven_with_time():
    soon, late = (terms(evidence([THERE, [5, 5, 40, 40], HERE], verified=HERE, since=n)) for n in (1, 60))
    assert soon.jump[0] < late.jump[0] < 0
    assert soon.resize[1] < late.resize[1] < 0
    assert soon.jump[2] == soon.resize[2] == 0


def test_nothing_like_the_target_is_none_of_them():
    near = {"recent": [0.5, 0.5], "scores": [0.5, 0.9], "beside_template": [0.4, 0.5], "verified": HERE}
    e = evidence([THERE, HERE], template=[0.46, 0.47], **near)
    answer = similarity(e)
    assert (answer.index, answer.verified) == (None, False)
    assert answer.doubt >= NONE
    sure = similarity(replace(e, template=np.float32([0.46, 0.95])))
    assert (sure.index, sure.verified) == (1, True)
    half = similarity(replace(e, template=np.float32([0.46, 0.78])))
    assert (half.index, half.verified) == (1, False)
    assert UNSURE <= half.doubt < NONE


def test_an_encoder_that_knows_nothing_speaks_against_nothing():
    answer = similarity(evidence([HERE, HERE], template=[0, 0], recent=[0, 0], text=[0, 0]))
    assert (answer.index, answer.verified) == (1, True)
