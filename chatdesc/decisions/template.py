"""The template of a row: its frame, where both texts lead on it, and a sheet of later frames.

>>> box = (10.0, 20.0, 500.0, 30.0)
>>> in_per_cent(box, (200, 100))
{'x': 5.0, 'y': 20.0, 'width': 95.0, 'height': 30.0}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from chatdesc.decisions.case import Box, Proposal, Template, model_name
from chatdesc.page.pictures import key_frames, scaled
from chatdesc.page.records import made_by
from chatdesc.page.timeline import present_frames, tracked
from chatdesc.page.words import grounded
from chatdesc.protocols import Grounder
from chatdesc.rows.schema import Row
from chatdesc.types import FrameError, Image, Sequence

KEYS = 4  # later frames of a sheet
ACROSS = 2  # of them side by side
KEY_WIDTH = 480  # pixels of a frame in a sheet
GAP = 6  # pixels between frames of a sheet
LINES = 160  # the shorter side of a picture, in widths of a box's line
COLOURS = {"target": (0, 158, 115), "refined": (0, 114, 178), "manual": (213, 94, 0), "track": (230, 159, 0)}
"""RGB of boxes that are drawn: four colours that colour-blind people tell apart."""

Recorded = Mapping[int, dict[str, Any]]


def template_of(row: Row, sequence: Sequence, recorded: Recorded, grounder: Grounder | None = None) -> Template | None:
    """The first frame with the target, and what is known about it; None if it cannot be read.

    Args:
        row: a whole row.
        sequence: its frames.
        recorded: the proposals of key frames by ``chatdesc.page.proposals.recorded``.
        grounder: asked for the proposals of both texts; without one the recorded ones are taken.
    """
    present = np.flatnonzero(present_frames(row))
    frame = int(present[0]) if len(present) else 0
    try:
        image = sequence.frames[frame]
    except (FrameError, IndexError):
        return None
    target = _box(row["boxes"][frame]) if len(present) else None
    if grounder is not None:
        proposals, by = tuple(_asked(row, sequence, frame, grounder)), model_name(grounder.describe_self())
    else:
        proposals, by = tuple(_recorded(recorded.get(frame))), model_name(made_by(row).get("grounder"))
    return Template(image, frame, target, proposals, by if proposals else "", _sheet(row, sequence, frame))


def in_per_cent(box: Box, size: tuple[int, int]) -> dict[str, float]:
    """A box cut to a picture of ``size`` (width, height), in per cent of it."""
    left, top, right, bottom = _corners(box, size)
    across, down = 100 / size[0], 100 / size[1]
    shares = {"x": left * across, "y": top * down, "width": (right - left) * across, "height": (bottom - top) * down}
    return {name: round(share, 4) for name, share in shares.items()}


def drawn(image: Image, boxes: Iterable[tuple[str, Box]]) -> Image:
    """A copy of an image with boxes, each in the colour of its name in ``COLOURS``."""
    import cv2

    shown = np.array(image)
    height, width = shown.shape[:2]
    line = max(round(min(width, height) / LINES), 2)
    for name, box in boxes:
        left, top, right, bottom = (round(v) for v in _corners(box, (width, height)))
        cv2.rectangle(shown, (left, top), (right, bottom), COLOURS[name], line)
    return shown


def boxed(template: Template) -> Image:
    """The template with the best proposal of each text and the target's box drawn on it."""
    best = {proposal.side: proposal.box for proposal in reversed(template.proposals)}
    target = [("target", template.target)] if template.target else []
    return drawn(template.image, [*best.items(), *target])


def _corners(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    x, y, w, h = box
    width, height = size
    left, right = (min(max(v, 0.0), float(width)) for v in (x, x + w))
    top, bottom = (min(max(v, 0.0), float(height)) for v in (y, y + h))
    return left, top, right, bottom


def _box(listed: Any) -> Box | None:
    """A box that can be drawn, from a row."""
    values = [float(v) for v in listed or []]
    if len(values) != 4 or not np.isfinite(values).all() or min(values[2:]) <= 0:
        return None
    return values[0], values[1], values[2], values[3]


def _asked(row: Row, sequence: Sequence, frame: int, grounder: Grounder) -> Iterator[Proposal]:
    """The proposals of both texts by a grounder; whole texts are about the first frame."""
    whole: Any = row | {"rounds": []}
    for answer in grounded(whole, sequence.frames, grounder) if frame == 0 else ():
        for side in ("refined", "manual"):
            if answer["text"] == row["text" if side == "refined" else "manual_text"]:
                for box, (word, score, _) in zip(answer["boxes"], answer["best"], strict=True):
                    if (known := _box(box)) is not None:
                        yield Proposal(side, known, score, word)


def _recorded(kept: dict[str, Any] | None) -> Iterator[Proposal]:
    """What the verifier saw on the frame: proposals of the text that was followed."""
    for box, score in zip(kept["boxes"], kept["scores"], strict=True) if kept else ():
        if (known := _box(box)) is not None:
            yield Proposal("refined", known, score)


def _sheet(row: Row, sequence: Sequence, start: int) -> Image | None:
    """Later frames with their numbers and the boxes of target and track, each in a place as large as the first's."""
    shown: list[Image] = []
    for frame in key_frames(row, len(sequence.frames), KEYS, start):
        with suppress(FrameError):
            shown.append(_numbered(scaled(drawn(sequence.frames[frame], _known(row, frame)), KEY_WIDTH), frame))
    if not shown:
        return None
    height, width = shown[0].shape[:2]
    down, across = height + GAP, width + GAP
    sheet = np.full((-(-len(shown) // ACROSS) * down - GAP, min(len(shown), ACROSS) * across - GAP, 3), 255, np.uint8)
    for place, image in enumerate(shown):
        top, left = place // ACROSS * down, place % ACROSS * across
        cut = image[:height, :width]
        sheet[top : top + cut.shape[0], left : left + cut.shape[1]] = cut
    return sheet


def _numbered(image: Image, frame: int) -> Image:
    """An image with the frame's number on it."""
    import cv2

    shown = np.array(image)
    for colour, line in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(shown, str(frame), (5, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, line, cv2.LINE_AA)
    return shown


def _known(row: Row, frame: int) -> Iterator[tuple[str, Box]]:
    here = slice(frame, frame + 1)
    present = present_frames(row)[here].any()
    for name, boxes in (("track", tracked(row, "boxes")[here]), ("target", row["boxes"][here] if present else [])):
        yield from ((name, box) for box in map(_box, boxes) if box is not None)
