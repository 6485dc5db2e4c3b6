import time
from functools import partial

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.types import FrameCache, FrameError, Frames, Problem, one_line
from tests.makers.sequences import Reader, frames_of, frames_read, png, sequence_of


def test_frames_are_read_when_asked_for_and_never_before():
    sequence = sequence_of(5)
    assert frames_read(sequence) == []
    assert int(sequence.frames[3][0, 0, 0]) == 3
    assert int(sequence.frames[-1][0, 0, 0]) == 4
    assert frames_read(sequence) == [3, 4]
    assert [int(f[0, 0, 0]) for f in sequence.frames] == [0, 1, 2, 3, 4]


def test_frames_are_rgb_and_not_to_be_written_to():
    image = np.zeros((4, 6, 3), np.uint8)
    image[..., 0] = 200
    frame = frames_of([image])[0]
    np.testing.assert_array_equal(frame, image)
    with pytest.raises(ValueError, match="read-only"):
        frame[0, 0, 0] = 1


@pytest.mark.parametrize("index", [5, -6, 99])
def test_a_frame_outside_is_an_index_error(index):
    with pytest.raises(IndexError):
        frames_of(5)[index]


def test_a_cache_is_shared_bounded_and_keeps_what_was_used_last():
    cache = FrameCache(2)
    one, two = frames_of(3), frames_of(3)
    one.cache = two.cache = cache
    for frames, index in ((one, 0), (one, 0), (two, 0), (one, 0), (two, 1), (one, 0), (two, 0)):
        assert int(frames[index][0, 0, 0]) == index
    assert [p[-5] for p in one.read_bytes.asked] == ["1"]
    assert [p[-5] for p in two.read_bytes.asked] == ["1", "2", "1"]  # frame 0 made place for frame 1


@pytest.mark.parametrize("data", [b"", b"no image", png(np.zeros((9, 9, 3)))[:30]])
def test_a_frame_that_is_no_image_is_named(data):
    with pytest.raises(FrameError, match=r"img/7\.jpg"):
        Frames(("img/7.jpg",), Reader({"img/7.jpg": data}))[0]


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), KeyError("gone"), EOFError("archive ends")])
def test_a_frame_that_cannot_be_read_is_named_whatever_the_file_system_says(error):
    def read(path):
        raise error

    with pytest.raises(FrameError, match=r"img/7\.jpg"):
        Frames(("img/7.jpg",), read)[0]


def test_a_decoder_that_refuses_is_a_frame_error(monkeypatch):
    def refuse(*_):
        raise cv2.error("too many pixels")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    with pytest.raises(FrameError, match="not a readable image"):
        frames_of(1)[0]


def test_status_is_that_of_the_worst_problem():
    mild, fatal = Problem("missing_text", "empty file"), Problem("missing_frames", "none there", fatal=True)
    assert sequence_of(2).status == "ok"
    assert sequence_of(2, problems=(mild,)).status == "missing_text"
    assert sequence_of(2, problems=(mild,)).usable
    assert sequence_of(2, problems=(mild, fatal)).status == "missing_frames"
    assert not sequence_of(2, problems=(mild, fatal)).usable


def test_valid_frames_have_a_finite_positive_box_and_a_visible_target():
    boxes = [[0, 0, 5, 5], [0, 0, 0, 5], [0, 0, 5, -1], [np.nan, 0, 5, 5], [0, 0, 5, 5], [0, np.inf, 5, 5]]
    assert sequence_of(6, boxes).valid().tolist() == [True, False, False, False, True, False]
    seen = np.array([False, True, True, True, True, True])
    assert sequence_of(6, boxes, visible=seen).valid().tolist() == [False, False, False, False, True, False]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("  a\tred\r\nkite \n", "a red kite"),
        ("caf\udce9", "caf\ufffd"),  # a byte that is no UTF-8, as the loaders keep it
        ("\ud83d kite", "\ufffd kite"),  # half a pair, as JSON escapes can spell it
        ("", ""),
    ],
)
def test_one_line(text, line):
    assert one_line(text) == line


@given(st.text(st.characters()))
def test_one_line_can_always_be_written_and_read(text):
    line = one_line(text)
    assert line.encode().decode() == line == one_line(line)
    assert len(line.splitlines()) <= 1


def test_frames_are_decoded_ahead_once_and_in_half_of_the_cache():
    cache, made = FrameCache(8), []

    def make(index):
        made.append(index)
        return np.full((1, 1, 3), index, np.uint8)

    for index in range(10):
        cache.ahead((0, index), partial(make, index))
    for index in range(10):
        assert cache.get((0, index), partial(make, index))[0, 0, 0] == index
    assert sorted(made) == list(range(10)) and cache.decoded == 10
    for index in range(2, 10):  # at hand: nothing to do
        cache.ahead((0, index), partial(make, index))
    assert len(made) == 10


def test_frames_that_nobody_asks_for_make_room_for_others():
    cache = FrameCache(4)

    def make(index):
        return np.full((1, 1, 3), index, np.uint8)

    def decoded(count):
        until = time.monotonic() + 20
        while cache.decoded < count and time.monotonic() < until:
            time.sleep(0.001)
        return cache.decoded

    for index in range(5):
        cache.ahead((0, index), partial(make, index))
    assert decoded(2) == 2
    time.sleep(0.02)
    assert cache.decoded == 2  # half of the cache
    for index in range(4):
        cache.get((1, index), partial(make, index))  # drives them out
    cache.ahead((0, 7), partial(make, 7))
    assert decoded(7) == 7


def test_a_frame_that_cannot_be_decoded_ahead_is_the_error_of_the_one_that_asks():
    frames = Frames(("a.png",), lambda path: b"no image", FrameCache(4))
    frames.expect([0, 1, -1])
    with pytest.raises(FrameError, match=r"a\.png"):
        frames[0]
