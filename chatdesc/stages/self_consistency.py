"""A track compared with itself in the other direction, without ground truth.

A track that comes back to where it began was on one thing all along: forward-backward errors are from Kalal,
Mikolajczyk and Matas, "Forward-Backward Error: Automatic Detection of Tracking Failures", ICPR 2010. Here the way back
begins where the way forth ends, and has the same text. From the frame on in which the two part, the way forth may be on
something else:

>>> here, there = np.tile([10.0, 10, 20, 20], (12, 1)), np.tile([60.0, 10, 20, 20], (12, 1))
>>> forth = np.concatenate([here[:8], there[8:]])           # goes over to another thing in frame 8, which leads to
>>> parting(forth, there, theta=0.3)                        # where that thing was in the beginning
7
>>> holding(12, 7).tolist()
[1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.overlap import iou
from chatdesc.stages.gain import Floats, departure
from chatdesc.types import Boxes, Frames, Image, Sequence


def first_box_alone(sequence: Sequence) -> Sequence:
    """The sequence without any annotation but the box of its first frame."""
    boxes = np.full_like(sequence.boxes, np.nan)
    boxes[:1] = sequence.boxes[:1]
    return replace(sequence, boxes=boxes, visible=None)


class Backwards(Frames):
    """The first ``count`` frames of a video, from the last to the first; the decoded frames are those of the video."""

    __slots__ = ("forwards",)

    def __init__(self, forwards: Frames, count: int) -> None:
        super().__init__(forwards.paths[:count][::-1], forwards.read_bytes)
        self.forwards = forwards

    def __getitem__(self, index: int) -> Image:
        """See ``Frames``."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of {len(self)}")
        return self.forwards[len(self) - 1 - index % len(self)]


def backwards(over: Sequence, last: Boxes) -> Sequence:
    """A sequence from its last frame to its first, with the box ``last`` [4] to begin with and no other."""
    boxes = np.full_like(over.boxes, np.nan)
    boxes[0] = last
    return replace(over, frames=Backwards(over.frames, len(over)), boxes=boxes, visible=None)


def parting(forth: Boxes, back: Boxes, theta: float) -> int | None:
    """The last frame in which both directions are on different things; None where they never are.

    Args:
        forth, back: [N, 4] xywh of the same frames, in order; both are the same in frame N - 1.
        theta: an IoU below it, in several frames in a row, is of different things.
    """
    agreement: NDArray[np.float64] = iou(forth, back)[-2::-1]
    found = departure(agreement, theta)
    return None if found is None else len(agreement) - 1 - found[0]


def holding(frames: int, parted: int | None) -> Floats:
    """[frames - 1] 1 for the frames up to ``parted``, 0 after it; all 1 where the directions never part.

    The last frame does not count: there the directions meet.
    """
    up_to = frames if parted is None else parted
    return np.asarray(np.arange(frames - 1) <= up_to, np.float64)
