"""Measures of what was seen: rank, margin, alignment, words, agreement, worked by hand."""

from __future__ import annotations

import pytest

from chatdesc.measures.rank import rank
from tests.measures.makers import BEYOND, HERE, SETTINGS, THERE, case, measured, sight, view

FIRST = view(0, (HERE, 0.8), (THERE, 0.2), aligned=40.0, elsewhere=(30.0,))
SECOND = view(5, (THERE, 0.8), (BEYOND, 0.5), (HERE, 0.4), aligned=20.0, elsewhere=(50.0, 10.0))
TIED = view(9, (HERE, 0.5), (THERE, 0.5))
NOWHERE = view(12, (THERE, 0.5))
EMPTY = view(15)


@pytest.mark.parametrize(("seen", "place"), [(FIRST, 1), (SECOND, 3), (TIED, 2), (NOWHERE, None), (EMPTY, None)])
def test_a_region_that_fits_as_well_comes_first(seen, place):
    assert rank(seen) == place


def test_rank_is_the_mean_reciprocal_rank():
    found = measured("rank", case(manual=sight(FIRST, SECOND, TIED, NOWHERE)))
    assert found["frames"] == [0, 5, 9, 12]
    assert found["values"] == pytest.approx([1, 1 / 3, 1 / 2, 0])
    assert found["value"] == pytest.approx((1 + 1 / 3 + 1 / 2) / 4)
    assert (found["made_by"], found["theta"], found["threshold"], found["region"]) == (["g:one"], 0.5, 0.4, None)


def test_margin_counts_frames_on_which_a_text_leads_nowhere():
    found = measured("margin", case(manual=sight(FIRST, SECOND, EMPTY)))
    assert found["values"] == pytest.approx([0.75, -0.5, 0])
    assert found["value"] == pytest.approx(0.25 / 3)


HALF = view(0, (HERE, 0.45, 0.8, 0.1), (THERE, 0.2, 0.1, 0.3))  # supports (1 + .1 / .4) / 2 of the words


def test_a_text_is_credited_for_the_words_that_the_target_supports():
    of = case(manual=sight(HALF, EMPTY))
    assert measured("rank", of)["values"] == pytest.approx([0.625, 0])
    assert measured("margin", of)["values"] == pytest.approx([(1 + 0.25 / 0.45) * 0.625 - 1, 0])


def test_alignment_and_its_margin():
    of = case(manual=sight(FIRST, SECOND, TIED))
    cosine, over = measured("alignment", of), measured("alignment-margin", of)
    assert (cosine["value"], cosine["made_by"]) == (pytest.approx(100 / 3), ["e:one"])
    assert over["frames"] == [0, 5]  # of the others no cosine is known
    assert over["values"] == pytest.approx([10, -30]) and over["value"] == pytest.approx(-10)
    assert over["made_by"] == ["e:one", "g:one"]


def test_the_text_without_a_word_is_a_rival_too():
    without = [("red", (), (35.0, 26.0, 41.0)), ("kite", (), (20.0, 10.0, 39.5))]
    found = measured("alignment-margin", case(manual=sight(FIRST, SECOND, TIED, without=without)))
    assert found["frames"] == [0, 5, 9]
    assert found["values"] == pytest.approx([5, -30, -1])  # "kite" alone, THERE, "kite" alone


def test_a_value_that_nobody_knows_is_none():
    assert measured("alignment-margin", case(manual=sight(TIED)))["value"] is None


LED = view(0, (HERE, 0.8), (THERE, 0.2)), view(5, (HERE, 0.8), (THERE, 0.4))  # leads .75 and .5


@pytest.mark.parametrize(
    ("without", "roles", "value"),
    [
        ([("red", (0.2, 0.3), (40.0, 40.0)), ("kite", (0.5, 0.6), (38.0, 38.0))], ["needed", "redundant"], 1.0),
        ([("red", (0.9, 0.9), (46.0, 46.0)), ("kite", (0.5, 0.6), (40.0, 40.0))], ["harmful", "unknown"], -0.5),
        ([("red", (None, None), (40.0, 40.0)), ("kite", (-1, -1), (40.0, 40.0))], ["needed", "needed"], 1.0),
        ([("red", (0.6, 0.6), (46.0, 46.0)), ("kite", (0.5, 0.6), (40.0, 40.0))], ["false", "unknown"], -0.5),
    ],
)
def test_words_are_needed_redundant_or_harmful(without, roles, value):
    found = measured("words", case(manual=sight(*LED, without=without)))
    assert (found["words"], found["roles"], found["value"]) == (["red", "kite"], roles, value)
    assert found["made_by"] == ["g:one", "e:one"]


def test_a_single_word_is_needed_where_it_leads():
    leads = measured("words", case(manual=sight(*LED, text="the kite")))
    assert (leads["words"], leads["roles"], leads["value"]) == (["kite"], ["needed"], 1.0)
    lost = measured("words", case(manual=sight(SECOND, SECOND, text="the kite")))
    assert (lost["roles"], lost["value"]) == (["unknown"], 0.0)


def test_a_word_that_the_grounder_finds_elsewhere_alone_is_false():
    spared = [(word, (0.5, 0.6), (38.0, 38.0)) for word in ("red", "kite")]
    led = [view(k, (HERE, 0.8, 0.1, 0.9), (THERE, 0.2, 0.5, 0.1)) for k in (0, 5)]
    found = measured("words", case(manual=sight(*led, without=spared)))
    assert (found["roles"], found["value"]) == (["false", "unknown"], -0.5)
    alone = [view(k, (THERE, 0.9, 0.9), (HERE, 0.1, 0.1)) for k in (0, 5)]
    found = measured("words", case(manual=sight(*alone, text="the kite")))
    assert (found["roles"], found["value"]) == (["false"], -1.0)


def test_agreement_is_the_overlap_of_the_best_regions():
    half = [10.0, 10.0, 20.0, 10.0]  # the upper half of HERE
    one, two = sight(view(0, (HERE, 0.9)), view(5, (HERE, 0.9)), EMPTY), sight(view(0, (half, 0.9)), view(5), EMPTY)
    three = sight(view(0, (THERE, 0.9), (HERE, 0.8)), view(5, (HERE, 0.2)), EMPTY)
    found = measured("agreement", case(manual=one, mine=two, yours=three))
    assert found["frames"] == [0, 5]  # on 15 nobody leads anywhere
    assert found["values"] == pytest.approx([(0.5 + 0) / 2, (0 + 1) / 2])
    assert (found["value"], found["compared"]) == (pytest.approx(0.375), ["mine", "yours"])


def test_texts_agree_as_far_as_the_target_supports_them():
    one, two = sight(view(0, (HERE, 0.9, 0.4))), sight(view(0, (HERE, 0.9, 0.8)))
    three, four = sight(view(0, (THERE, 0.9, 0.9), (HERE, 0.1, 0.1))), sight(view(0, (HERE, 0.9, 0.1)))
    assert measured("agreement", case(manual=one, mine=two, yours=three))["value"] == pytest.approx(1 / 1.25)
    assert measured("agreement", case(manual=four, mine=two, yours=one))["value"] == pytest.approx(0.25)


def test_shared_words_count_by_how_far_the_target_supports_the_other_text():
    mine, yours = view(0, (HERE, 0.9, 0.4)), view(0, (HERE, 0.1, 0.1))
    texts = {"mine": sight(mine, text="red kite with a tail"), "yours": sight(yours, text="a bus")}
    found = measured("shared-words", case(manual=sight(FIRST), **texts))
    assert (found["value"], found["made_by"]) == (pytest.approx(2 / 3 / 1.25), ["g:one"])


def test_shared_words_are_content_words():
    texts = {"manual": "The red kite", "mine": "red Kite with a tail", "yours": "a bus"}
    found = measured("shared-words", case(**{name: sight(FIRST, text=text) for name, text in texts.items()}))
    assert found["value"] == pytest.approx((2 / 3 + 0) / 2)
    assert found["compared"] == ["mine", "yours"]


def test_phrases_that_hold_for_a_range_count_together():
    early, late = sight(FIRST, text="red kite"), sight(SECOND, text="kite on the left")
    of = case(SETTINGS, manual=(early, late))
    assert measured("rank", of)["frames"] == [0, 5]
    assert measured("words", of)["words"] == ["red", "kite", "kite", "left"]
