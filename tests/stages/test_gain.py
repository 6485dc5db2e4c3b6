import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.stages.gain import FLOOR, Difference, beyond, departure, difference, none_better
from chatdesc.stages.rounds import Round, choose, standing
from tests.makers.gains import gain_of

AGREEMENTS = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_blocks_of_all_frames_leave_no_noise():
    """Each draw is then all frames, in another order."""
    found = difference([0.5, 0.25, 0.75], [0.25, 0.25, 0.25], block=3)
    assert found == pytest.approx((0.25, 0.25, 0.25))
    assert difference([0.5, 0.25, 0.75], [0.25, 0.25, 0.25], block=99) == pytest.approx(found)


def test_the_interval_by_hand():
    """Two blocks of two frames out of 1, 1, 0, 0: the mean of two draws of 1, .5, 0, .5."""
    low, high = difference([1, 1, 0, 0], [0, 0, 0, 0], block=2)[1:]
    assert (low, high) == (0.0, 1.0)  # both extremes have a chance of 1 in 16 each, so more than 2.5 %


def test_neighbours_that_are_alike_widen_the_interval():
    gains, none = np.repeat([0.6, 0.0], 20), np.zeros(40)
    widths = [difference(gains, none, block).high - difference(gains, none, block).low for block in (1, 5, 10)]
    assert widths[0] < widths[1] < widths[2]
    assert widths[2] > 1.5 * widths[0]


def test_the_same_seed_gives_the_same_interval_and_another_one_not():
    values, none = np.random.default_rng(1).random(30), np.zeros(30)
    assert difference(values, none, 5) == difference(values, none, 5)
    assert difference(values, none, 5) != difference(values, none, 5, seed=1)


@given(AGREEMENTS, st.integers(1, 12))
def test_no_text_exceeds_itself(values, block):
    assert difference(values, values, block) == (0, 0, 0)
    assert none_better([values, values], block) == [True, True]


@given(st.integers(1, 30).flatmap(lambda n: st.lists(st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=1)))
def test_some_text_always_stands_and_the_best_mean_is_among_them(agreements):
    standing = none_better(agreements, block=4)
    assert standing[int(np.argmax([np.mean(values) for values in agreements]))]


def test_what_is_beyond_noise():
    assert beyond(Difference(FLOOR, 0.001, 0.4))
    assert not beyond(Difference(FLOOR - 0.001, 0.001, 0.4))
    assert not beyond(Difference(0.2, 0.0, 0.4))


@pytest.mark.parametrize(
    ("agreement", "found"),
    [
        ([0.9, 0.2, 0.2, 0.2], (1, 3)),
        ([0.9, 0.2, 0.2, 0.9], None),
        ([0.2, 0.2], None),
        ([0.3, 0.3, 0.3], None),
        ([0.0, 0.0, 0.0, 0.0], (0, 2)),
        ([], None),
    ],
)
def test_a_departure_is_three_frames_in_a_row_below_theta(agreement, found):
    assert departure(agreement, theta=0.3) == found


LOST, HELD = (0.8,) * 20 + (0.0,) * 20, (0.8,) * 40
GROUNDED = Round("red kite", iou=0.9, margin=0.5, accepted=True, gain=gain_of(LOST))
TRACKED = Round("small red kite", iou=0.6, margin=0.1, accepted=False, gain=gain_of(HELD))


def test_a_gain_beyond_noise_decides_before_grounding():
    assert choose([GROUNDED, TRACKED], None, True) is TRACKED
    assert choose([Round("red kite", iou=0.9), Round("small red kite", iou=0.6)], None, True).text == "red kite"


def test_within_the_noise_grounding_decides():
    close = Round("tiny kite", iou=0.7, accepted=True, gain=gain_of((0.79,) * 40))
    assert choose([TRACKED, close], None, True) is close
    assert choose([GROUNDED, TRACKED, close], None, True) is close


def test_the_manual_text_is_a_candidate_only_where_it_may_be_kept():
    manual = Round("a kite", iou=0.1, source="manual", gain=gain_of(HELD))
    assert choose([GROUNDED], manual, keep_manual=True) is manual
    assert choose([GROUNDED], manual, keep_manual=False) is GROUNDED
    assert choose([TRACKED], manual, keep_manual=True) is TRACKED


def test_a_round_without_a_gain_leaves_the_choice_to_grounding():
    """As after a tracker has failed on the last of them."""
    assert standing([GROUNDED, TRACKED, Round("kite")]) == [GROUNDED, TRACKED, Round("kite")]


def test_words_that_lead_to_the_track_part_those_whose_tracks_are_alike():
    led = [Round(name, iou=1 - k / 10, gain=gain_of(HELD, kind="self", led=one)) for k, (name, one) in
           enumerate([("a", (0.0, 0.1, 0.0)), ("b", (0.9, 0.8, 0.9)), ("c", (0.8, 0.9, 0.9))])]  # fmt: skip
    assert [one.text for one in standing(led)] == ["b", "c"]
    assert choose(led, None, True).text == "b"


def test_a_text_that_grounding_accepts_but_tracking_leaves_is_not_the_last():
    assert not GROUNDED.holds
    assert Round("x", accepted=True).holds
    assert Round("x", accepted=True, gain=gain_of(HELD)).holds
    assert not Round("x", accepted=False, gain=gain_of(HELD)).holds
