"""A bootstrap interval of a mean that corrects for bias and skew.

>>> low, high = bca_interval([0.0] * 15 + [1.0, 2.0, 3.0, 9.0, 10.0])       # a few sequences gain much, most nothing
>>> 0.3 < low < 0.5 and 2.7 < high < 3.3
True
>>> bca_interval([2.0] * 20) is None                                        # no spread says nothing of another sample
True
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike

from chatdesc.metrics.paired import says_nothing

BLOCK = 1000  # resamples at a time, so that memory stays at a few megabytes


def bca_interval(
    values: ArrayLike, *, level: float = 0.95, samples: int = 10_000, seed: int = 0
) -> tuple[float, float] | None:
    """The bias-corrected and accelerated bootstrap interval of a mean.

    Args:
        values: [N], one per pair; no NaN.
        level: share of samples whose interval holds the true mean.
        samples: how often the values are drawn anew, with replacement.
        seed: the same seed gives the same interval.

    Returns:
        Both ends; None under ``paired.FEW`` values, and where all are alike: the correction is not defined then.

    Raises:
        ValueError: ``values`` is no list of finite numbers, or ``level`` is not between 0 and 1.

    Source: Efron, "Better bootstrap confidence intervals", Journal of the American Statistical Association 1987; the
    computation is scipy.stats.bootstrap's.
    """
    gain = np.asarray(values, np.float64)
    if gain.ndim != 1 or not np.isfinite(gain).all():
        raise ValueError(f"an interval needs a list of finite numbers; got shape {gain.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level is a share between 0 and 1, not {level}")
    if says_nothing(gain):
        return None
    from scipy.stats import bootstrap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of degenerate data, which are answered with NaN
        found = bootstrap(
            (gain,), np.mean, confidence_level=level, n_resamples=samples, batch=BLOCK, method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval  # fmt: skip
    ends = (float(found.low), float(found.high))
    return ends if np.isfinite(ends).all() else None
