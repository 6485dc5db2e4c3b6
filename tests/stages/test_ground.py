import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chatdesc.stages.ground
from chatdesc.stages.ground import Feedback, best_words, feedback, is_content, merge, positive_negative
from chatdesc.types import Grounding, Word, split_words
from tests.makers.sequences import leads

TARGET = np.array([0, 0, 100, 100], np.float32)
PHRASE = "human on a swing seat"


def with_iou(value):
    """A box inside the target whose IoU with it is ``value``."""
    return [0, 0, 100, 100 * value]


def test_the_methods_example():
    words, ious = ["seat", "human", "swing", "seat"], np.array([0.41, 0.11, 0.23, 0.36])
    assert positive_negative(words, ious, theta=0.3) == (("seat",), ("human", "swing"))


def test_the_methods_example_on_a_full_matrix():
    """Stop words score best everywhere and win nowhere; the order of the proposals does not matter."""
    scores = np.array(
        # human   on    a  swing  seat
        [[0.30, 0.92, 0.1, 0.35, 0.90],
         [0.80, 0.82, 0.1, 0.30, 0.35],
         [0.40, 0.72, 0.1, 0.70, 0.45],
         [0.30, 0.62, 0.1, 0.50, 0.60]], np.float32
    )  # fmt: skip
    boxes = np.array([with_iou(v) for v in (0.41, 0.11, 0.23, 0.36)], np.float32)
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        found = feedback(Grounding(boxes[order], split_words(PHRASE), scores[order]), TARGET, 0.3, 0.35)
        assert (found.positive, found.negative) == (("seat",), ("human", "swing"))
        assert found.iou == pytest.approx(0.41)
        assert found.margin == pytest.approx(0.92 - 0.82)
        assert found.proposals == 4


def test_the_modules_own_example():
    assert doctest.testmod(chatdesc.stages.ground).failed == 0


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 1)), max_size=12), st.floats(0.01, 1))
def test_words_are_split_in_two(found, theta):
    words, ious = [w for w, _ in found], np.array([o for _, o in found])
    positive, negative = positive_negative(words, ious, theta)
    assert not set(positive) & set(negative)
    assert set(positive) == {w for w, o in found if o >= theta}
    assert set(positive) | set(negative) == set(words)
    assert len(positive + negative) == len(set(words))


def test_words_keep_their_offsets():
    text = "The Dog's well-worn (red) ball, Zürich 3x"
    words = split_words(text)
    assert [w.text for w in words] == ["The", "Dog's", "well-worn", "red", "ball", "Zürich", "3x"]
    assert all(text[w.start : w.end] == w.text for w in words)
    assert split_words(" ,. ") == ()


def test_best_words_are_lower_case_and_the_first_of_equals():
    scores = np.array([[0.5, 0.5, 0.5], [0.9, 0.1, 0.2]], np.float32)
    boxes = np.zeros((2, 4), np.float32)
    assert best_words(Grounding(boxes, split_words("the Red Kite"), scores)) == ["red", "kite"]
    assert not is_content("The")
    assert best_words(Grounding(boxes, split_words("on the a"), scores)) == ["on", "on"]  # nothing has content


def test_theta_and_threshold_count_from_their_value_on():
    box = [0, 0, 100, 50]
    found = feedback(leads("kite", ("kite", box, 0.5)), TARGET, theta=0.5, threshold=0.5)
    assert (found.positive, found.iou, found.proposals) == (("kite",), 0.5, 1)
    assert feedback(leads("kite", ("kite", box, 0.5)), TARGET, 0.51, 0.5).negative == ("kite",)
    assert feedback(leads("kite", ("kite", box, 0.5)), TARGET, 0.5, 0.51).proposals == 0


def test_nothing_above_the_threshold_says_nothing_of_words_but_keeps_the_margin():
    found = feedback(leads("red kite", ("red", with_iou(1), 0.2), ("kite", [200, 0, 9, 9], 0.1)), TARGET, 0.3, 0.35)
    assert found == Feedback((), (), 0.0, pytest.approx(0.1), 0, top_iou=1.0)


@pytest.mark.parametrize("empty", [leads("red kite"), Grounding(TARGET[None], (), np.zeros((1, 0), np.float32))])
def test_no_proposal_or_no_word(empty):
    assert feedback(empty, TARGET, 0.3, 0.35) == Feedback((), (), 0.0, 0.0, 0)


def test_one_missing_side_of_the_margin_counts_as_nothing():
    on, off = ("kite", with_iou(0.8), 0.7), ("kite", [200, 0, 9, 9], 0.6)
    assert feedback(leads("kite", on), TARGET, 0.3, 0.35).margin == pytest.approx(0.7)
    assert feedback(leads("kite", off), TARGET, 0.3, 0.35).margin == pytest.approx(-0.6)
    assert feedback(leads("kite", on, off), TARGET, 0.3, 0.35).margin == pytest.approx(0.1)


def test_of_equal_proposals_the_first_gives_the_iou():
    found = feedback(leads("kite", ("kite", with_iou(0.4), 0.7), ("kite", with_iou(0.9), 0.7)), TARGET, 0.3, 0.35)
    assert found.iou == pytest.approx(0.4)


def test_the_iou_is_that_of_the_best_score_not_the_best_iou():
    found = feedback(leads("kite", ("kite", with_iou(0.9), 0.6), ("kite", [200, 0, 9, 9], 0.7)), TARGET, 0.3, 0.35)
    assert found.iou == 0.0


def test_a_score_for_the_whole_text_names_no_word():
    text = "red kite"
    whole = Grounding(
        np.array([with_iou(0.9), [200, 0, 9, 9]], np.float32), (Word(text, 0, 8),), np.array([[0.9], [0.4]], np.float32)
    )
    found = feedback(whole, TARGET, 0.3, 0.35)
    assert (found.positive, found.negative) == ((), ())
    assert (found.iou, found.margin, found.proposals) == (pytest.approx(0.9), pytest.approx(0.5), 2)


def test_frames_are_merged():
    one = Feedback(("kite",), ("red", "flying"), 0.8, 0.4, 3)
    two = Feedback(("red",), ("kite", "sky"), 0.4, -0.2, 2)
    merged = merge([one, two])
    assert merged == Feedback(("kite", "red"), ("flying", "sky"), pytest.approx(0.6), pytest.approx(0.1), 5)
    assert merge([one]) == one


def test_a_word_that_fits_the_target_as_well_as_a_lookalike_is_not_negative_where_a_lead_is_asked_for():
    """red leads elsewhere by .02 only; kite does by .3."""
    boxes = np.array([with_iou(1), [200, 0, 9, 9], [300, 0, 9, 9]], np.float32)
    scores = np.array([[0.85, 0.3, 0.9], [0.87, 0.2, 0.1], [0.1, 0.6, 0.1]], np.float32)
    found = Grounding(boxes, split_words("red kite left"), scores)
    assert feedback(found, TARGET, 0.3, 0.35).negative == ("red", "kite")
    assert feedback(found, TARGET, 0.3, 0.35, lead=0.1).negative == ("kite",)
    assert feedback(found, TARGET, 0.3, 0.35, lead=0.5).negative == ()
    assert feedback(found, TARGET, 0.3, 0.35, lead=0.1).positive == ("left",)


def test_a_proposal_exactly_at_theta_is_on_the_target_for_margin_and_lead_too():
    at_theta = [0, 0, 100, 50]
    only = feedback(leads("kite", ("kite", at_theta, 0.5)), TARGET, theta=0.5, threshold=0.35)
    assert only.margin == 0.5
    boxes = np.array([at_theta, [200, 0, 9, 9]], np.float32)
    both = Grounding(boxes, split_words("red kite"), np.array([[0.5, 0.875], [0.75, 0.125]], np.float32))
    assert feedback(both, TARGET, 0.5, 0.35).margin == 0.125
    # red leads elsewhere by .25: more than a lead of .3 is not, .25 itself is
    assert feedback(both, TARGET, 0.5, 0.35, lead=0.3).negative == ()
    assert feedback(both, TARGET, 0.5, 0.35, lead=0.25).negative == ("red",)
