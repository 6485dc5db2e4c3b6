"""What a text gains in tracking, and when one text gains more than another: pure functions on agreements per frame.

An agreement is the IoU of a track with the ground truth, or with the same track in the other direction. Texts are
compared on the same frames:

>>> alone, guided = np.repeat([0.8, 0.1], 20), np.full(40, 0.8)     # without the text, the track is lost half-way
>>> found = difference(guided, alone, block=5)
>>> round(found.mean, 2), beyond(found), beyond(difference(alone, alone, block=5))
(0.35, True, False)
>>> none_better([guided, alone, guided - 0.01], block=5)
[True, False, True]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FLOOR = 0.02  # a smaller mean difference counts as none: KCF, started a pixel further, differs by .020 (the median)
LEVEL = 0.95
SAMPLES = 2000
STAYS = 3  # frames in a row without the target that make a departure


class Difference(NamedTuple):
    """Mean difference of two agreements over the same frames, with the interval that its noise leaves."""

    mean: float
    low: float
    high: float


class Left(NamedTuple):
    """Where a track left the target.

    Attributes:
        frame: the first frame without it.
        seen: a frame in which the track is on something else.
        box: the track there, or what it followed, xywh in pixels.
        by: ``language`` if the track was restarted at a proposal in ``frame``, else ``tracker``.
    """

    frame: int
    seen: int
    box: tuple[float, float, float, float]
    by: str


@dataclass(frozen=True, slots=True)
class Gain:
    """What one text gains over tracking without any, on the same frames.

    Attributes:
        kind: ``track`` (IoU with the ground truth) or ``self`` (agreement of both directions).
        frames: how many frames were tracked, the first included.
        values: the agreement in each frame that is compared.
        score, baseline: means of the agreement with the text, and without any.
        difference: of ``score`` and ``baseline``.
        block: frames that are drawn together for the interval.
        led: with ``self``, the IoU of the text's best proposal with the track on every ``block``-th frame.
        left: where the track left the target; None if it did not.
    """

    kind: str
    frames: int
    values: tuple[float, ...]
    score: float
    baseline: float
    difference: Difference
    block: int
    led: tuple[float, ...] = ()
    left: Left | None = None


def difference(values: ArrayLike, others: ArrayLike, block: int, seed: int = 0) -> Difference:
    """Mean of ``values - others`` over frames, with the interval of a bootstrap over blocks of frames.

    Args:
        values, others: [F] agreements in the same frames, in order; F >= 1.
        block: frames that are drawn together, because neighbours are alike: a track stays as it is up to the next key
            frame.
        seed: the same seed gives the same interval on every machine.

    Source: the circular block bootstrap, Politis and Romano, "A circular block-resampling procedure for stationary
    data", in Exploring the Limits of Bootstrap, 1992.
    """
    gains = np.asarray(values, np.float64) - np.asarray(others, np.float64)
    means = _resampled(gains, min(max(block, 1), len(gains)), np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(float(gains.mean()), float(low), float(high))


def _resampled(gains: Floats, block: int, rng: np.random.Generator) -> Floats:
    """[SAMPLES] means of blocks drawn with replacement, as many as make up all frames; the last frame meets the
    first."""
    count = -(-len(gains) // block)
    starts = rng.integers(0, len(gains), (SAMPLES, count, 1))
    drawn = gains[(starts + np.arange(block)) % len(gains)].reshape(SAMPLES, -1)
    return np.asarray(drawn[:, : len(gains)].mean(1))


def beyond(found: Difference) -> bool:
    """Whether a difference is a gain beyond its noise: its interval is above 0, and it is at least FLOOR."""
    return found.low > 0 and found.mean >= FLOOR


def none_better(agreements: Sequence[ArrayLike], block: int) -> list[bool]:
    """Which of several agreements no other one exceeds beyond its noise."""
    return [not any(beyond(difference(other, one, block)) for other in agreements) for one in agreements]


def departure(agreement: ArrayLike, theta: float) -> tuple[int, int] | None:
    """The first and the last of STAYS values [F] in a row under ``theta``, by their index; None where none are.

    >>> departure([0.8, 0.1, 0.7, 0.2, 0.1, 0.0], theta=0.3)
    (3, 5)
    """
    low = np.asarray(agreement) < theta
    runs = np.convolve(low, np.ones(STAYS, int), "valid") if len(low) >= STAYS else np.zeros(0)
    found = np.flatnonzero(runs == STAYS)
    return (int(found[0]), int(found[0]) + STAYS - 1) if len(found) else None
