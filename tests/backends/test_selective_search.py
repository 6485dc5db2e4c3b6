"""The search finds the boxes that OpenCV's own finds, also where its sort decides; rarely OpenCV has to search."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from chatdesc import compiled
from chatdesc.backends import joined_regions, selective_search
from chatdesc.backends.joined_regions import Regions, UnlikeError, joined
from chatdesc.backends.selective_search import opencv_search, search, sorts_alike
from chatdesc.synthetic import stills


@pytest.fixture
def asked(monkeypatch) -> list[int]:
    """Counts how often OpenCV's own search had to be asked, but for how it sorts."""
    sorts_alike()
    calls: list[int] = []

    def counted(image):
        calls.append(1)
        return opencv_search(image)

    monkeypatch.setattr(selective_search, "opencv_search", counted)
    return calls


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("numba", [True, False])
def test_boxes_of_a_scene_are_those_of_opencv(number, numba, asked, monkeypatch):
    if not numba:
        monkeypatch.setattr(compiled, "can_compile", lambda: False)
    [still] = stills("test", 1, start=number)
    image = cv2.resize(still.image, (240, 180), interpolation=cv2.INTER_AREA)
    found = search(image)
    assert not asked and len(found) > 10
    np.testing.assert_array_equal(found, opencv_search(image))


@pytest.mark.slow
def test_boxes_of_real_frames_are_those_of_opencv(shared_data):
    files = sorted((shared_data / "otb" / "OTB_videos").glob("*/img/*.jpg"))
    assert files
    for file in files[::60]:
        frame = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        image = cv2.resize(frame, (360, round(frame.shape[0] * 360 / frame.shape[1])), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(search(image), opencv_search(image), err_msg=file.name)


@pytest.mark.slow
@pytest.mark.parametrize("numba", [True, False])
def test_boxes_of_flat_scenes_are_those_of_opencv(numba, asked, monkeypatch):
    """With few shades many regions are equally similar."""
    if not numba:
        monkeypatch.setattr(compiled, "can_compile", lambda: False)
    for still in stills("train", 6, seed=9):
        image = (still.image // 48 * 48).astype(np.uint8)
        np.testing.assert_array_equal(search(image), opencv_search(image))
    assert not asked


SHAPES = [(1, 1), (2, 3), (5, 7), (60, 1), (1, 60), (90, 110), (140, 60), (160, 60), (60, 160)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["noise", "plain", "square", "blobs"])
def test_boxes_of_any_image_are_those_of_opencv(shape, kind):
    image = picture(kind, *shape)
    np.testing.assert_array_equal(search(image), opencv_search(image))


def picture(kind: str, height: int, width: int):
    rng = np.random.default_rng(5)
    if kind == "noise":
        return rng.integers(0, 256, (height, width, 3), np.uint8)
    if kind == "blobs":
        coarse = rng.integers(0, 256, (height // 20 + 2, width // 20 + 2, 3), np.uint8)
        return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image = np.full((height, width, 3), 128, np.uint8)
    if kind == "square":
        image[height // 3 : height // 2 + 1, width // 4 : width // 2] = (200, 30, 30)
    return image


def test_equally_similar_pairs_are_joined_as_opencv_does(asked):
    image = checkered(5, 11)
    with_ties = search(image)
    assert not asked
    np.testing.assert_array_equal(with_ties, opencv_search(image))


def test_another_order_of_equal_pairs_gives_other_boxes(monkeypatch):
    """So the picture tells how OpenCV sorts, and an OpenCV that sorts otherwise is not taken for one that does not."""
    sorts_alike.cache_clear()
    monkeypatch.setattr(joined_regions, "sort", lambda pairs: pairs.sort(key=lambda pair: pair[0]))
    assert not sorts_alike()
    sorts_alike.cache_clear()


def test_opencv_is_asked_where_it_sorts_otherwise(asked, monkeypatch):
    monkeypatch.setattr(selective_search, "sorts_alike", lambda: False)
    search(checkered(5, 11))
    assert asked


def checkered(fields: int, side: int) -> np.ndarray:
    board = (np.indices((fields, fields)).sum(0) % 2 * 90 + 80).astype(np.uint8)
    return np.repeat(np.repeat(np.repeat(board, side, 0), side, 1)[..., None], 3, 2)


def never() -> bool:
    raise AssertionError("no two pairs are equally similar here")


def strips(colours: list[list[float]]) -> Regions:
    """Regions of 10 x 10 pixels side by side, without texture."""
    n = len(colours)
    left = np.arange(n) * 10
    corners = np.stack([left, 0 * left, left + 10, 0 * left + 10], 1)
    textures = np.full((n, 4), 0.25, np.float32)
    pairs = np.stack([np.arange(n - 1), np.arange(1, n)], 1)
    return Regions(corners, np.full(n, 100), pairs, np.array(colours, np.float32), textures, 100 * n)


def test_the_most_similar_neighbours_are_joined_first():
    regions = strips([[1, 0], [0.4, 0.6], [0.3, 0.7]])  # similar by .4 and by .9
    boxes = joined(regions, True, never).tolist()
    assert boxes == [[0, 0, 10, 10], [10, 0, 20, 10], [20, 0, 30, 10], [10, 0, 30, 10], [0, 0, 30, 10]]


def test_a_joint_region_has_the_mean_colour_of_its_pixels():
    # once 1 and 2 are joined, 3 shares .8 with them, and 0 shares .6
    regions = strips([[0.1, 0.9], [0.5, 0.5], [0.5, 0.5], [0.7, 0.3]])
    assert joined(regions, True, never).tolist()[4:] == [[10, 0, 30, 10], [10, 0, 40, 10], [0, 0, 40, 10]]


def test_of_two_equally_similar_pairs_the_one_that_is_sorted_last_is_joined_first():
    regions = strips([[1, 0], [0, 1], [1, 0]])
    assert joined(regions, True, lambda: True).tolist()[3:] == [[10, 0, 30, 10], [0, 0, 30, 10]]
    with pytest.raises(UnlikeError):
        joined(regions, True, lambda: False)


def test_opencv_is_asked_where_it_reads_beyond_the_image(asked):
    search(picture("blobs", 160, 60))
    assert asked
