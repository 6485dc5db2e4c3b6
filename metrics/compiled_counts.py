"""Curves of tracks in one pass over their frames, as a loop that numba compiles.

The operations of ``passed.py`` in their order, each rounded by itself (nothing is fused or reordered), so that every
tie is decided alike. A track that needs a look at its numbers is left to ``metrics/ope.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from chatdesc.metrics.protocols import Rules

Floats = NDArray[np.float64]


class Limits(NamedTuple):
    """Thresholds [T] and infinity, [T + 1]: at equal distances from 0 on, up to rounding."""

    overlap: Floats
    error: Floats
    norm_error: Floats


class Ways(NamedTuple):
    """A protocol's rules as flags; see ``Rules``."""

    first_is_given: bool
    positive: bool  # all four numbers of a true box are, not only its size
    absent_is_miss: bool
    refused: bool  # a track with a negative size is
    error_hits: bool  # of a frame without a true box
    norm_hits: bool


def ways(rules: Rules) -> Ways:
    """The flags of a usual protocol (see ``passed.is_usual``)."""
    return Ways(
        rules.first_is_given,
        rules.valid == "positive",
        rules.absent_is_miss,
        rules.bad_box == "refused",
        rules.invalid_error == "hit",
        rules.invalid_norm == "hit",
    )


def limits(rules: Rules) -> Limits:
    """The thresholds of a protocol."""
    kept = (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds)
    return Limits(*(np.append(one, np.inf) for one in kept))


@njit(nogil=True, cache=True, error_model="numpy")
def _exceeded(value, thresholds, per_unit):  # type: ignore[no-untyped-def]
    """How many thresholds lie below a value that is not NaN: those before the nearest one, and perhaps that one."""
    near, last = value * per_unit + 0.5, float(len(thresholds) - 1)
    place = int(near if near < last else last)
    return place + (thresholds[place] < value)


@njit(nogil=True, cache=True, error_model="numpy")
def count(tracks, firsts, truths, true_firsts, frames, seen, limits, ways, tables, repaired):  # type: ignore[no-untyped-def]
    """Count the frames of tracks as long as their truths by how many thresholds they pass.

    Args:
        tracks, truths: [4, N] xywh in pixels, number by number; those of the tracks are finite.
        firsts, true_firsts, frames: [S] where each track and truth begins, and its length.
        seen: [N] of the truths, whether the target is visible.
        tables: intp [S, 3, T + 1], zeros; filled as in ``Passed``.
        repaired: intp [S], filled: boxes without a size, which took the one before; -1: this track needs care.
    """
    per_overlap = 1 / limits.overlap[1]
    per_error = 1 / limits.error[1]
    per_norm = 1 / limits.norm_error[1]
    for one in range(len(frames)):
        repaired[one] = 0
        x, y, w, h = tracks[:, firsts[one] : firsts[one] + frames[one]]
        true_x, true_y, true_w, true_h = truths[:, true_firsts[one] : true_firsts[one] + frames[one]]
        visible = seen[true_firsts[one] : true_firsts[one] + frames[one]]
        good = 0
        for i in range(frames[one]):
            tx, ty, tw, th = true_x[i], true_y[i], true_w[i], true_h[i]
            if w[i] > 0 and h[i] > 0:
                good = i
            elif i > 0:
                repaired[one] += 1
            if ways.refused and (w[i] < 0 or h[i] < 0):
                repaired[one] = -1
                break
            px, py, pw, ph = x[good], y[good], w[good], h[good]
            if i == 0 and ways.first_is_given:
                px, py, pw, ph = tx, ty, tw, th
            shared = max(min(px + pw, tx + tw) - max(px, tx), 0.0)
            shared *= max(min(py + ph, ty + th) - max(py, ty), 0.0)
            union = pw * ph + tw * th - shared
            middle, true_middle = (pw - 1) * 0.5 + px, (tw - 1) * 0.5 + tx
            centre, true_centre = (ph - 1) * 0.5 + py, (th - 1) * 0.5 + ty
            apart = (middle - true_middle) ** 2 + (centre - true_centre) ** 2
            if not (pw > 0 and ph > 0 and 0 < union < np.inf and apart < np.inf):
                repaired[one] = -1
                break
            if ways.absent_is_miss and not visible[i]:
                a, b, c = 0, len(limits.error) - 1, len(limits.norm_error) - 1
            elif not (tw > 0 and th > 0 and (not ways.positive or (tx > 0 and ty > 0))):
                a, b = 0, 0 if ways.error_hits else len(limits.error) - 1
                c = 0 if ways.norm_hits else len(limits.norm_error) - 1
            else:
                across, down = middle / tw - true_middle / tw, centre / th - true_centre / th
                a = _exceeded(min(shared / union, 1.0), limits.overlap, per_overlap)
                b = _exceeded(np.sqrt(apart), limits.error, per_error)
                c = _exceeded(np.sqrt(across * across + down * down), limits.norm_error, per_norm)
            tables[one, 0, a] += 1
            tables[one, 1, b] += 1
            tables[one, 2, c] += 1
