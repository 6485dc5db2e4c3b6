"""The worked adapter drives a repository with the usual interface, in a process of its own."""

import sys
from pathlib import Path

import numpy as np
import pytest

from chatdesc.backends import create
from chatdesc.metrics.overlap import iou
from chatdesc.types import BackendError, Follow
from tests.makers.sequences import frames_of

ROOT = Path(__file__).parents[2]
REPOSITORY = ROOT / "tests" / "standins" / "vl_repository"
if not (ROOT / "examples").is_dir():
    pytest.skip("the examples are not here (they are in the repository only)", allow_module_level=True)


def adapter(*more, make="lib.tracker:make"):
    script = ROOT / "examples" / "vl_tracker.py"
    command = f"{sys.executable} '{script}' --repository '{REPOSITORY}' --make {make} {' '.join(more)}"
    return create("tracker", f"external-text:{command}")


def video(count=6):
    """A red square that goes right and a blue one that goes down."""
    images, red, blue = [], [], []
    for t in range(count):
        image = np.full((60, 90, 3), 120, np.uint8)
        image[8:20, 5 + 4 * t : 17 + 4 * t] = [220, 30, 30]
        image[30 + 2 * t : 42 + 2 * t, 60:72] = [30, 30, 220]
        images.append(image)
        red.append([5 + 4 * t, 8, 12, 12])
        blue.append([60, 30 + 2 * t, 12, 12])
    return frames_of(images), np.float32(red), np.float32(blue)


def follow(tracker, request):
    [answer] = tracker.follow([request])
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_the_words_decide_what_the_repository_follows():
    frames, red, blue = video()
    tracker = adapter("--score best_score")
    by_red = follow(tracker, Follow(frames, 1, 6, init=red[0], text="a red square"))
    by_blue = follow(tracker, Follow(frames, 1, 6, init=red[0], text="the blue one"))
    assert iou(by_red.boxes, red[1:]).tolist() == iou(by_blue.boxes, blue[1:]).tolist() == [1.0] * 5
    assert by_red.scores.tolist() == [1.0] * 5  # a confidence above 1 is 1
    assert (by_red.text, by_blue.text) == ("a red square", "the blue one")
    without = follow(tracker, Follow(frames, 1, 3, init=red[0]))
    assert without.boxes.tolist() == [red[0].tolist()] * 2 and without.text == ""


@pytest.mark.parametrize("restart", [True, False])
def test_a_phrase_that_changes_starts_it_anew_where_it_is_told_to(restart):
    frames, red, blue = video()
    tracker = adapter(*["--restart"] * restart)
    first = follow(tracker, Follow(frames, 1, 3, init=red[0], text="red"))
    then = follow(tracker, Follow(frames, 3, 6, session=first.session, text="blue"))
    assert iou(then.boxes, (blue if restart else red)[3:]).tolist() == [1.0] * 3 and then.text == "blue"


def test_a_repository_that_cannot_be_loaded_says_why():
    frames, red, _ = video(3)
    with pytest.raises(BackendError, match="No module named 'nothing'"):
        follow(adapter(make="nothing:make"), Follow(frames, 1, 3, init=red[0]))
