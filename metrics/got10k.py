"""AO, SR50 and SR75: the mean overlap and success rates by which GOT-10k ranks.

>>> truth = np.tile([100.0, 100.0, 20.0, 20.0], (4, 1))
>>> track = truth + [[0, 0, 0, 0], [0, 0, 0, 0], [5, 0, 0, 0], [30, 0, 0, 0]]
>>> scored = average_overlap([scored_overlaps(track, truth)])                           # IoU 1, .6 and 0
>>> round(scored.ao, 3), round(scored.sr50, 3), round(scored.sr75, 3)
(0.533, 0.667, 0.333)

These are no one-pass-evaluation numbers: the given first frame does not count, frames in which nothing of the target
can be seen do not count, boxes end at the picture's edge, and all frames of all sequences weigh the same.

Source: Huang, Zhao and Huang, "GOT-10k", TPAMI 2021, section 4, and the toolkit's ``ExperimentGOT10k.report``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.metrics.overlap import iou
from chatdesc.names import counted

Floats = NDArray[np.float64]

# Overlap thresholds of the success curve; a rate counts what exceeds its threshold.
THRESHOLDS: Floats = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Mean overlap, shares of frames with IoU > 0.5 and > 0.75, and the curve [101] over THRESHOLDS."""

    ao: float
    sr50: float
    sr75: float
    curve: Floats
    frames: int


def scored_overlaps(
    predicted: ArrayLike, truth: ArrayLike, cover: ArrayLike | None = None, size: tuple[float, float] | None = None
) -> Floats:
    """IoU of the frames that count, [K].

    Args:
        predicted: [N, 4] xywh, pixels; a row with NaN overlaps nothing.
        truth: [N, 4] xywh, pixels.
        cover: [N] how much of the target is visible, in any unit; frames with 0 do not count. None: all is visible.
        size: (width, height) of the picture in pixels, where boxes end; None leaves them whole.

    Raises:
        ValueError: lengths differ, or there is only the given frame.
    """
    track, real = np.asarray(predicted, np.float64).reshape(-1, 4), np.asarray(truth, np.float64).reshape(-1, 4)
    seen = np.ones(len(real)) if cover is None else np.asarray(cover, np.float64)
    if not len(track) == len(real) == len(seen):
        boxes, frames = counted(len(track), "box"), counted(len(real), "frame")
        raise ValueError(f"the track has {boxes} for {frames}, and a cover for {len(seen)} of them")
    if len(real) < 2:
        raise ValueError("a sequence of one frame has nothing to score: its box is given")
    track, real = track[1:], real[1:]
    if size is not None:
        track, real = within(track, size), within(real, size)
    return np.asarray(iou(track, real)[seen[1:] > 0])


def within(boxes: Floats, size: tuple[float, float]) -> Floats:
    """Boxes [N, 4] that end at the picture's edge, as the toolkit cuts them.

    A box that begins left of or above the picture is moved to its edge and keeps its size.
    """
    width, height = size
    x, y = np.clip(boxes[:, 0], 0, width), np.clip(boxes[:, 1], 0, height)
    return np.stack([x, y, np.clip(boxes[:, 2], 0, width - x), np.clip(boxes[:, 3], 0, height - y)], 1)


def average_overlap(overlaps: Iterable[ArrayLike]) -> Overlaps:
    """AO, SR50 and SR75 over the frames of all sequences together.

    Args:
        overlaps: [K] each, as ``scored_overlaps`` gives them; of one sequence for its own numbers.

    Raises:
        ValueError: no frame counts.
    """
    parts = [np.asarray(part, np.float64) for part in overlaps]
    every = np.concatenate(parts) if parts else np.zeros(0)
    if not len(every):
        raise ValueError("no frame counts, so there is no mean; is the target covered in all of them?")
    above = len(every) - np.searchsorted(np.sort(every), THRESHOLDS, "right")
    return Overlaps(
        float(every.mean()), float((every > 0.5).mean()), float((every > 0.75).mean()), above / len(every), len(every)
    )
