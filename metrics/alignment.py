"""How well a text and a picture agree in an encoder's eyes.

>>> texts, crops = np.array([[1.0, 0.0]] * 2), np.array([[0.8, 0.6], [0.6, 0.8]])     # [F, D] unit vectors
>>> on_target = cosine(texts, crops)
>>> on_target
array([80., 60.])
>>> float(mean_over_frames(margin(on_target, [[50.0, 70.0], [40.0, np.nan]])))          # 80 - 70 and 60 - 40
15.0

Values are cosines times 100, as CLIP scores are printed; nothing is clipped at 0 and no prefix is added to a text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

UNIT_TOLERANCE = 1e-2  # half precision rounds a unit vector's length by less


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
