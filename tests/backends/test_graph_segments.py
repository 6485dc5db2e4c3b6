"""Segmentations are those of OpenCV, compiled or not, and OpenCV makes them where an order of equal edges matters."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from chatdesc import compiled
from chatdesc.backends import graph_segments
from chatdesc.backends.graph_segments import opencv_segments, segments
from chatdesc.synthetic import stills

SCALES = (150.0, 300.0, 450.0)


@pytest.fixture
def by_opencv(monkeypatch) -> list[float]:
    """The scales that OpenCV was asked for."""
    calls: list[float] = []

    def counted(image, scale):
        calls.append(scale)
        return opencv_segments(image, scale)

    monkeypatch.setattr(graph_segments, "opencv_segments", counted)
    return calls


def needs_numba() -> None:
    if not compiled.can_compile():
        pytest.skip("numba (extra fast) is not installed, or switched off")


def assert_equal(image) -> None:
    for own, scale in zip(segments(image, SCALES), SCALES, strict=True):
        np.testing.assert_array_equal(own, opencv_segments(image, scale))


@pytest.mark.parametrize("space", [cv2.COLOR_RGB2HSV, cv2.COLOR_RGB2Lab])
def test_segments_of_a_scene_are_those_of_opencv(space, by_opencv):
    needs_numba()
    [still] = stills("test", 1)
    assert_equal(cv2.cvtColor(still.image, space))
    assert not by_opencv


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (30, 50), (50, 30)])
@pytest.mark.parametrize("levels", [2, 4, 256])
def test_segments_of_noise_are_those_of_opencv(shape, levels):
    rng = np.random.default_rng(levels)
    assert_equal((rng.integers(0, levels, (*shape, 3)) * (255 // (levels - 1))).astype(np.uint8))


def corners(*sizes: int) -> np.ndarray:
    """Squares of one colour at the corners of a picture of another."""
    image = np.full((64, 64, 3), 90, np.uint8)
    for k, side in enumerate(sizes):
        first, last = slice(0, side), slice(-side, None)
        image[first if k < 2 else last, first if k % 2 == 0 else last] = 180
    return image


def test_small_regions_that_touch_one_other_only_are_joined_here(by_opencv):
    needs_numba()
    assert_equal(corners(8, 8, 8, 8))  # the four are joined to the background at equal weights, in any order
    assert not by_opencv


@pytest.mark.parametrize(
    ("sizes", "weights", "certain"),
    [
        ([60, 50, 200], [1, 2], True),  # one after the other
        ([60, 50, 200], [1, 1], False),  # 60 + 50 would be large enough not to join 200
        ([60, 200, 50], [1, 1], True),  # both ends are small, and join in any order
        ([200, 50, 200], [1, 1], False),  # the middle joins the one that comes first
        ([200, 300, 400], [1, 1], True),  # nothing is small
    ],
)
def test_an_order_of_equal_edges_that_matters_is_seen(sizes, weights, certain):
    needs_numba()
    from chatdesc.backends.graph_kernels import join_small

    above, ends = -np.array(sizes, np.int32), np.array([[0, 1], [1, 2]], np.int32)
    room, left = np.empty((8, 2), np.int32), np.arange(2, dtype=np.int32)
    assert join_small(above, ends, np.array(weights, np.float32), left, 2, 100, room) is certain


def test_opencv_segments_where_the_order_may_matter(monkeypatch, by_opencv):
    needs_numba()
    from chatdesc.backends import graph_kernels

    monkeypatch.setattr(graph_kernels, "join_small", lambda *arrays: False)
    assert_equal(corners(8, 8))
    assert by_opencv == list(SCALES)


def test_without_numba_opencv_segments(monkeypatch, by_opencv):
    monkeypatch.setattr(compiled, "can_compile", lambda: False)
    segments(corners(8), SCALES)
    assert by_opencv == list(SCALES)


@pytest.fixture
def tried_anew():
    graph_segments._works.cache_clear()
    yield
    graph_segments._works.cache_clear()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), EOFError("Ran out of input")])
def test_where_the_loops_cannot_be_had_opencv_segments_and_they_are_tried_once(
    error, monkeypatch, by_opencv, tried_anew
):
    needs_numba()
    from chatdesc.backends import graph_kernels

    tried = []

    def broken(*_):
        tried.append(1)
        raise error

    monkeypatch.setattr(graph_kernels, "join_by_weight", broken)
    assert_equal(corners(8))
    assert_equal(corners(8))
    assert by_opencv == [*SCALES, *SCALES] and len(tried) == 1


@pytest.mark.parametrize(("side", "seed"), [(9, 363), (12, 324), (15, 264)])
def test_segments_of_blocks_whose_edges_weigh_the_same_but_for_the_last_bit(side, seed):
    colours = np.random.default_rng(seed).integers(0, 4, (60 // side + 1, 48 // side + 1, 3)) * 80
    picture = np.repeat(np.repeat(colours, side, 0), side, 1)[:60, :48].astype(np.uint8)
    assert_equal(cv2.cvtColor(picture, cv2.COLOR_RGB2Lab))


def test_where_opencv_rounds_otherwise_it_segments(monkeypatch, by_opencv, tried_anew):
    needs_numba()

    def in_double(one, other):
        return np.sqrt(((one - other).astype(np.float64) ** 2).sum(-1)).astype(np.float32)

    monkeypatch.setattr(graph_segments, "_apart", in_double)
    assert_equal(corners(8))
    assert by_opencv == list(SCALES)
