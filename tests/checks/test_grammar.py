"""Rules of grammar: what they find, and what is right."""

from __future__ import annotations

import pytest

from chatdesc.checks.base import Subject
from chatdesc.checks.grammar import GrammarCheck

WRONG = [
    ("the the dog", "the the", "the"),
    ("a dog in a t-shirt t-shirt", "t-shirt t-shirt", "t-shirt"),
    ("a orange cat", "a", "an"),
    ("an yellow bus", "an", "a"),
    ("an man on the road", "an", "a"),
    ("A old plane", "A", "An"),
    ("the a man", "the a", None),
    ("walking on the among birds", "the among", None),
    ("bird standing on the", "the", None),
    ("a rivers", "rivers", "river"),
    ("man with a big hands", "hands", "hand"),
    ("every dogs", "dogs", "dog"),
    ("a goods on the road", "goods", None),
    ("two dog running", "dog", "dogs"),
    ("bear with other bear", "bear", "bears"),
    ("a group of elephant across the river", "elephant", "elephants"),
    ("these car on the road", "car", "cars"),
    ("the women who is holding a racket", "is", "are"),
    ("the man are walking", "are", "is"),
    ("the first two people who is riding", "is", "are"),
    ("a man who wearing a hat", "who wearing", "wearing"),
    ("man is ride a bike", "ride", "riding"),
    ("orange and a yellow gecko on a sheet", "orange and a yellow", "orange and yellow"),
]

RIGHT = """
a dog that chases a cat
another two dogs running
a few people walking
a hundred people on the street
player A in red
an unidentified flying object
an SUV on the road
an suv on the road
a UFO
an x-ray of a hand
an historic building
a one-armed man
two year old boy riding
two fat and naked soldiers
two player game on the screen
a men's bicycle
a sports car on the road
group of people near a car
a pair of scissors
dolphin with other marine life
other fish in the water
any other dog
each other in the water
the other side of the road
three sheep in the field
two aircraft in the sky
the sheep is walking
a woman and a man are walking
the leg of two men is broken
man with a hat on in the park
a lamp turned on with a switch
the very very small dog
number two player in white
two and a half men
his and her bikes
black and white dog
a white and a black dog
the left one riding a bike
ski jump on the snow
black dog standing above the water
a glass of water
one runs
""".strip().splitlines()


def found(text, others=(), category=None):
    check = GrammarCheck()
    subject = Subject("x-1", text, category)
    check.prepare([subject, *others])
    return [(text[slice(*f.span)], f.suggestion) for f in check.find(subject)]


@pytest.mark.parametrize(("text", "words", "suggestion"), WRONG)
def test_wrong(text, words, suggestion):
    assert found(text) == [(words, suggestion)]


@pytest.mark.parametrize("text", RIGHT)
def test_right(text):
    assert found(text) == []


DEER = [Subject(f"deer-{n}", f"deer {verb} in the {place}", "deer")
        for n, (verb, place) in enumerate(zip("walking running hunting standing swinging".split(),
                                              "forest snow river field yard".split()))]  # fmt: skip


def test_two_prepositions_where_the_other_texts_have_one():
    assert found("deer hunting on in the forest", DEER, "deer") == [("on in", "in")]
    twice = [*DEER, Subject("deer-9", "deer walking on in the dark", "deer")]
    assert found("deer hunting on in the forest", twice, "deer") == []


def test_a_verb_without_its_ending():
    assert found("deer eat in the forest", DEER, "deer") == [("eat", "eating")]
    assert found("deer swing in the yard", DEER, "deer") == [("swing", "swinging")]
    assert found("deer head in the yard", DEER, "deer") == []  # a noun too, and no text has "heading"
    assert found("deer swing in the yard", DEER[:3], "deer") == []


def test_signs_part_words():
    assert found("a dog, dog, cat") == []
    assert found("the man, the, of") == []
    assert found("") == []
