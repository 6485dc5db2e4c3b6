import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.backends.words_and_boxes import (
    corners,
    grounding,
    lower,
    split_phrases,
    to_pixels,
    whole_words,
    word_scores,
)
from chatdesc.types import BackendError, Word, split_words

WORDS = split_words("red kite")


def scores_of(text, *tokens):
    """Scores of a text's words on one region, from ``(start, end, score)`` of each token."""
    spans = [(start, end) for start, end, _ in tokens]
    return word_scores(np.array([[s for *_, s in tokens]]), spans, split_words(text))[0].tolist()


def close(values):
    return pytest.approx(values, abs=1e-6)


def test_a_word_has_its_best_sub_token():
    assert scores_of("swinging seat", (0, 5, 0.2), (5, 8, 0.7), (9, 13, 0.4)) == close([0.7, 0.4])


def test_repeated_words_are_columns_of_their_own():
    assert scores_of("dog and dog", (0, 3, 0.1), (4, 7, 0.2), (8, 11, 0.9)) == close([0.1, 0.2, 0.9])


def test_special_tokens_and_stops_belong_to_no_word():
    text = "kite. seat?"
    tokens = [(0, 0, 0.9), (0, 4, 0.1), (4, 5, 0.9), (6, 10, 0.2), (10, 11, 0.9), (0, 0, 0.9)]
    assert scores_of(text, *tokens) == close([0.1, 0.2])


def test_punctuation_within_a_word_is_the_words():
    tokens = [(0, 1, 0.9), (1, 4, 0.3), (4, 5, 0.6), (5, 6, 0.2), (6, 7, 0.9), (8, 13, 0.5), (13, 14, 0.9)]
    assert scores_of("(man's) shirt,", *tokens) == close([0.6, 0.5])


def test_a_token_over_two_words_counts_for_both():
    assert scores_of("cafe\u0301s", (0, 6, 0.4)) == close([0.4, 0.4])


def test_words_without_tokens_score_nothing():
    assert scores_of("red kite far away", (0, 3, 0.5), (4, 8, 0.6)) == close([0.5, 0.6, 0, 0])


def test_padding_has_no_offsets():
    scores = word_scores(np.array([[0.1, 0.2, 0.9, 0.9], [0.3, 0.4, 0.9, 0.9]]), [(0, 3), (4, 8)], WORDS)
    np.testing.assert_allclose(scores, [[0.1, 0.2], [0.3, 0.4]], atol=1e-6)
    assert scores.dtype == np.float32


@given(st.text())
def test_lower_case_shifts_nothing(text):
    low = lower(text)
    assert len(low) == len(text)
    low.encode()


def test_lower_case():
    assert lower("The İstanbul FERRY \udcff") == "the İstanbul ferry \ufffd"


@given(st.text("ab c.?!;\u0130é'"))
def test_phrases_keep_their_places(text):
    phrases = split_phrases(text)
    assert all(text[p.start : p.end] == p.text == p.text.strip() and p.text for p in phrases)
    assert sum(len(split_words(p.text)) for p in phrases) == len(split_words(text))


def test_phrases():
    assert split_phrases(" red kite . - . a tree?") == [Word("red kite", 1, 9), Word("a tree", 16, 22)]


@pytest.mark.parametrize(
    ("limit", "cut"), [(8, "red kite"), (7, "red "), (4, "red "), (3, "red"), (2, "re"), (99, "red kite flies")]
)
def test_a_cut_falls_between_words(limit, cut):
    assert whole_words("red kite flies", limit) == cut


def test_boxes_in_pixels_within_the_image():
    shares = corners(np.array([[0.5, 0.5, 0.2, 0.4], [0.0, 1.0, 0.5, 0.5], [1.5, 0.5, 0.5, 0.5]]))
    boxes = to_pixels(shares, 200, 100)
    np.testing.assert_allclose(boxes, [[80, 30, 40, 40], [0, 75, 50, 25], [200, 25, 0, 50]], atol=1e-4)
    assert boxes.dtype == np.float32


BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 10, 10], [5, 5, 0.9, 10]], np.float32)
SCORES = np.array([[0.1, 0.5], [0.6, 0.2], [0.3, 0.3], [0.9, 0.9]])


def test_proposals_come_best_first_and_are_as_wide_as_a_pixel():
    found = grounding(BOXES, WORDS, SCORES)
    np.testing.assert_array_equal(found.boxes, BOXES[[1, 0, 2]])
    np.testing.assert_allclose(found.scores, SCORES[[1, 0, 2]])
    assert found.words == WORDS
    assert found.boxes.dtype == found.scores.dtype == np.float32


def test_only_the_best_are_kept():
    np.testing.assert_array_equal(grounding(BOXES, WORDS, SCORES, keep=1).boxes, BOXES[[1]])


def test_overlapping_proposals_are_dropped_if_asked():
    np.testing.assert_array_equal(grounding(BOXES, WORDS, SCORES, overlap=0.5).boxes, BOXES[[1, 2]])
    np.testing.assert_array_equal(grounding(BOXES, WORDS, SCORES, overlap=0.95).boxes, BOXES[[1, 0, 2]])


@pytest.mark.parametrize("where", ["boxes", "scores"])
def test_numbers_that_are_none_are_an_error(where):
    boxes, scores = BOXES.copy(), SCORES.copy()
    (boxes if where == "boxes" else scores)[1, 1] = np.nan
    with pytest.raises(BackendError, match="float32"):
        grounding(boxes, WORDS, scores)


def test_nothing_proposed():
    found = grounding(np.zeros((0, 4), np.float32), WORDS, np.zeros((0, 2)))
    assert found.boxes.shape == (0, 4) and found.scores.shape == (0, 2)
