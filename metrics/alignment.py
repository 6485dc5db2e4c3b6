"""How well a text and a picture agree in an encoder's eyes, and whether one set of texts beats another.

>>> texts, crops = np.array([[1.0, 0.0]] * 2), np.array([[0.8, 0.6], [0.6, 0.8]])     # [F, D] unit vectors
>>> on_target = cosine(texts, crops)
>>> on_target
array([80., 60.])
>>> float(mean_over_frames(margin(on_target, [[50.0, 70.0], [40.0, np.nan]])))          # 80 - 70 and 60 - 40
15.0
>>> gain = paired_bootstrap([20.0, 24.0, 22.0], [23.0, 23.0, 26.0])
>>> gain.mean, gain.count, gain.better, gain.worse
(2.0, 3, 2, 1)

Values are cosines times 100, as CLIP scores are printed; nothing is clipped at 0 and no prefix is added to a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

UNIT_TOLERANCE = 1e-2  # half precision rounds a unit vector's length by less


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean difference with its confidence interval, and how many of ``count`` pairs got better and worse."""

    mean: float
    low: float
    high: float
    count: int
    better: int
    worse: int


def cosine(texts: ArrayLike, crops: ArrayLike) -> Floats:
    """100 x the cosine between unit vectors: any shapes [..., D] that broadcast -> [...].

    NaN where a vector is NaN (a crop that does not exist); 0 for a vector of zeros (a text of which the encoder knows
    no word), which is aligned with nothing.

    Raises:
        ValueError: a vector is neither of unit length nor zero, so that a product would be no cosine.

    Source: Hessel et al., "CLIPScore", EMNLP 2021, without its rescaling and its floor at 0.
    """
    a, b = np.asarray(texts, np.float64), np.asarray(crops, np.float64)
    for name, vectors in (("texts", a), ("crops", b)):
        lengths = np.atleast_1d(np.linalg.norm(vectors, axis=-1))
        wrong = lengths[(np.abs(lengths - 1) > UNIT_TOLERANCE) & (lengths > 0)]  # NaN is not greater than anything
        if len(wrong):
            raise ValueError(f"{name} must be unit vectors; a length is {wrong[0]:g}")
    return 100 * (a * b).sum(-1)


def margin(on_target: ArrayLike, on_distractors: ArrayLike) -> Floats:
    """By how much a text prefers the target to the strongest distractor: [F], [F, K] -> [F].

    NaN distractors are left out; a frame without any has no margin (NaN).
    """
    target, others = np.asarray(on_target, np.float64), np.asarray(on_distractors, np.float64)
    strongest = np.where(np.isnan(others), -np.inf, others).max(-1, initial=-np.inf)
    return target - np.where(np.isinf(strongest), np.nan, strongest)


def mean_over_frames(values: ArrayLike, axis: int = -1) -> Floats:
    """The mean without NaN; NaN where nothing is left."""
    data = np.asarray(values, np.float64)
    known = ~np.isnan(data)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, data, 0).sum(axis) / np.maximum(count, 1), np.nan)


def paired_bootstrap(
    before: ArrayLike, after: ArrayLike, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> Interval:
    """Mean of ``after - before`` over pairs, with a percentile bootstrap interval.

    Args:
        before, after: [N], one value per sequence, in the same order; pairs with a NaN are left out.
        level: share of the resampled means that the interval holds.
        samples: how often the pairs are drawn anew, with replacement.
        seed: the same seed gives the same interval on every machine.

    Raises:
        ValueError: lengths differ, or ``level`` is not between 0 and 1.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    a, b = np.asarray(before, np.float64), np.asarray(after, np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"pairs need two lists of the same length; got shapes {a.shape} and {b.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, not {level}")
    gain = (b - a)[~np.isnan(b - a)]
    if not len(gain):
        return Interval(np.nan, np.nan, np.nan, 0, 0, 0)
    means = _resampled_means(gain, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(
        float(gain.mean()), float(low), float(high), len(gain), int((gain > 0).sum()), int((gain < 0).sum())
    )


def _resampled_means(values: Floats, samples: int, rng: np.random.Generator) -> Floats:
    """[samples] means of draws with replacement, in blocks, so that memory stays at a few megabytes."""
    block = max(1, 1_000_000 // len(values))
    parts = []
    for start in range(0, samples, block):
        draws = rng.integers(0, len(values), (min(block, samples - start), len(values)))
        parts.append(values[draws].mean(1))
    return np.concatenate(parts)


def known_mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are known (neither None nor NaN); None where none is."""
    known = [v for v in values if v is not None and not np.isnan(v)]
    return float(np.mean(known)) if known else None
