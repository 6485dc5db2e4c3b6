"""When a text holds, and from when on it no longer does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.measures.validity import LEAST, LOST, holds, stops_at
from tests.measures.makers import HERE, THERE, case, measured, sight, view

ON = ((HERE, 0.8), (THERE, 0.2))
OFF = ((THERE, 0.8), (HERE, 0.2))


def test_a_text_stops_where_its_words_lead_elsewhere_from_then_on():
    seen = sight(view(0, *ON), view(4, *OFF), view(8, *ON), view(12, *OFF), view(16, *OFF))
    found = measured("validity", case(manual=seen))
    assert found["values"] == [1, 0, 1, 0, 0]
    assert (found["value"], found["stops_at"]) == (pytest.approx(0.4), 12)
    assert found["made_by"] == ["g:one", "e:one"]


def test_a_text_that_fits_two_things_alike_holds():
    near, far = 0.8 * (1 - LOST + 0.05), 0.8 * (1 - LOST - 0.05)
    assert holds(sight(view(0, (THERE, 0.8), (HERE, near)), view(4, (THERE, 0.8), (HERE, far)))) == [True, False]


def test_a_text_that_leads_nowhere_does_not_hold():
    assert holds(sight(view(0))) == [False]


def test_a_place_that_the_target_has_left():
    left, right = [10.0, 10.0, 20.0, 20.0], [60.0, 10.0, 20.0, 20.0]
    moved = [view(k, (box, 0.8), target=box) for k, box in enumerate([left, left, right, right])]
    found = measured("validity", case(manual=sight(*moved, text="kite on the left")))
    assert (found["values"], found["stops_at"]) == ([1, 1, 0, 0], 2)
    assert measured("validity", case(manual=sight(*moved, text="red kite")))["stops_at"] is None


def test_a_word_that_the_encoder_calls_false():
    views = [view(k, *ON, aligned=40.0) for k in range(4)]
    without = [("red", (), (30.0, 44.9, 45.0, 60.0)), ("kite", (), (20.0,) * 4)]
    found = measured("validity", case(manual=sight(*views, without=without)))
    assert (found["values"], found["stops_at"]) == ([1, 1, 0, 0], 2)


def test_each_phrase_of_a_range_is_judged_by_itself():
    left, right = view(0, (HERE, 0.8)), view(5, (THERE, 0.8), target=THERE)
    found = measured("validity", case(manual=(sight(left, text="kite left"), sight(right, text="kite right"))))
    assert found["values"] == [1, 1]


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_from_the_frame_on_at_which_it_stops_it_never_holds(held):
    frames = list(np.arange(len(held)) * 3)
    found = stops_at(frames, held)
    if found is None:
        assert held[-1] or not any(held) or any(held[-LEAST:])
    else:
        start = frames.index(found)
        assert not any(held[start:]) and held[start - 1] and len(held) - start >= LEAST
