"""Region prompts: the part of a frame that a describer is shown, and how the target is marked.

The four REGIONS are ``box`` (the whole frame, a green box around the target), ``crop`` (the target with some context),
``box+crop`` (both), and ``coords`` (the whole frame, the box in words):

>>> frame = np.zeros((480, 640, 3), np.uint8)
>>> target = [64, 48, 32, 96]                                  # x, y, width, height in pixels
>>> [picture.shape for picture in show(frame, target, "box+crop", max_pixels=320 * 240)]
[(240, 320, 3), (144, 80, 3)]
>>> coordinates(target, size=(640, 480), convention="thousand")
'[100, 100, 150, 300] (left, top, right, bottom in thousandths of the width and height)'

With ``coords`` the backend puts ``coordinates`` where the prompt has ``<box>`` (PLACEHOLDER). Models were trained with
different CONVENTIONS:

- ``pixels``: pixels of the picture as the model's processor resizes it (Qwen2.5-VL): give that size as ``resized``;
- ``thousand``: thousandths of the picture's width and height (Qwen2-VL, Qwen3-VL, InternVL, GLM-4V and others);
- ``unit``: fractions of the picture's width and height (LLaVA).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from chatdesc.types import BackendError, Image

REGIONS = ("box", "crop", "coords", "box+crop")
CONVENTIONS = ("pixels", "thousand", "unit")
DRAWING = 1  # raised when the pictures of a region prompt change: cached answers are about the old ones
PLACEHOLDER = "<box>"
GREEN = (0, 255, 0)
LINES_PER_SIDE = 150  # the line is this part of the shorter side wide ...
MIN_LINE = 2  # ... but never thinner
CONTEXT = 0.25  # a crop shows this part of the target's longer side all around it ...
MIN_CONTEXT = 16  # ... but never fewer pixels

Corners = tuple[float, float, float, float]


def show(image: Image, box: ArrayLike, region: str, max_pixels: int | None = None) -> list[Image]:
    """The pictures of a region prompt.

    Args:
        image: RGB uint8 [H, W, 3].
        box: [4] xywh, pixels; may reach out of the image.
        region: one of REGIONS.
        max_pixels: most pixels of each picture; None does not downscale.

    Returns:
        One picture, or two for ``box+crop``: RGB uint8. Lines are drawn after downscaling, so that they stay visible,
        and outside the box, so that the target keeps its pixels.

    Raises:
        BackendError: the box has no area or is not finite, or ``region`` is none of REGIONS.
    """
    corners = _corners(image, box)
    if region == "coords":
        return [downscale(image, max_pixels)]
    if region == "box":
        return [_boxed(image, corners, max_pixels)]
    if region == "crop":
        return [downscale(_cut_out(image, corners), max_pixels)]
    if region == "box+crop":
        return [_boxed(image, corners, max_pixels), downscale(_cut_out(image, corners), max_pixels)]
    raise BackendError(f"no region prompt is called {region!r}; there are: {', '.join(REGIONS)}")


def downscale(image: Image, max_pixels: int | None) -> Image:
    """The image, downscaled to at most ``max_pixels`` if it has more; never enlarged.

    >>> downscale(np.zeros((480, 640, 3), np.uint8), 320 * 240).shape
    (240, 320, 3)
    """
    rows, columns = image.shape[:2]
    if max_pixels is None or rows * columns <= max_pixels:
        return image
    import cv2

    factor = (max(1, max_pixels) / (rows * columns)) ** 0.5
    width, height = max(1, int(columns * factor)), max(1, int(rows * factor))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def coordinates(box: ArrayLike, size: tuple[int, int], convention: str, resized: tuple[int, int] | None = None) -> str:
    """A box in words for a prompt: its corners, cut to the image, and their unit.

    Args:
        box: [4] xywh, in pixels of an image of ``size``.
        size: width and height of the image in which the box was annotated.
        convention: one of CONVENTIONS.
        resized: width and height of the picture that the model sees; used by ``pixels`` alone; None takes ``size``.

    Raises:
        BackendError: ``convention`` is none of CONVENTIONS.
    """
    left, top, w, h = (float(v) for v in np.asarray(box, np.float64))
    edges = np.clip(np.array([left, top, left + w, top + h]) / (*size, *size), 0, 1)
    if convention == "unit":
        return (
            f"[{', '.join(f'{v:.3f}' for v in edges)}] (left, top, right, bottom as fractions of the width and height)"
        )
    if convention == "thousand":
        scale, what = (1000, 1000), "thousandths of the width and height"
    elif convention == "pixels":
        scale, what = resized or size, "pixels"
    else:
        raise BackendError(f"no convention for boxes is called {convention!r}; there are: {', '.join(CONVENTIONS)}")
    whole = np.rint(edges * (*scale, *scale)).astype(int)
    return f"[{', '.join(map(str, whole))}] (left, top, right, bottom in {what})"


def line_width(image: Image) -> int:
    """Width in pixels of the line around the target, in proportion to the image's shorter side."""
    return max(MIN_LINE, round(min(image.shape[:2]) / LINES_PER_SIDE))


def _corners(image: Image, box: ArrayLike) -> Corners:
    """Left, top, right, bottom of the box cut to the image, at least one pixel wide and high."""
    x, y, w, h = (float(v) for v in np.asarray(box, np.float64))
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise BackendError(f"there is nothing to show in the box {[x, y, w, h]}")
    rows, columns = image.shape[:2]
    left, top = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0)
    return left, top, min(max(x + w, left + 1), columns), min(max(y + h, top + 1), rows)


def _boxed(image: Image, corners: Corners, max_pixels: int | None) -> Image:
    """The frame with a green line around the box. A side on the frame's edge has no line, since it would be outside; if
    no side could have one, the line is drawn inside the box."""
    shown = downscale(image, max_pixels).copy()
    rows, columns = shown.shape[:2]
    across, down = columns / image.shape[1], rows / image.shape[0]
    left, top = int(corners[0] * across), int(corners[1] * down)
    right, bottom = int(np.ceil(corners[2] * across)), int(np.ceil(corners[3] * down))
    line = line_width(shown)
    if (left, top, right, bottom) == (0, 0, columns, rows):
        left, top, right, bottom = line, line, columns - line, rows - line
    inside = shown[top:bottom, left:right].copy()
    shown[max(0, top - line) : bottom + line, max(0, left - line) : right + line] = GREEN
    shown[top:bottom, left:right] = inside
    return shown


def _cut_out(image: Image, corners: Corners) -> Image:
    """The target with CONTEXT around it, cut at the frame's edge."""
    left, top, right, bottom = corners
    margin = max(CONTEXT * max(right - left, bottom - top), MIN_CONTEXT)
    rows, columns = image.shape[:2]
    y0, y1 = max(0, int(top - margin)), min(rows, int(np.ceil(bottom + margin)))
    x0, x1 = max(0, int(left - margin)), min(columns, int(np.ceil(right + margin)))
    return np.ascontiguousarray(image[y0:y1, x0:x1])
