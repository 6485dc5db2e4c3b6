"""A describer that has texts gives them all at once; each is a round, whatever the rounds before it found."""

from dataclasses import replace

import numpy as np
import pytest

from chatdesc.config import Settings
from chatdesc.stages.reflect import reflect, reflect_ranges
from chatdesc.types import Candidates, Describe, Ground
from tests.makers.sequences import drive, flat, leads, sequence_of

ON, OFF = [10, 10, 20, 20], [40, 10, 20, 20]
PLAIN = Settings(rounds=0, theta=0.3, tau=0.5)
FOUND = {"red kite": [("red", ON, 0.9)], "bird": [("bird", OFF, 0.9)]}


def run(texts, settings=PLAIN, sequence=None):
    asked = []

    def answer(request):
        if isinstance(request, Describe):
            asked.append(request)
            return Candidates(texts)
        return leads(request.text, *FOUND.get(request.text, []))

    done, requests = drive(reflect(sequence or sequence_of(manual="a kite"), settings, 0.35), answer)
    return done, asked, [r.text for r in flat(requests) if isinstance(r, Ground)]


def test_all_are_tried_though_one_is_accepted_and_no_round_is_left():
    done, asked, grounded = run(("bird", "red kite", "xqzv"))
    assert [tried.text for tried in done.rounds] == ["bird", "red kite", "xqzv"]
    assert [tried.accepted for tried in done.rounds] == [False, True, False]
    assert done.chosen.text == "red kite"
    assert len(asked) == 1
    assert grounded == ["bird", "a kite", "red kite", "xqzv"]
    assert done.error == done.note == ""


def test_texts_are_as_trackers_read_them_and_each_comes_once():
    done, _, _ = run(("red kite", "Red, kite.", "red, kite"))
    assert [tried.text for tried in done.rounds] == ["red kite", "Red kite"]


def test_a_text_that_is_too_long_is_not_cut():
    done, _, _ = run(("a b c d", "red kite"), replace(PLAIN, max_words=3))
    assert [tried.text for tried in done.rounds] == ["red kite"]
    assert done.note == "1 text is longer than --max-words (3) or than CLIP's context, and not tried"


def test_nothing_but_long_texts_is_an_error_with_a_remedy():
    done, asked, _ = run(("a b c d",), replace(PLAIN, max_words=3))
    assert done.chosen is None
    assert "raise --max-words" in done.error
    assert len(asked) == 1  # asking again would give the same


def test_the_request_names_sequence_and_frame_in_the_whole_video():
    asked = []

    def answer(request):
        if isinstance(request, Describe):
            asked.append((request.sequence, request.at, request.frame.index))
            return Candidates(("red kite",))
        return leads(request.text, *FOUND.get(request.text, []))

    boxes = np.tile(np.array([[10, 10, 20, 20]], np.float32), (6, 1))
    boxes[2] = np.nan  # the first frame of the second range has no target
    sequence = sequence_of(boxes=boxes, manual="a kite")
    drive(reflect_ranges(sequence, replace(PLAIN, every=2), 0.35), answer)
    assert asked == [(sequence.name, 0, 0), (sequence.name, 3, 1), (sequence.name, 4, 0)]


@pytest.mark.parametrize("start", [0, 3])
def test_parts_of_parts_know_their_first_frame(start):
    boxes = np.tile(np.array([[10, 10, 20, 20]], np.float32), (8, 1))
    assert sequence_of(boxes=boxes).part(start, 8).part(2, 4).first == start + 2
