"""Each arm against one baseline: how large the difference is, how sure, and what more sequences would show.

The pairs are the sequences that both have. The interval is the bootstrap's with correction for bias and skew, the test
an exact sign test, corrected for the number of arms by Holm's method. Arms that see the ground truth are no hypotheses
and take no part in the correction. The power of N more sequences is that of a t test, if the true difference and spread
are those found here; a difference that came out large by luck makes it too hopeful.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from chatdesc.evaluation.arm_texts import SEE_THE_TRUTH
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.metrics.bca import bca_interval
from chatdesc.metrics.ope import Score
from chatdesc.metrics.paired import compare_pairs, says_nothing
from chatdesc.metrics.power import needed, power
from chatdesc.metrics.significance import holm, sign_test
from chatdesc.tables import Record

NEXT = (99, 150, 280, 700)  # sequences: the test sets of OTB-lang, LaSOT_ext, LaSOT and TNL2K
MEASURES = {"AUC": "auc", "P": "precision_score", "PNorm": "norm_precision_score"}
ALL_FRAMES, SIMILAR_FRAMES = "all", "similar"


@dataclass(frozen=True, slots=True)
class View:
    """Arms on a part of the frames or sequences: ``all``, ``similar``, or the name of an attribute."""

    frames: str
    arms: Mapping[str, Evaluation]


def against_rows(views: Iterable[View], baseline: str) -> list[Record]:
    """A row per view, measure and arm but the baseline; shares are fractions, nothing is rounded."""
    rows: list[Record] = []
    for view in views:
        for measure in MEASURES:
            some = [
                {"frames": view.frames, "measure": measure, "arm": arm, "baseline": baseline}
                | _compared(_values(view.arms[baseline], measure), _values(scores, measure))
                for arm, scores in view.arms.items()
                if arm != baseline
            ]
            rows += _corrected(some)
    return rows


def _values(scores: Evaluation, measure: str) -> dict[str, float]:
    known: Iterable[tuple[str, Score | None]] = ((line.sequence, line.score) for line in scores.lines)
    return {name: getattr(score, MEASURES[measure]) for name, score in known if score is not None}


def _compared(before: Mapping[str, float], after: Mapping[str, float]) -> Record:
    names = [name for name in before if name in after]
    a, b = (np.array([of[name] for name in names], np.float64) for of in (before, after))
    found, ends = compare_pairs(a, b), bca_interval(b - a)
    low, high = ends or (None, None)
    return {
        "pairs": found.count,
        "before": found.before,
        "after": found.after,
        "difference": found.mean,
        "low": low,
        "high": high,
        "detectable": found.detectable,
        "better": found.better,
        "equal": found.count - found.better - found.worse,
        "worse": found.worse,
        "p": sign_test(found.better, found.worse),
    } | _next(b - a)


def _next(gain: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Record:
    """The power of each of NEXT, and how many sequences have a power of .8; None where there is too little to go by."""
    names = [f"power_{count}" for count in NEXT]
    if says_nothing(gain):
        return dict.fromkeys([*names, "needed"])
    shown = partial(power, float(gain.mean()), float(gain.std(ddof=1)))
    return {name: shown(count) for name, count in zip(names, NEXT, strict=True)} | {
        "needed": needed(float(gain.mean()), float(gain.std(ddof=1)))
    }


def _corrected(rows: list[Record]) -> list[Record]:
    """The rows with ``p_holm``, p corrected over these arms."""
    values = [None if row["arm"] in SEE_THE_TRUTH else row["p"] for row in rows]
    return [row | {"p_holm": value} for row, value in zip(rows, holm(values), strict=True)]
