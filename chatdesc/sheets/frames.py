"""The frames of a sheet: whole or a part around the boxes, with the boxes of truth, track and proposals.

>>> window((1280, 720), [[600.0, 300.0, 40.0, 40.0]])
(514, 260, 213, 120)
>>> window((320, 240), [[10.0, 10.0, 200.0, 200.0]])
(0, 0, 320, 240)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chatdesc.drawing.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from chatdesc.types import Image

AROUND = 3.0  # the height of a part, in sides of the target
WHOLE = 0.7  # a part that is larger than this share of a frame's side is the whole frame
DOTS = 220  # pixels per inch of a frame on the sheet

TRUTH, ON_TARGET, ELSEWHERE = "target", "proposal on the target", "proposal elsewhere"
LOOKS: dict[str, tuple[str, Any, float]] = {  # colour, line and its width in points of a box by its kind
    TRUTH: (GREEN, "-", 2.0),
    "track, given": (SKY, "--", 1.0),
    "track, tracker": (BLUE, "--", 1.0),
    "track, language": (VERMILION, "--", 1.0),
    ON_TARGET: (ORANGE, "-", 0.8),
    ELSEWHERE: (PURPLE, (0, (6, 1, 1, 1)), 0.8),
}
RIM = 0.6  # points of white around a box, so that it is seen on any picture
ORDER = (ELSEWHERE, TRUTH, ON_TARGET)  # what is drawn first; the track comes last, thinner than the target beneath it


@dataclass(frozen=True, slots=True)
class Marked:
    """A box [x, y, w, h] in pixels of the frame, and its kind."""

    box: Sequence[float]
    kind: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A frame to show: its number, its image (None where it cannot be read, with the reason), and boxes."""

    frame: int
    image: Image | None
    boxes: list[Marked] = field(default_factory=list)
    why: str = ""


def look_of_kind(kind: str) -> tuple[str, Any, float]:
    """Colour, line and width of a kind of box; sources that later versions add are black."""
    return LOOKS.get(kind, (BLACK, "--", 1.0))


def kinds_in(shots: Iterable[Shot]) -> list[str]:
    """The kinds of boxes in frames, in the order of LOOKS."""
    kinds = {marked.kind for shot in shots for marked in shot.boxes}
    return [*(kind for kind in LOOKS if kind in kinds), *sorted(kinds - set(LOOKS))]


def window(size: tuple[int, int], boxes: Sequence[Sequence[float]]) -> tuple[int, int, int, int]:
    """The part (x, y, w, h) of a frame, with the frame's proportions, that has the boxes and what is around them."""
    width, height = size
    known = [box for box in boxes if np.isfinite(box).all()]
    if not known:
        return 0, 0, width, height
    x0, y0 = (min(box[i] for box in known) for i in (0, 1))
    x1, y1 = (max(box[i] + box[i + 2] for box in known) for i in (0, 1))
    side = AROUND * max(max(box[2], box[3]) for box in known[:1])
    share = max(side / min(width, height), 1.2 * (x1 - x0) / width, 1.2 * (y1 - y0) / height)
    if share >= WHOLE:
        return 0, 0, width, height
    w, h = round(share * width), round(share * height)
    left, top = (x0 + x1 - w) / 2, (y0 + y1 - h) / 2
    return round(np.clip(left, 0, width - w)), round(np.clip(top, 0, height - h)), w, h


def show(axes: Any, shot: Shot, inches: float, zoom: bool) -> float:
    """Draw a frame and its boxes into axes of so many inches; how many times it is enlarged (1: the whole frame)."""
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set(color=GREY, linewidth=0.5)
    if shot.image is None:
        axes.set_facecolor("#EEEEEE")
        axes.text(0.5, 0.5, shot.why, transform=axes.transAxes, ha="center", va="center", fontsize=6, color=GREY,
                  wrap=True)  # fmt: skip
        return 1.0
    height, width = shot.image.shape[:2]
    of_target = [marked.box for marked in shot.boxes if marked.kind == TRUTH or marked.kind.startswith("track")]
    x, y, w, h = window((width, height), of_target) if zoom else (0, 0, width, height)
    part = _fitting(shot.image[y : y + h, x : x + w], inches)
    axes.imshow(part, extent=(x, x + w, y + h, y), interpolation="bilinear")
    for marked in sorted(shot.boxes, key=lambda box: ORDER.index(box.kind) if box.kind in ORDER else len(ORDER)):
        _outline(axes, marked, 72 * inches / w)
    axes.set(xlim=(x, x + w), ylim=(y + h, y))
    return width / w


def _fitting(image: Image, inches: float) -> Image:
    from chatdesc.page.pictures import scaled

    return scaled(np.ascontiguousarray(image), round(inches * DOTS))


def _outline(axes: Any, marked: Marked, points: float) -> None:
    """A box; a small one has a thin line, so that its target is seen. ``points``: of print per pixel of the frame."""
    from matplotlib.patches import Rectangle

    if not np.isfinite(marked.box).all():
        return
    x, y, w, h = marked.box
    colour, style, thick = look_of_kind(marked.kind)
    thick = max(min(thick, points * min(w, h) / 8), 0.5)
    axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor="white", linewidth=thick + RIM, alpha=0.7))
    axes.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=colour, linestyle=style, linewidth=thick))
