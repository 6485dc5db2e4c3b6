"""Pictures of a sequence for the page: the target alone, the first frame, key frames. Small, and made once.

>>> sizes_for(7).keys, sizes_for(1400).keys, sizes_for(5, full=True).keys
(6, 2, 12)
>>> spread([0, 10, 20, 30, 40], 3)
[0, 20, 40]
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.page.timeline import overlaps, present_frames, tracked
from chatdesc.rows.schema import Row
from chatdesc.types import FrameError, Image, Sequence

CONTEXT = 2.2  # the side of a crop, in sides of the target's box
GRID = 24  # parts of a video from which frames are taken beside the key frames
BUDGET = 14_000_000  # bytes of pictures in a page

Keep = Callable[[str, bytes], str]
"""Keeps a picture under a name, and returns what stands as its address in the page."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large pictures are: widths in pixels, how many key frames, and the quality of WebP."""

    first: int
    key: int
    keys: int
    crop: int
    quality: int = 60


FULL = Sizes(first=1280, key=960, keys=12, crop=128, quality=75)
STEPS = (  # bytes of a sequence from which on its pictures have a size
    (60_000, Sizes(640, 320, 6, 112)),
    (24_000, Sizes(448, 240, 4, 96)),
    (6_000, Sizes(224, 128, 2, 64, quality=50)),
    (0, Sizes(128, 96, 0, 48, quality=50)),
)


def sizes_for(sequences: int, full: bool = False) -> Sizes:
    """The sizes with which the pictures of so many sequences stay within a page."""
    share = BUDGET / max(sequences, 1)
    return FULL if full else next(sizes for least, sizes in STEPS if share >= least)


def inlined(_: str, content: bytes) -> str:
    """A picture within the page."""
    return "data:image/webp;base64," + b64encode(content).decode()


def pictures(row: Row, sequence: Sequence, sizes: Sizes, keep: Keep) -> dict[str, Any]:
    """A sequence's pictures with their boxes, in pixels of the frame.

    Returns:
        ``crop``: the target as an address; ``size``: width and height of the frame; ``first`` and ``keys``: a picture
        as ``src``, ``frame``, ``truth``, ``track``, ``source``. Frames that cannot be read are left out.
    """
    made: dict[str, Any] = {"keys": []}
    present = np.flatnonzero(present_frames(row))
    start = int(present[0]) if len(present) else 0
    for frame in [start, *key_frames(row, len(sequence.frames), sizes.keys, start)]:
        with suppress(FrameError, IndexError):
            image = sequence.frames[frame]
            made.setdefault("size", [image.shape[1], image.shape[0]])
            if frame == start:
                box = row["boxes"][start] if len(present) else None
                made["crop"] = inlined("", encoded(crop(image, box, sizes.crop), sizes.quality)) if box else None
                made["first"] = _picture(row, frame, scaled(image, sizes.first), sizes.quality, keep)
            else:
                made["keys"].append(_picture(row, frame, scaled(image, sizes.key), sizes.quality, keep))
    return made


def key_frames(row: Row, frames: int, most: int, but: int = 0) -> list[int]:
    """The frames to show, in order: half spread over the video, half where track and truth agree least; ``but`` one."""
    grid = [*range(0, frames, max(frames // GRID, 1)), frames - 1]
    candidates = sorted(f for f in {*grid, *tracked(row, "key_frames")} if 0 <= f < frames and f != but)
    overlap = overlaps(row)
    known = [f for f in candidates if f < len(overlap) and np.isfinite(overlap[f])]
    worst = sorted(known, key=lambda f: float(overlap[f]))[: most // 2]
    return sorted({*worst, *spread([f for f in candidates if f not in worst], most - len(worst))})


def spread(items: list[int], count: int) -> list[int]:
    """So many of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return items
    return [items[round(place)] for place in np.linspace(0, len(items) - 1, count)] if count else []


def crop(image: Image, box: Iterable[float], side: int) -> Image:
    """A square around a box, with some of what is beside it, scaled to ``side``."""
    height, width = image.shape[:2]
    x, y, w, h = (float(v) for v in box)
    half = max(min(CONTEXT * max(w, h), width, height) / 2, 1.0)
    left = int(np.clip(x + w / 2 - half, 0, max(width - 2 * half, 0)))
    top = int(np.clip(y + h / 2 - half, 0, max(height - 2 * half, 0)))
    return scaled(image[top : top + max(int(2 * half), 1), left : left + max(int(2 * half), 1)], side)


def scaled(image: Image, width: int) -> Image:
    """An image not wider than ``width``."""
    import cv2

    if image.shape[1] <= width:
        return image
    height = max(round(image.shape[0] * width / image.shape[1]), 1)
    small: NDArray[Any] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return small


def encoded(image: Image, quality: int) -> bytes:
    """An image as WebP."""
    from PIL import Image as Pictures

    content = BytesIO()
    Pictures.fromarray(np.ascontiguousarray(image)).save(content, "WEBP", quality=quality, method=4)
    return content.getvalue()


def _picture(row: Row, frame: int, image: Image, quality: int, keep: Keep) -> dict[str, Any]:
    present = present_frames(row)
    return {
        "src": keep(f"{frame:06d}.webp", encoded(image, quality)),
        "frame": frame,
        "truth": row["boxes"][frame] if frame < len(present) and present[frame] else None,
        "track": _at(tracked(row, "boxes"), frame),
        "source": _at(tracked(row, "sources"), frame),
    }


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None
