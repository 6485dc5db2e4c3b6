"""Crops and texts to ask encoders for, on frames that count how often each is decoded."""

from __future__ import annotations

import numpy as np

from chatdesc.types import Crop, Embed, FrameError, FrameRef, Frames

TEXTS = ("the red square", "a blue thing on the left of the road", "swing")
BOXES = [[4, 6, 20, 30], [40.6, 10.6, 50, 20.9], [-8, -5, 30, 30], [90, 70, 40, 40]]
PARTS = [(4, 6, 24, 36), (41, 11, 91, 32), (0, 0, 22, 25), (90, 70, 128, 96)]  # BOXES on whole pixels, as corners


class CountedFrames(Frames):
    """Frames over ``images``; ``decoded`` has the index of every frame decoded. A None cannot be decoded."""

    __slots__ = ("decoded", "images")

    def __init__(self, images):
        super().__init__(tuple(f"{i}.jpg" for i in range(len(images))), lambda path: b"")
        self.images, self.decoded = images, []

    def _decode(self, index):
        self.decoded.append(index)
        if self.images[index] is None:
            raise FrameError(f"{self.paths[index]}: is not a readable image")
        return self.images[index]


def noisy_video():
    """Two frames of noise, and a third that cannot be decoded."""
    rng = np.random.default_rng(0)
    return CountedFrames([*(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(2)), None])


def crop(video, index, box):
    return Crop(FrameRef(video, index), np.array(box, np.float32))


def request(video, frames=(0, 1), boxes=BOXES, texts=TEXTS):
    """Every box in every one of these frames, and every text."""
    return Embed("clip", tuple(crop(video, i, b) for i in frames for b in boxes), tuple(texts))
