import numpy as np
import pytest

from chatdesc.vocabulary import COLOURS, FOCAL_COLOURS, SHAPES, SYNONYMS, VOCABULARY, canonical, outline


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("red", "red"),
        ("Red", "red"),
        ("reddish", None),  # "redd" is no word
        ("greenish", "green"),
        ("circles", "circle"),
        ("crosses", "cross"),
        ("Silver", "gray"),
        ("balls", "circle"),
        ("centre", "center"),
        ("kite", None),
        ("s", None),
        ("", None),
    ],
)
def test_a_word_means_what_its_basic_form_does(word, meaning):
    assert canonical(word) == meaning


def test_the_vocabulary_is_one_of_distinct_words_and_synonyms_lead_into_it():
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    assert set(SYNONYMS.values()) <= set(VOCABULARY)
    assert not set(SYNONYMS) & set(VOCABULARY)
    assert len(COLOURS) == 11  # Berlin and Kay's
    assert len({shade for shades in FOCAL_COLOURS.values() for shade in shades}) == sum(
        map(len, FOCAL_COLOURS.values())
    )


@pytest.mark.parametrize(
    ("shape", "corners"), [("square", 4), ("triangle", 3), ("star", 10), ("cross", 12), ("circle", 60)]
)
def test_an_outline_touches_all_sides_of_the_unit_square(shape, corners):
    points = outline(shape)
    assert shape in SHAPES and points.shape == (corners, 2) and points.dtype == np.float32
    np.testing.assert_array_equal(points.min(0), [0, 0])
    np.testing.assert_array_equal(points.max(0), [1, 1])
