"""How many frames of each track pass each threshold, for tracks and truths that are nothing but boxes.

The measures of ``metrics/overlap.py`` in the same order of the same operations, so that every tie is decided alike; but
without a check per frame, without a fresh array per operation, and straight to counts. ``count_passed`` answers None
where a number is not finite or a box has no size, and where a protocol has rules of its own: ``metrics/ope.py`` does
those with care.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.protocols import Rules
from chatdesc.metrics.spare import Spare

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.intp]
Steps = NDArray[np.uint8]

KEPT = 1 << 18  # frames for which arrays are kept
ROOM = 64  # thresholds that there is room for, and one


@dataclass(frozen=True, slots=True, eq=False)
class Passed:
    """Tables [S, T + 1]: how many frames of each track pass 0, 1 .. T thresholds of overlap, and of both errors."""

    overlap: Whole
    error: Whole
    norm_error: Whole


class _Scratch:
    """Room for so many frames."""

    def __init__(self, frames: int) -> None:
        self.floats = np.empty((5, frames))
        self.steps, self.flag = np.empty((3, frames), np.uint8), np.empty(frames, np.bool_)
        self.place, self.base = (np.empty(frames, np.intp) for _ in range(2))


_spare = Spare(_Scratch, KEPT)


def count_passed(
    track: Floats, truth: Floats, seen: Flags | None, rules: Rules, owner: Whole, tracks: int
) -> Passed | None:
    """The tables of several tracks, None where they need more care.

    Args:
        track, truth: [4, N] xywh in pixels, number by number, all tracks one after another.
        seen: [N] whether the target is visible; None: throughout.
        owner: [N] the number of each frame's track, of so many ``tracks``.
    """
    limits = (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds)
    if not is_usual(rules):
        return None
    with _spare.room(len(owner)) as use:
        with np.errstate(all="ignore"):
            steps = _steps(track, truth, limits, use)
        if steps is None:
            return None
        _overrule(steps, truth, seen, rules, limits)
        base, place = use.base[: len(owner)], use.place[: len(owner)]
        np.multiply(owner, ROOM, out=base)
        tables = [np.bincount(np.add(base, one, out=place), minlength=tracks * ROOM) for one in steps]
    return Passed(*(table.reshape(tracks, ROOM)[:, : len(limit) + 1] for table, limit in zip(tables, limits)))


def is_usual(rules: Rules) -> bool:
    """Whether frames can be counted without care under a protocol."""
    usual = rules.normalise == "before" and rules.valid in ("positive", "sized") and rules.nan_truth_counts
    even = map(_are_even, (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds))
    return usual and not (rules.rounded or rules.reached or rules.valid_centre) and all(even)


def _are_even(thresholds: Floats) -> bool:
    """Whether thresholds are 0, step, 2 step .., up to rounding."""
    last = len(thresholds) - 1
    if not 0 < last < ROOM - 1 or not thresholds[-1] > 0:
        return False
    step = float(thresholds[-1]) / last
    return bool(np.abs(thresholds - step * np.arange(last + 1)).max() <= 1e-9 * step)


def _steps(track: Floats, truth: Floats, limits: tuple[Floats, Floats, Floats], use: _Scratch) -> list[Steps] | None:
    """[N] each: how many thresholds a frame's overlap exceeds, and its errors; None where a number needs a look.

    Whatever is not finite makes the union or the distance so, too.
    """
    frames = track.shape[1]
    a, b, c, d, e = use.floats[:, :frames]
    x, y, width, height = track
    true_x, true_y, true_width, true_height = truth
    flag, (overlap, error, norm_error) = use.flag[:frames], use.steps[:, :frames]
    _common(x, width, true_x, true_width, a, b)
    _common(y, height, true_y, true_height, c, b)
    a *= c
    np.multiply(width, height, out=b)
    b += np.multiply(true_width, true_height, out=c)
    b -= a
    if not (width.min() > 0 and height.min() > 0 and b.min() > 0 and b.max() < np.inf):  # NaN is neither
        return None
    a /= b
    np.minimum(a, 1, out=a)
    _exceeded(a, limits[0], b, c, flag, overlap)
    _middle(x, width, a)
    _middle(true_x, true_width, b)
    _middle(y, height, c)
    _middle(true_y, true_height, d)
    np.square(np.subtract(a, b, out=e), out=e)
    a /= true_width
    a -= np.divide(b, true_width, out=b)
    np.square(np.subtract(c, d, out=b), out=b)
    e += b
    if not e.max() < np.inf:
        return None
    c /= true_height
    c -= np.divide(d, true_height, out=d)
    a *= a
    c *= c
    a += c
    _exceeded(np.sqrt(e, out=e), limits[1], b, c, flag, error)
    _exceeded(np.sqrt(a, out=a), limits[2], b, c, flag, norm_error)
    return [overlap, error, norm_error]


def _common(start: Floats, size: Floats, true_start: Floats, true_size: Floats, out: Floats, use: Floats) -> None:
    """The length that two stretches share."""
    np.minimum(np.add(start, size, out=out), np.add(true_start, true_size, out=use), out=out)
    out -= np.maximum(start, true_start, out=use)
    np.maximum(out, 0, out=out)


def _middle(start: Floats, size: Floats, out: Floats) -> None:
    np.subtract(size, 1, out=out)
    out *= 0.5
    out += start


def _exceeded(values: Floats, limits: Floats, near: Floats, use: Floats, flag: Flags, out: Steps) -> None:
    """How many thresholds lie below each value, or all where it is NaN.

    All before the nearest one lie below, none after it; the nearest one is compared as it is written, because a tie
    decides by the last bit. At whole pixels, rounding up is the same.
    """
    last = len(limits) - 1
    whole = np.arange(last + 1)
    if (limits == whole).all():
        np.ceil(np.fmin(values, last + 1, out=near), out=near)
        np.copyto(out, near, casting="unsafe")
        return
    np.multiply(values, last / float(limits[-1]), out=near)
    np.rint(np.fmin(near, last + 1, out=near), out=near)
    np.copyto(out, near, casting="unsafe")
    if (whole * limits[1] == limits).all():
        nearest = np.multiply(near, limits[1], out=use)
    elif (whole / np.rint(1 / limits[1]) == limits).all():
        nearest = np.divide(near, np.rint(1 / limits[1]), out=use)
    else:
        nearest = np.append(limits, np.inf).take(out, out=use, mode="clip")
    out += np.less(nearest, values, out=flag).view(np.uint8)
    np.minimum(out, last + 1, out=out)


def _overrule(
    steps: list[Steps], truth: Floats, seen: Flags | None, rules: Rules, limits: tuple[Floats, Floats, Floats]
) -> None:
    """Frames without a true box, and those in which the target is absent, are hits or misses by the protocol."""
    overlap, error, norm_error = steps
    sized = truth if rules.valid == "positive" else truth[2:]
    if sized.min() <= 0:
        bad = np.flatnonzero(~(sized > 0).all(0))
        overlap[bad] = 0
        error[bad] = 0 if rules.invalid_error == "hit" else len(limits[1])
        norm_error[bad] = 0 if rules.invalid_norm == "hit" else len(limits[2])
    if rules.absent_is_miss and seen is not None and not seen.all():
        absent = np.flatnonzero(~seen)
        for one, missed in zip(steps, (0, len(limits[1]), len(limits[2])), strict=True):
            one[absent] = missed
