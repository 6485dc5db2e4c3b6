import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdesc.region import CONVENTIONS, REGIONS, coordinates, line_width, show
from chatdesc.types import BackendError

GREEN = np.array([0, 255, 0])


def noise(width=320, height=240, seed=0):
    """A frame that has no two like regions, no green, and may not be written to, as decoded frames are."""
    image = np.random.default_rng(seed).integers(0, 250, (height, width, 3), np.uint8)
    image.flags.writeable = False
    return image


def green(image):
    return (image == GREEN).all(2)


def test_the_box_is_drawn_around_the_target_and_nowhere_else():
    image = noise()
    [shown] = show(image, [100, 60, 50, 40], "box")
    expected = np.zeros((240, 320), bool)
    expected[58:102, 98:152] = True
    expected[60:100, 100:150] = False
    assert (green(shown) == expected).all()
    assert (shown[~expected] == image[~expected]).all()


def test_a_box_between_pixels_leaves_every_pixel_of_the_target():
    image = noise()
    [shown] = show(image, [100.7, 60.2, 49.6, 39.3], "box")
    assert (shown[60:100, 100:151] == image[60:100, 100:151]).all()
    assert green(shown)[58:60, 98:153].all()
    assert green(shown)[58:102, 151:153].all()


@pytest.mark.parametrize(
    ("box", "inside", "sides"),
    [
        ([0, 0, 50, 40], np.s_[0:40, 0:50], {"right": np.s_[0:42, 50:52], "bottom": np.s_[40:42, 0:52]}),
        ([-30, 100, 50, 40], np.s_[100:140, 0:20], {"right": np.s_[98:142, 20:22], "top": np.s_[98:100, 0:22]}),
        ([300, 220, 50, 40], np.s_[220:240, 300:320], {"left": np.s_[218:240, 298:300], "top": np.s_[218:220, 298:]}),
        ([0, 60, 320, 40], np.s_[60:100, 0:320], {"top": np.s_[58:60, :], "bottom": np.s_[100:102, :]}),
        ([400, 300, 9, 9], np.s_[239:240, 319:320], {"left": np.s_[237:240, 317:319]}),
    ],
)
def test_at_the_border_the_box_is_open(box, inside, sides):
    image = noise()
    [shown] = show(image, box, "box")
    assert (shown[inside] == image[inside]).all()
    for side in sides.values():
        assert green(shown)[side].all()


def test_a_box_as_large_as_the_frame_is_still_seen():
    image = noise()
    [shown] = show(image, [-5, 0, 330, 240], "box")
    assert green(shown).sum() == 240 * 320 - 236 * 316
    assert (shown[2:-2, 2:-2] == image[2:-2, 2:-2]).all()


@pytest.mark.parametrize(("size", "line"), [((64, 48), 2), ((1280, 720), 5), ((3840, 2160), 14)])
def test_the_line_is_as_wide_as_the_frame_asks_for(size, line):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    [shown] = show(image, [20, 20, 10, 10], "box")
    assert line_width(image) == line
    assert green(shown)[25].sum() == 2 * line


@pytest.mark.parametrize("max_pixels", [640 * 360, 64 * 36, 300])
def test_the_line_survives_downscaling(max_pixels):
    image = noise(1920, 1080)
    [shown] = show(image, [600, 300, 600, 500], "box", max_pixels)
    assert shown.shape[0] * shown.shape[1] <= max_pixels
    assert shown.shape[1] / shown.shape[0] == pytest.approx(1920 / 1080, rel=0.1)
    rows, columns = np.flatnonzero(green(shown).any(1)), np.flatnonzero(green(shown).any(0))
    middle = green(shown)[(rows[0] + rows[-1]) // 2]
    assert middle.sum() == 2 * line_width(shown) >= 4  # two sides, each of two pixels or more
    factor = shown.shape[1] / 1920
    inner = columns[0] + line_width(shown), columns[-1] + 1 - line_width(shown)
    assert inner == pytest.approx((600 * factor, 1200 * factor), abs=1)


def test_a_small_frame_is_not_enlarged_and_the_original_stays():
    image = noise()
    [shown] = show(image, [100, 60, 50, 40], "coords", 10**9)
    assert (shown == image).all()
    assert not green(image).any()


def test_the_crop_holds_the_target_and_its_surroundings():
    image = noise()
    [shown] = show(image, [100, 60, 80, 40], "crop")
    assert (shown == image[40:120, 80:200]).all()  # a quarter of the longer side all around
    [tiny] = show(image, [100, 60, 6, 4], "crop")
    assert (tiny == image[44:80, 84:122]).all()  # at least 16 pixels
    [corner] = show(image, [0, 200, 40, 80], "crop")
    assert (corner == image[184:240, 0:56]).all()
    [small] = show(image, [100, 60, 80, 40], "crop", 1000)
    assert small.shape[:2] == (25, 38)


def test_both_are_the_one_and_the_other():
    image = noise()
    boxed, crop = show(image, [100, 60, 80, 40], "box+crop", 20000)
    assert (boxed == show(image, [100, 60, 80, 40], "box", 20000)[0]).all()
    assert (crop == show(image, [100, 60, 80, 40], "crop", 20000)[0]).all()
    assert green(boxed).any()
    assert not green(crop).any()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, 0, 5], [0, 0, 5, -1]])
def test_no_picture_of_what_is_no_box(box, region):
    with pytest.raises(BackendError, match="nothing to show"):
        show(noise(), box, region)


def test_regions_and_conventions_have_names():
    with pytest.raises(BackendError, match=r"'circle'; there are: box, crop, coords, box\+crop"):
        show(noise(), [1, 1, 5, 5], "circle")
    with pytest.raises(BackendError, match="'miles'; there are: pixels"):
        coordinates([1, 1, 5, 5], (10, 10), "miles")


def test_coordinates_as_each_model_counts():
    box, size = [64, 48, 32, 96], (640, 480)
    assert coordinates(box, size, "thousand").startswith("[100, 100, 150, 300] (left, top, right, bottom in thousand")
    assert coordinates(box, size, "unit").startswith("[0.100, 0.100, 0.150, 0.300] (")
    assert coordinates(box, size, "pixels").startswith("[64, 48, 96, 144] (left, top, right, bottom in pixels")
    assert coordinates(box, size, "pixels", (320, 480)).startswith("[32, 48, 48, 144]")


@given(
    st.tuples(st.integers(50, 4000), st.integers(50, 4000)),
    st.tuples(st.integers(28, 2000), st.integers(28, 2000)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.sampled_from(CONVENTIONS),
)
def test_coordinates_lead_back_to_the_box(size, resized, parts, convention):
    left, right = sorted(p * size[0] for p in parts[:2])
    top, bottom = sorted(p * size[1] for p in parts[2:])
    said = coordinates([left, top, right - left, bottom - top], size, convention, resized)
    numbers = [float(n) for n in re.search(r"\[(.*?)\]", said)[1].split(",")]
    scale = {"pixels": resized, "thousand": (1000, 1000), "unit": (1, 1)}[convention]
    step = {"pixels": 1, "thousand": 1, "unit": 0.001}[convention]
    for number, edge, full, of in zip(numbers, (left, top, right, bottom), size * 2, scale * 2):
        assert abs(number / of - edge / full) <= 0.501 * step / of


@given(
    st.tuples(st.floats(-50, 400), st.floats(-50, 300), st.floats(1, 400), st.floats(1, 300)),
    st.sampled_from([None, 300, 5000]),
)
def test_something_is_always_shown_and_lines_stay_outside(box, max_pixels):
    image = noise()
    [boxed] = show(image, box, "box", max_pixels)
    assert green(boxed).any()
    [crop] = show(image, box, "crop", max_pixels)
    assert crop.size
    if max_pixels is None:
        x0, y0, x1, y1 = np.clip([box[0], box[1], box[0] + box[2], box[1] + box[3]], 0, (320, 240) * 2)
        left, top, right, bottom = int(x0), int(y0), int(np.ceil(x1)), int(np.ceil(y1))
        if (left, top, right, bottom) != (0, 0, 320, 240):
            assert not green(boxed)[top:bottom, left:right].any()
