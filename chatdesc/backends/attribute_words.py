"""The measurements of the offline backends: a vocabulary of attributes, each measured on any box of an image.

A word's evidence is a number in [0, 1] per box. Colours are the eleven basic colour terms (Berlin and Kay 1969),
distinguished by the nearest focal colour in CIELAB; shapes come from the figure that contrasts with the box's
surroundings; size and position are relative to the frame.

>>> image = np.full((240, 320, 3), 128, np.uint8)
>>> image[100:140, 20:60] = [205, 35, 40]
>>> seen = measure(image, np.array([[20, 100, 40, 40]], np.float32))
>>> [(word, float(seen.evidence(word)[0])) for word in ("red", "blue", "square", "left", "right")]
[('red', 1.0), ('blue', 0.0), ('square', 1.0), ('left', 1.0), ('right', 0.0)]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from chatdesc.vocabulary import ASPECTS, COLOURS, FOCAL_COLOURS, SHAPES, SIZES, TEXTURES, TONES, outline

if TYPE_CHECKING:
    from chatdesc.types import Boxes, Image

Floats = NDArray[np.float32]


GRID = 20
RING = 0.2
MEASURE_WIDTH = 960


@dataclass(slots=True, eq=False)
class Seen:
    """Measurements of P boxes of one frame; all arrays are float32 and have P rows.

    Attributes:
        boxes: [P, 4] xywh in pixels of the frame.
        frame_size: (width, height) in pixels.
        colours: [P, 11] share of the figure's pixels per colour term.
        shapes: [P, 5] agreement of the figure with each shape.
        tone, texture: [P] mean and spread of the figure's lightness (CIELAB, 0 to 100).
        standing_out: [P] in [0, 1], how much the figure differs from its surroundings and fills the box.
    """

    boxes: Boxes
    frame_size: tuple[int, int]
    colours: Floats
    shapes: Floats
    tone: Floats
    texture: Floats
    standing_out: Floats
    _known: dict[str, Floats] = field(default_factory=dict)

    def evidence(self, word: str) -> Floats:
        """[P] in [0, 1], how well a word of the vocabulary fits each box."""
        if word not in self._known:
            self._known[word] = _ramp(*self._raw(word))
        return self._known[word]

    def matrix(self, words: tuple[str, ...] | list[str]) -> Floats:
        """[P, W] evidence of several words."""
        return np.stack([self.evidence(w) for w in words], 1) if words else np.zeros((len(self.boxes), 0), np.float32)

    def take(self, index: NDArray[np.intp]) -> Seen:
        """The measurements of some of the boxes."""
        arrays = (self.colours, self.shapes, self.tone, self.texture, self.standing_out)
        colours, shapes, tone, texture, standing_out = (a[index] for a in arrays)
        return Seen(self.boxes[index], self.frame_size, colours, shapes, tone, texture, standing_out)

    def _raw(self, word: str) -> tuple[Floats, float, float]:
        """A measurement [P], and its values at which the evidence is 0 and 1."""
        if word in COLOURS:
            return self.colours[:, COLOURS.index(word)], 0.1, 0.6
        if word in SHAPES:
            return self.shapes[:, SHAPES.index(word)], 0.72, 0.92
        if word in TONES:
            return (self.tone, 45.0, 20.0) if word == "dark" else (self.tone, 60.0, 85.0)
        if word in TEXTURES:
            return (self.texture, 14.0, 6.0) if word == "plain" else (self.texture, 12.0, 24.0)
        width, height = self.frame_size
        x, y, w, h = self.boxes.T
        if word in SIZES:
            side = np.sqrt(np.maximum(w * h, 0) / (width * height))
            return side, *{"tiny": (0.09, 0.05), "small": (0.2, 0.12), "large": (0.13, 0.24)}[word]
        if word in ASPECTS:
            aspect = np.log2(np.maximum(h, 1) / np.maximum(w, 1))
            return (aspect, 0.2, 1.0) if word == "tall" else (aspect, -0.2, -1.0)
        across, down = (x + w / 2) / width, (y + h / 2) / height
        if word == "center":
            return np.maximum(np.abs(across - 0.5), np.abs(down - 0.5)), 0.3, 0.1
        value = across if word in ("left", "right") else down
        return (value, 0.58, 0.3) if word in ("left", "top") else (value, 0.42, 0.7)


def measure(image: Image, boxes: Boxes) -> Seen:
    """Measure every attribute of ``boxes`` ([P, 4] xywh, pixels) in an RGB image; boxes may reach outside."""
    height, width = image.shape[:2]
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    small, scale = shrink(image, MEASURE_WIDTH)
    lab, names = _lab_and_names(small)
    inside = _sample(boxes * scale, lab.shape[:2], 0.0, GRID)
    around = _sample(boxes * scale, lab.shape[:2], RING, GRID)
    border = _border(GRID)
    pixels, ring = lab[inside], lab[around][:, border]
    figure = _figure(pixels, ring)
    weight = figure / np.maximum(figure.sum((1, 2), keepdims=True), 1e-6)
    shares = _shares(names[inside], weight)
    tone = (pixels[..., 0] * weight).sum((1, 2))
    spread = np.sqrt((np.square(pixels[..., 0] - tone[:, None, None]) * weight).sum((1, 2)))
    return Seen(
        boxes, (width, height), shares, _shape_agreement(figure), tone, spread, _standing_out(pixels, ring, figure)
    )


def shrink(image: Image, width: int) -> tuple[Image, float]:
    """A copy not wider than ``width``, and the factor from the image's pixels to the copy's."""
    import cv2

    scale = min(1.0, width / image.shape[1])
    if scale == 1.0:
        return image, 1.0
    size = (round(image.shape[1] * scale), max(1, round(image.shape[0] * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def _ramp(value: Floats, start: float, full: float) -> Floats:
    """0 at ``start``, 1 at ``full``, linear between, either way round."""
    return np.clip((value - start) / (full - start), 0, 1).astype(np.float32)


@cache
def _colour_table() -> NDArray[np.uint8]:
    """[32, 32, 32] the colour term of every RGB value at five bits a channel."""
    import cv2

    level = (np.arange(32) * 8 + 4).astype(np.uint8)
    grid = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 1, 3)
    focal = np.array([c for name in COLOURS for c in FOCAL_COLOURS[name]], np.uint8).reshape(-1, 1, 3)
    owner = np.array([i for i, name in enumerate(COLOURS) for _ in FOCAL_COLOURS[name]])
    values, centres = (cv2.cvtColor(a.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[:, 0] for a in (grid, focal))
    weights = np.array([0.7, 1, 1], np.float32)  # lightness matters less than hue to a colour's name
    distance = np.linalg.norm((values[:, None] - centres[None]) * weights, axis=2)
    return owner[distance.argmin(1)].reshape(32, 32, 32).astype(np.uint8)


def _lab_and_names(image: Image) -> tuple[Floats, NDArray[np.uint8]]:
    """CIELAB [H, W, 3] and the colour term [H, W] of every pixel, noise smoothed away."""
    import cv2

    smooth = cv2.GaussianBlur(image, (3, 3), 0)
    lab = cv2.cvtColor(smooth.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    red, green, blue = (smooth >> 3).transpose(2, 0, 1)
    return lab.astype(np.float32), _colour_table()[red, green, blue]


def _sample(
    boxes: Floats, shape: tuple[int, int], grow: float, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column indices [P, n, n] of a grid over each box grown by ``grow`` of its size, kept in the image."""
    at = (np.arange(count, dtype=np.float32) + 0.5) / count * (1 + 2 * grow) - grow
    columns = boxes[:, None, 0] + at[None] * boxes[:, None, 2]
    rows = boxes[:, None, 1] + at[None] * boxes[:, None, 3]
    across = np.clip(columns, 0, shape[1] - 1).astype(np.intp)[:, None, :]
    down = np.clip(rows, 0, shape[0] - 1).astype(np.intp)[:, :, None]
    full = (len(boxes), count, count)
    return np.broadcast_to(down, full), np.broadcast_to(across, full)


def _border(count: int) -> NDArray[np.bool_]:
    mask = np.ones((count, count), bool)
    mask[2:-2, 2:-2] = False
    return mask


def _figure(pixels: Floats, ring: Floats) -> Floats:
    """[P, n, n] 1 where a pixel is closer to the colour of the box's middle than to its surroundings."""
    low, high = GRID * 3 // 10, GRID * 7 // 10
    inner = np.median(pixels[:, low:high, low:high].reshape(len(pixels), -1, 3), 1)
    outer = np.median(ring, 1)
    mask = _closer(pixels, inner, outer)
    inner = (pixels * mask[..., None]).sum((1, 2)) / np.maximum(mask.sum((1, 2)), 1)[:, None]
    return _closer(pixels, inner, outer)


def _closer(pixels: Floats, inner: Floats, outer: Floats) -> Floats:
    # |p - i| < |p - o| is linear in p: one product instead of two distances
    direction = inner - outer
    middle = ((inner + outer) / 2 * direction).sum(1)
    return (np.einsum("pijc,pc->pij", pixels, direction) >= middle[:, None, None]).astype(np.float32)


def _shares(names: NDArray[np.uint8], weight: Floats) -> Floats:
    """[P, 11] share of the figure's pixels per colour term."""
    cells = names.reshape(len(names), -1) + np.arange(len(names))[:, None] * len(COLOURS)
    total = np.bincount(cells.ravel(), weight.reshape(-1), minlength=len(names) * len(COLOURS))
    return total.reshape(len(names), len(COLOURS)).astype(np.float32)


@cache
def _shape_masks() -> Floats:
    """[5, n, n] the figure of each shape in its own bounding box."""
    import cv2

    size, masks = 200, []
    for name in SHAPES:
        canvas = np.zeros((size, size), np.uint8)
        cv2.fillPoly(canvas, [np.round(outline(name) * (size - 1)).astype(np.int32)], 1)
        masks.append(cv2.resize(canvas.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA) > 0.5)
    return np.stack(masks).astype(np.float32)


def _shape_agreement(figure: Floats) -> Floats:
    """[P, 5] IoU of each box's figure with each shape's."""
    flat, masks = figure.reshape(len(figure), -1), _shape_masks().reshape(len(SHAPES), -1)
    both = np.einsum("pn,sn->ps", flat, masks)  # whole numbers, exact; a product by BLAS would start its threads
    return (both / np.maximum(flat.sum(1)[:, None] + masks.sum(1)[None] - both, 1)).astype(np.float32)


def _standing_out(pixels: Floats, ring: Floats, figure: Floats) -> Floats:
    """[P] contrast of figure and ring, reduced where the figure continues outside or leaves margins in the box."""
    inner = (pixels * figure[..., None]).sum((1, 2)) / np.maximum(figure.sum((1, 2)), 1)[:, None]
    outer = np.median(ring, 1)
    contrast = np.clip(np.linalg.norm(inner - outer, axis=1) / 40, 0, 1)
    leak = (np.linalg.norm(ring - inner[:, None], axis=2) < np.linalg.norm(ring - outer[:, None], axis=2)).mean(1)
    edge = max(1, GRID // 10)
    sides = (figure[:, :edge], figure[:, -edge:], figure[:, :, :edge], figure[:, :, -edge:])
    touch = np.mean([np.clip(side.mean((1, 2)) / 0.1, 0, 1) for side in sides], 0)
    return (contrast * np.clip(1 - 1.5 * leak, 0, 1) * touch**2).astype(np.float32)
