"""The words that the offline backends know, that synthetic scenes are made of, and that text statistics count.

Colours are the eleven basic colour terms (Berlin and Kay 1969).

>>> canonical("Silver"), canonical("kite")
('gray', None)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


FOCAL_COLOURS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((12, 12, 12), (38, 38, 40)),
    "white": ((250, 250, 250), (225, 225, 222)),
    "gray": ((128, 128, 128), (90, 90, 92), (170, 170, 168)),
    "red": ((205, 35, 40), (150, 25, 30), (225, 80, 75)),
    "orange": ((240, 140, 30), (220, 110, 40)),
    "yellow": ((240, 220, 50), (200, 180, 60)),
    "green": ((40, 160, 60), (25, 90, 40), (130, 195, 95), (95, 115, 50)),
    "blue": ((40, 70, 205), (25, 30, 100), (110, 150, 220), (60, 175, 215)),
    "purple": ((135, 45, 165), (90, 40, 110), (175, 130, 200)),
    "pink": ((240, 150, 180), (230, 100, 160)),
    "brown": ((115, 72, 42), (150, 105, 65), (80, 50, 35)),
}
COLOURS = tuple(FOCAL_COLOURS)
SHAPES = ("circle", "square", "triangle", "star", "cross")
SIZES = ("small", "large", "tiny")
POSITIONS = ("left", "right", "top", "bottom", "center")
MORE_POSITIONS = frozenset(  # which no backend measures
    "above below behind beside between bottommost centre center foreground background front corner edge far near "
    "nearest next side first second third last topmost underneath under over ahead rear".split()
)
ASPECTS = ("tall", "wide")
TONES = ("dark", "bright")
TEXTURES = ("plain", "patterned")
VOCABULARY = COLOURS + SHAPES + SIZES + POSITIONS + ASPECTS + TONES + TEXTURES
SYNONYMS = {
    "grey": "gray", "silver": "gray", "golden": "yellow", "gold": "yellow", "violet": "purple", "crimson": "red",
    "navy": "blue", "cyan": "blue", "beige": "brown", "round": "circle", "ball": "circle", "disc": "circle",
    "big": "large", "huge": "large", "little": "small", "middle": "center", "centre": "center", "upper": "top",
    "lower": "bottom", "leftmost": "left", "rightmost": "right", "long": "wide", "light": "bright", "pale": "bright",
    "striped": "patterned", "textured": "patterned", "spotted": "patterned", "rectangle": "square", "slim": "tall",
}  # fmt: skip


def canonical(word: str) -> str | None:
    """The vocabulary's word for ``word`` (case, plural and synonyms aside), or None."""
    low = word.lower()
    for form in (low, low.removesuffix("s"), low.removesuffix("es"), low.removesuffix("ish")):
        known = SYNONYMS.get(form, form)
        if known in VOCABULARY:
            return known
    return None


def outline(shape: str) -> Floats:
    """[K, 2] the corners (x, y) of a shape that touches all sides of the unit square; an unknown one is a square.

    >>> outline("triangle").tolist()
    [[0.5, 0.0], [1.0, 1.0], [0.0, 1.0]]
    """
    turn = np.pi / 180
    if shape == "circle":
        corners = [(np.cos(t * turn), np.sin(t * turn)) for t in range(0, 360, 6)]
    elif shape == "star":
        corners = [
            (r * np.sin(k * 36 * turn), -r * np.cos(k * 36 * turn))
            for k, r in zip(range(10), [1, 0.42] * 5, strict=True)
        ]
    elif shape == "triangle":
        corners = [(0, -1), (1, 1), (-1, 1)]
    elif shape == "cross":
        a = 0.34
        corners = [
            (-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)
        ]  # fmt: skip
    else:
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    points = np.array(corners, np.float32)
    return ((points - points.min(0)) / (points.max(0) - points.min(0))).astype(np.float32)
