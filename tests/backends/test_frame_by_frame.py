"""The loop over a request's frames, with a tracker that is a function."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from chatdesc.backends.frame_by_frame import continued, follow
from chatdesc.types import BackendError, Follow
from tests.makers.sequences import frames_of


@dataclass
class Session:
    box: list
    seen: list = field(default_factory=list)


def to_the_right(session, index):
    session.box = [session.box[0] + 1, *session.box[1:]]
    session.seen.append(index)
    return 0.125 if index == 3 else 0.75


def ask(start, stop, **changes):
    return Follow(frames_of(9), start, stop, **changes)


def test_every_frame_once_and_in_order():
    session = Session([10, 10, 20, 20])
    answer = follow(ask(1, 5), session, to_the_right)
    assert session.seen == [1, 2, 3, 4]
    assert answer.boxes.tolist() == [[x, 10, 20, 20] for x in (11, 12, 13, 14)]
    assert answer.scores.tolist() == [0.75, 0.75, 0.125, 0.75]
    assert answer.boxes.dtype == answer.scores.dtype == np.float32
    assert answer.session is session


def test_a_score_below_the_limit_ends_it_with_that_frame():
    session = Session([10, 10, 20, 20])
    assert follow(ask(1, 9, min_score=0.5), session, to_the_right).scores.tolist() == [0.75, 0.75, 0.125]
    assert session.seen == [1, 2, 3]
    exactly = Session([10, 10, 20, 20])
    assert len(follow(ask(1, 5, min_score=0.125), exactly, to_the_right).boxes) == 4  # not below it


def test_no_frame_gives_no_box():
    answer = follow(ask(3, 3), Session([10, 10, 20, 20]), to_the_right)
    assert (answer.boxes.shape, answer.scores.shape) == ((0, 4), (0,))


@pytest.mark.parametrize("session", [None, "another tracker's"])
def test_only_a_session_of_ones_own_is_continued(session):
    with pytest.raises(BackendError, match=r"^csrt: nothing to go on from; give a box to start with, or a session$"):
        continued(ask(3, 5, session=session), Session, "csrt")
    own = Session([10, 10, 20, 20])
    assert continued(ask(3, 5, session=own), Session, "csrt") is own
