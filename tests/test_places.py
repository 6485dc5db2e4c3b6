"""Words of place: what counts as one, when it fits a box, and what is left of a text without it."""

import numpy as np
import pytest

from chatdesc.places import places_in, without_places

SIZE = (320, 240)
LEFT_TOP, RIGHT_BOTTOM, MIDDLE = [10, 10, 20, 20], [280, 210, 20, 20], [150, 110, 20, 20]


def without(text, box):
    return without_places(text, np.array(box, np.float32), SIZE)


@pytest.mark.parametrize(
    ("text", "elsewhere"),
    [
        ("red car on the left", "red car"),
        ("the left car", "the car"),
        ("leftmost player in white", "player in white"),
        ("small circle on the left at the top", "small circle"),
        ("white plane in the top-left corner of the image", "white plane"),
        ("man in black situated on the left side", "man in black"),
        ("man on the far left wearing a hat", "man wearing a hat"),
        ("adult person white left", "adult person white"),
        ("adult person white top left.", "adult person white."),
        ("Car At The Top, blue", "Car, blue"),
    ],
)
def test_a_place_in_the_frame_goes_where_it_does_not_fit(text, elsewhere):
    assert without(text, LEFT_TOP) == text
    assert without(text, RIGHT_BOTTOM) == elsewhere


@pytest.mark.parametrize(
    "text",
    [
        "left hand moving randomly",
        "car running on the left lane of the road",
        "bus on the left side of the road",
        "the third person from left to right",
        "man turning left",
        "car moving to the left",
        "cat at the top of the stairs",
        "girl with a black tank top",
        "upper body of a man",
        "left one",
        "person behind the leftover boxes",
        "a red kite",
        "",
    ],
)
def test_words_that_speak_of_other_things_stay(text):
    assert all(not place.sides for place in places_in(text))
    assert without(text, RIGHT_BOTTOM) == without(text, LEFT_TOP) == text


@pytest.mark.parametrize("text", ["on the left", "the left", "the one on the left", "in the top left corner"])
def test_a_text_is_never_left_without_words(text):
    left = without(text, RIGHT_BOTTOM)
    assert left == text or set(left.split()) - {"the"}


def test_each_place_is_judged_alone():
    assert without("red star on the left at the bottom", RIGHT_BOTTOM) == "red star at the bottom"


def test_the_middle():
    assert without("red star in the center", MIDDLE) == "red star in the center"
    assert without("red star in the middle", LEFT_TOP) == "red star"


def test_a_side_fits_up_to_the_middle_of_the_frame():
    [place] = places_in("a kite on the left")
    at = {x: place.fits(np.array([x, 0, 20, 20], np.float32), SIZE) for x in (0, 140, 160)}
    assert at == {0: True, 140: True, 160: False}


def test_words_that_cannot_be_compared_with_a_box_are_listed_without_sides():
    found = places_in("second car behind the tree on the right")
    assert [(p.words, p.sides) for p in found] == [("second", ()), ("behind", ()), ("on the right", ("right",))]
    assert [p.fits(np.zeros(4, np.float32), SIZE) for p in found] == [None, None, False]
    for place in found:
        assert "second car behind the tree on the right"[place.start : place.stop] == place.words


def test_a_part_that_is_named_by_its_side_keeps_the_side_and_no_mark_is_left_over():
    far = np.float32([0, 0, 20, 20])
    assert without_places("right side mirror of the car", far, (640, 480)) == "right side mirror of the car"
    assert without_places("in the center of the image: a dog", far, (640, 480)) == "a dog"
