"""Colours that everybody tells apart: distances as eyes without green cones see them."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from chatdesc.drawing.style import COLOURS, GREY, LOOKS, look_of

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009.
SEEN = {
    "all cones": np.eye(3),
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(colour, matrix):
    """CIELAB of a colour as it is seen."""
    xyz = np.array(TO_XYZ) @ np.clip(np.array(matrix) @ linear(colour), 0, 1) / [0.9505, 1.0, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def nearest(colours, seen):
    return min(float(np.linalg.norm(lab(a, SEEN[seen]) - lab(b, SEEN[seen]))) for a, b in combinations(colours, 2))


def test_the_distance_is_that_of_two_colours_worked_out_by_hand():
    assert lab("#ffffff", SEEN["all cones"]) == pytest.approx([100, 0, 0], abs=0.1)
    assert lab("#ff0000", SEEN["all cones"]) == pytest.approx([53.2, 80.1, 67.2], abs=0.2)
    assert nearest(("#d62728", "#2ca02c"), "deuteranopia") < nearest(("#d62728", "#2ca02c"), "all cones") / 4


@pytest.mark.parametrize("seen", SEEN)
def test_colours_are_told_apart(seen):
    assert nearest(COLOURS, seen) > 15  # 2.3 is just noticeable
    assert nearest(("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2"), "deuteranopia") < 10


def test_every_colour_stands_out_from_paper():
    white = linear("#ffffff") @ TO_XYZ[1]
    contrasts = [(white + 0.05) / (float(linear(c) @ TO_XYZ[1]) + 0.05) for c in (*COLOURS, GREY)]
    assert min(contrasts) > 2  # the yellow that is left out has 1.3


def test_neighbours_differ_in_colour_and_line():
    looks = [look_of(i) for i in range(LOOKS)]
    assert len(set(looks)) == LOOKS
    assert all(a[0] != b[0] and a[1] != b[1] for a, b in pairwise(looks))
