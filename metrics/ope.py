"""One-pass evaluation: success, precision and normalised precision of a track, by a named protocol.

>>> truth = np.tile([100.0, 100.0, 20.0, 20.0], (4, 1))                     # [N, 4] xywh in pixels
>>> score = score_sequence(truth + [[0, 0, 0, 0], [5, 0, 0, 0], [10, 0, 0, 0], [30, 0, 0, 0]], truth)
>>> score.op50, score.precision_at_20, score.norm_precision_at_20
(0.5, 0.75, 0.25)

Toolkits agree on the three measures and differ in the rules around them: what becomes of a frame without a target, of
a predicted box without a size, of the first frame. Those rules are a ``Rules`` (``metrics/protocols.py``); the scorer
is written once.

Sources: Wu, Lim and Yang, "Online Object Tracking: A Benchmark", CVPR 2013 (success and precision plots); Mueller et
al., "TrackingNet", ECCV 2018 (normalised precision); Fan et al., "LaSOT", CVPR 2019, and its evaluation toolkit.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.metrics.curves import Score, mean_score, measure_many, scores_of, shares_above, shares_within
from chatdesc.metrics.overlap import Point, centres, distance, iou, middle, scaled_distance
from chatdesc.metrics.passed import Passed, count_passed
from chatdesc.metrics.protocols import LASOT, PROTOCOLS, Rules
from chatdesc.names import counted

__all__ = [
    "LASOT",
    "PROTOCOLS",
    "Rules",
    "Score",
    "curve_above",
    "curve_within",
    "mean_score",
    "measure_many",
    "score_many",
    "score_sequence",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.intp]

BLOCK = 16_384  # frames scored at a time

HIT, MISS = -1.0, np.nan  # as an error


def score_sequence(
    predicted: ArrayLike, truth: ArrayLike, visible: ArrayLike | None = None, rules: Rules = LASOT
) -> Score:
    """Score one track against the ground truth; see ``score_many``.

    Raises:
        ValueError: there is no frame, flags of another length, or a track that the protocol refuses.
    """
    [answer] = score_many([predicted], [truth], [visible], rules)
    if isinstance(answer, ValueError):
        raise answer
    return answer


def score_many(
    predicted: Many[ArrayLike], truths: Many[ArrayLike], visible: Many[ArrayLike | None], rules: Rules = LASOT
) -> list[Score | ValueError]:
    """Score many tracks, as arrays over the frames of several at once; a track that is refused has its error.

    Args:
        predicted: [M, 4] xywh each, pixels; rows beyond N are cut. Fewer rows, NaN and empty boxes: see ``rules``.
            Arrays in Fortran order (number by number) are read fastest.
        truths: [N, 4] xywh each, pixels.
        visible: bool [N] each; None means that the target is visible throughout.
        rules: the protocol; ``rules.on(dataset)`` where it depends on the dataset.
    """
    answers: list[Score | ValueError] = []
    block: list[_Pair] = []
    for track, truth, flags in zip(predicted, truths, visible, strict=True):
        try:
            block.append(_pair(track, truth, flags, rules))
            answers.append(_PENDING)
        except ValueError as error:
            answers.append(error)
    scores = (score for part in _blocks(block) for score in _score_block(part, rules))
    return [next(scores) if answer is _PENDING else answer for answer in answers]


_PENDING = ValueError("not scored yet")


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A track [M, 4] with the truth [N, 4] and flags [N] that it is scored against; M is at most N.

    ``seen`` is None where the target is visible throughout.
    """

    track: Floats
    truth: Floats
    seen: Flags | None
    cut: int
    lacking: int


def _pair(predicted: ArrayLike, truth: ArrayLike, visible: ArrayLike | None, rules: Rules) -> _Pair:
    real, track = np.asarray(truth, np.float64), np.asarray(predicted, np.float64)
    track = track if track.ndim == 2 else track.reshape(-1, 4)
    seen = None if visible is None else np.asarray(visible, np.bool_)
    rows, frames = len(track), len(real)
    if not rows == frames == (frames if seen is None else len(seen)) or not frames:
        _check_lengths(rows, frames, frames if seen is None else len(seen), rules)
    if rules.bad_box == "refused":
        _refuse(track[:frames], rules)
    if rows == frames:
        return _Pair(track, real, seen, 0, 0)
    if rows < frames and rules.short == "truth is cut":
        real, seen = real[:rows], None if seen is None else seen[:rows]
    return _Pair(track[:frames], real, seen, max(0, rows - frames), max(0, frames - rows))


def _blocks(pairs: list[_Pair]) -> Iterator[list[_Pair]]:
    """Groups of pairs of about BLOCK frames, whose arrays stay in a processor's cache."""
    group: list[_Pair] = []
    frames = 0
    for pair in pairs:
        group.append(pair)
        frames += len(pair.truth)
        if frames >= BLOCK:
            yield group
            group, frames = [], 0
    if group:
        yield group


def _score_block(pairs: list[_Pair], rules: Rules) -> list[Score]:
    lengths = np.array([len(pair.truth) for pair in pairs])
    owner = np.repeat(np.arange(len(pairs)), lengths)
    # Number by number, [4, frames]: what follows works on one of the four at a time.
    truth = np.concatenate([pair.truth.T for pair in pairs], 1)
    track, repaired = _repair(pairs, lengths, owner, truth, rules)
    seen = _seen(pairs)
    counted = lengths
    if not rules.nan_truth_counts:
        counted = np.bincount(owner[~_blank(truth.T)], minlength=len(pairs))
    passed = count_passed(track, truth, seen, rules, owner, len(pairs)) or _carefully(
        track, truth, seen, rules, lengths
    )
    scores = scores_of(passed, counted, repaired, rules)
    return [replace(s, cut=p.cut, lacking=p.lacking) if p.cut or p.lacking else s for s, p in zip(scores, pairs)]


def _seen(pairs: list[_Pair]) -> Flags | None:
    """In which frames the target is visible; None where it is throughout."""
    if all(pair.seen is None for pair in pairs):
        return None
    return np.concatenate([np.ones(len(p.truth), np.bool_) if p.seen is None else p.seen for p in pairs])


def _carefully(track: Floats, truth: Floats, seen: Flags | None, rules: Rules, lengths: Whole) -> Passed:
    """``count_passed`` for any numbers and all rules; tracks and truths are [4, N]."""
    overlap, error, norm_error = _measures(track.T, truth.T, seen, rules)
    return Passed(
        _exceed(overlap, rules.success_thresholds, lengths, rules.reached),
        _fall_short(error, rules.precision_thresholds, lengths),
        _fall_short(norm_error, rules.norm_thresholds, lengths),
    )


def curve_above(values: ArrayLike, thresholds: Floats, count: int, reached: bool = False) -> Floats:
    """Share of ``count`` frames with a value > each threshold (>= if ``reached``). NaN is neither. [N], [T] -> [T]."""
    data = np.asarray(values, np.float64)
    return shares_above(_exceed(data, thresholds, np.array([len(data)]), reached), np.array([count]))[0]


def curve_within(values: ArrayLike, thresholds: Floats, count: int) -> Floats:
    """Share of ``count`` frames with a value <= each threshold; NaN is never within. [N], [T] -> [T]."""
    data = np.asarray(values, np.float64)
    return shares_within(_fall_short(data, thresholds, np.array([len(data)])), np.array([count]))[0]


def _exceed(values: Floats, thresholds: Floats, lengths: Whole, reached: bool) -> Whole:
    """The table of Passed of values [N] of tracks that are ``lengths`` [S] long; NaN passes nothing."""
    return _histogram(_passed(np.fmax(values, -1), thresholds, reached), len(thresholds), lengths)


def _fall_short(values: Floats, thresholds: Floats, lengths: Whole) -> Whole:
    """The same; NaN passes everything."""
    return _histogram(_passed(np.fmin(values, np.inf), thresholds, False), len(thresholds), lengths)


def _histogram(passed: Whole, most: int, lengths: Whole) -> Whole:
    """[S, T + 1] how many values of each track pass 0, 1 .. T thresholds."""
    stops = np.cumsum(lengths).tolist()
    parts = zip([0, *stops], stops, strict=False)
    return np.stack([np.bincount(passed[start:stop], minlength=most + 1) for start, stop in parts])


def _passed(values: Floats, thresholds: Floats, reached: bool) -> Whole:
    """How many thresholds lie below each value (``reached``: or equal it), as ``searchsorted`` counts; no NaN.

    A search per frame is most of the time of scoring. Every protocol has thresholds at equal distances, where the
    place can be computed instead: rounding up serves whole pixels, twice as fast as the way for other distances.
    """
    last = len(thresholds)
    step, even = float(thresholds[-1]) / max(1, last - 1), np.arange(last)
    if step == 1 and not reached and (thresholds == even).all():
        return np.ceil(np.clip(values, 0, last)).astype(np.intp)
    if step > 0 and np.abs(thresholds - step * even).max() <= 1e-9 * step:
        return _passed_evenly(values, thresholds, step, reached)
    return np.asarray(np.searchsorted(thresholds, values, "right" if reached else "left"))


def _passed_evenly(values: Floats, thresholds: Floats, step: float, reached: bool) -> Whole:
    """``_passed`` for thresholds 0, step, 2 step ..: all before the nearest one lie below, none after it.

    The nearest one itself is compared as it is written, because a tie decides by the last bit.
    """
    place = values * (1 / step)
    place += 0.5
    nearest = np.clip(place, 0, len(thresholds), out=place).astype(np.intp)
    threshold = np.append(thresholds, np.inf).take(nearest)
    nearest += threshold <= values if reached else threshold < values
    return nearest


def _check_lengths(predicted: int, truth: int, flags: int, rules: Rules) -> None:
    if not truth:
        raise ValueError("the ground truth has no frame")
    if not predicted or (predicted < truth and rules.short == "refused"):
        raise ValueError(
            f"the track has {counted(predicted, 'box')} for {counted(truth, 'frame')}; run the tracker to the end"
        )
    if flags != truth:
        raise ValueError(f"{counted(flags, 'visibility flag')} for {counted(truth, 'frame')}")


def _repair(pairs: list[_Pair], lengths: Whole, owner: Whole, truth: Floats, rules: Rules) -> tuple[Floats, Whole]:
    """Tracks side by side, [4, frames], with the unusable boxes replaced, and how many those were per track."""
    blank = 0.0 if rules.short == "zeros" else np.nan
    track, given = _side_by_side(pairs, owner, blank)
    starts = np.cumsum(lengths) - lengths
    repaired = np.zeros(len(pairs), np.intp)
    _, _, width, height = track
    if rules.bad_box != "scored" and not (width.min() > 0 and height.min() > 0):  # or NaN
        bad = (width <= 0) | (height <= 0)
        if np.isnan(width).any():
            bad |= np.isnan(track).all(0)
        # Frames beyond a short track keep their blanks: the last box is not held to the end.
        bad &= given
        if bad.any():
            _hold(track, bad, starts[owner])
        bad[starts] = False
        repaired = np.bincount(owner[bad], minlength=len(pairs))
    if rules.first_is_given:
        track[:, starts] = truth[:, starts]
    return track, repaired


def _side_by_side(pairs: list[_Pair], owner: Whole, blank: float) -> tuple[Floats, Flags]:
    """All tracks as [4, frames] of the truths, short ones filled up; and which frames were given."""
    given = np.ones(len(owner), np.bool_)
    if not any(pair.lacking for pair in pairs):
        return np.concatenate([pair.track.T for pair in pairs], 1), given
    parts, end = [], 0
    for pair in pairs:
        end += len(pair.truth)
        short = len(pair.truth) - len(pair.track)
        parts.append(pair.track.T)
        if short:
            parts.append(np.full((4, short), blank))
            given[end - short : end] = False
    return np.concatenate(parts, 1), given


def _hold(track: Floats, bad: Flags, start: Whole) -> None:
    """Give each bad box the last good one before it. What is wrong with the first one spreads."""
    last = np.maximum.accumulate(np.where(bad, start, np.arange(len(bad))))
    track[:, bad] = track[:, last[bad]]


def _refuse(track: Floats, rules: Rules) -> None:
    wrong = np.flatnonzero(np.isnan(track).any(1) | (track[:, 2:] < 0).any(1))
    if len(wrong):
        box = ",".join(f"{value:g}" for value in track[wrong[0]])
        raise ValueError(
            f"row {wrong[0] + 1} is {box}: {rules.name} refuses a result with NaN or a negative size "
            f"({counted(len(wrong), 'row')} here); write numbers, or choose another protocol"
        )


def _measures(track: Floats, truth: Floats, seen: Flags | None, rules: Rules) -> tuple[Floats, Floats, Floats]:
    """Overlap and both errors of all frames; NaN, which hits nothing, for those that are not scored."""
    if rules.rounded:
        track, truth = track.round(), truth.round()
    valid = _valid(truth, rules)
    track_centre, true_centre = middle(track), middle(truth)
    with np.errstate(invalid="ignore"):
        error = distance(track_centre, true_centre)
    norm_error = _norm_error(track, truth, track_centre, true_centre, rules)
    valid_error = valid_norm = valid
    if rules.valid_centre:
        point = centres(truth)
        with np.errstate(invalid="ignore", divide="ignore"):
            valid_error = np.asarray((point > 0).all(1))
            valid_norm = np.asarray((point / (truth[:, 2:] + 1e-16) > 0).all(1))
    # A row with NaN has no overlap, not an overlap of 0, which would reach the threshold 0.
    known = valid & ~_blank(track)
    if rules.valid != "positive":  # which no NaN is
        known &= ~_blank(truth)
    if rules.reached:  # the threshold 0 by an overlap of 0, but not by 0 / 0
        with np.errstate(invalid="ignore", over="ignore"):
            known &= track[:, 2] * track[:, 3] + truth[:, 2] * truth[:, 3] != 0
    measures = (
        _where(known, iou(track, truth), MISS),
        _where(valid_error, error, HIT if rules.invalid_error == "hit" else MISS),
        _where(valid_norm, norm_error, HIT if rules.invalid_norm == "hit" else MISS),
    )
    if rules.absent_is_miss and seen is not None and not seen.all():
        for values in measures:
            _where(seen, values, MISS)
    return measures


def _where(kept: Flags, values: Floats, other: float) -> Floats:
    """``values``, which are overwritten, with ``other`` where they are not kept."""
    if not kept.all():
        np.copyto(values, other, where=~kept)
    return values


def _valid(truth: Floats, rules: Rules) -> Flags:
    if rules.valid == "any":
        return np.ones(len(truth), np.bool_)
    x, y, width, height = truth.T
    sized = np.asarray((width > 0) & (height > 0))
    return sized if rules.valid == "sized" else np.asarray(sized & (x > 0) & (y > 0))


def _blank(boxes: Floats) -> Flags:
    """Which rows hold a NaN."""
    x, y, width, height = boxes.T
    with np.errstate(invalid="ignore", over="ignore"):
        blank = np.isnan(x + y + width + height)
    if blank.any():  # infinities of both signs give NaN as well
        blank &= np.isnan(boxes).any(1)
    return np.asarray(blank)


def _norm_error(track: Floats, truth: Floats, track_centre: Point, true_centre: Point, rules: Rules) -> Floats:
    if rules.normalise == "before":
        with np.errstate(invalid="ignore", over="ignore"):
            return scaled_distance(track_centre, true_centre, truth)
    size = truth[:, 2:]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if rules.normalise == "before, never by 0":
            apart = centres(track) / (size + 1e-16) - centres(truth) / (size + 1e-16)
        else:
            least = np.maximum(size, 1) if rules.normalise == "after, at least 1" else size
            apart = (centres(track) - centres(truth)) / least
        return np.sqrt((apart**2).sum(1))
