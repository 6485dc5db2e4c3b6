"""Words, their kinds and forms, openings, siblings, and the model of a dataset's language."""

from __future__ import annotations

import math
from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.checks.base import Subject
from chatdesc.checks.language import distance, edits, english, forms, lemma, plural, tags
from chatdesc.checks.ngrams import START, STOP, Text, Trigrams
from chatdesc.checks.openings import head, opening, starts_with_verb
from chatdesc.checks.siblings import Siblings, words_of

letters = st.text(ascii_lowercase, min_size=1, max_size=7)


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("grey", True), ("gray", True), ("colour", True), ("color", True), ("airplane", True), ("t-shirt", True),
        ("girl's", True), ("tv", True), ("o", False), ("a", True), ("motorcylce", False), ("caf\u00e9x", False), ("\udce9s", False),
    ],
)  # fmt: skip
def test_what_is_english(word, known):
    assert english().knows(word) == known


@given(letters, letters)
def test_distance_is_symmetric_and_bounded(one, other):
    found = distance(one, other)
    assert found == distance(other, one)
    assert abs(len(one) - len(other)) <= found <= max(len(one), len(other))
    assert (found == 0) == (one == other)


@given(letters)
def test_edits_are_one_edit_away(word):
    assert {distance(word, other) for other in edits(word)} <= {0, 1}


def test_words_two_edits_away_are_found_without_a_search_over_all_edits():
    assert english().near_by_two("motrcyle") == ["motorcycle"]
    assert english().near_by_two("qzxwvbkj") == []


def test_kinds_and_forms():
    assert tags("men") == {"NNS"} and tags("held") == {"VBN", "VBD"} and tags("among") == {"IN"}
    assert "swinging" in forms("swing") and "swing" not in forms("swing")
    assert (lemma("women"), lemma("riding", "VERB")) == ("woman", "ride")
    assert [plural(noun) for noun in ("dog", "sheep", "snow", "fish")] == ["dogs", None, None, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("black and white dog running on grass", "dog"),
        ("small white racing car moving along track", "car"),
        ("bear colored in white and black", "bear"),
        ("license plate on the back of a car", "plate"),
        ("the left hand of a man", "hand"),
        ("a sailboat glides across the sea", "sailboat"),
        ("human hand holding a cup", "hand"),
        ("gametarget of a helicopter", "gametarget"),
        ("yellow climbing on the tree", None),
        ("of a man", None),
        ("", None),
    ],
)
def test_the_head_of_an_opening(text, expected):
    words = words_of(text)
    index = head(words)
    assert (None if index is None else words[index]) == expected


def test_an_opening_ends_at_a_second_article_and_a_verb():
    assert opening(words_of("large dog leading a group of dogs")) == 2
    assert opening(words_of("all the dogs in a park")) == 3
    assert starts_with_verb(words_of("yellow eating food")) and not starts_with_verb(
        words_of("yellow lion eating food")
    )


def subjects(*texts, category="lion"):
    return [Subject(f"{category}-{n}", text, category) for n, text in enumerate(texts)]


def test_a_text_is_no_sibling_of_itself():
    texts = ["lion in a field", "big lion on a tree", "cub on a tree", "cub on a tree"]
    siblings = Siblings(subjects(*texts))
    assert siblings.heads("lion", words_of(texts[2])) == {"lion": 2}
    assert siblings.heads("lion", words_of(texts[0])) == {"lion": 1, "cub": 1}
    assert siblings.others("lion", words_of(texts[2])) == 2
    assert siblings.has("lion", words_of(texts[1]), "tree") and not siblings.has("lion", words_of(texts[0]), "field")


def test_a_verb_that_looks_like_a_noun_is_no_head_where_the_class_has_one():
    texts = ["electric fan on a desk", "electric fan swing on a desk", "electric fan by a wall"]
    siblings = Siblings(subjects(*texts, category="electricfan"))
    assert siblings.heads("electricfan", ()) == {"fan": 3}
    assert siblings.abstract("electricfan", words_of(texts[1])) == ("electric", "<T>", "swing", "on", "a", "desk")


def test_several_targets_have_a_symbol_of_their_own():
    siblings = Siblings(subjects("lion with other lions", "lion in a field"))
    assert siblings.abstract("lion", words_of("lion with other lions")) == ("<T>", "with", "other", "<Ts>")


TEXTS = [Text("car", ("<T>", "on", "the", "road")), Text("bus", ("<T>", "on", "the", "street"))]


def test_counts_leave_the_text_itself_out_and_copies_count_once():
    model = Trigrams([*TEXTS, TEXTS[0]])
    assert model.without(TEXTS[0]).count("on", "the") == 1
    assert model.without(TEXTS[0]).count("the", "road") == 0
    assert model.without(Text("van", ())).count("on", "the") == 2
    assert (
        model.without(Text("van", ())).count(START, "<T>", "on")
        == model.without(Text("van", ())).count("street", STOP) * 2
    )


def test_probabilities_of_all_words_sum_to_less_than_one_and_the_seen_is_likely():
    view = Trigrams(TEXTS).without(Text("van", ()))
    words = ("<T>", "on", "the", "road", "street", STOP)
    assert 0.1 < sum(view.probability(word, "the", "on") for word in words) <= 1
    assert view.probability("road", "the", "on") > view.probability("on", "the", "on")


def test_gains_are_the_difference_of_the_log_probabilities():
    view = Trigrams(TEXTS).without(Text("van", ()))
    words = ("<T>", "o", "the", "road")
    left, right = view.gains(words, 1, "on")
    expected = math.log(view.probability("on", "<T>", START) / view.probability("o", "<T>", START))
    assert left == pytest.approx(expected)
    after = view.probability("the", "on", "<T>") * view.probability("road", "the", "on")
    before = view.probability("the", "o", "<T>") * view.probability("road", "the", "o")
    assert right == pytest.approx(math.log(after / before))
    whole = len(words) + 1
    gained = whole * (view.surprise(words) - view.surprise(("<T>", "on", "the", "road")))
    assert left + right == pytest.approx(gained)


def test_a_word_may_be_left_out():
    view = Trigrams(TEXTS).without(Text("van", ()))
    words = ("<T>", "on", "in", "the", "road")
    gained = 6 * view.surprise(words) - 5 * view.surprise(("<T>", "on", "the", "road"))
    assert sum(view.gains(words, 2)) == pytest.approx(gained)
