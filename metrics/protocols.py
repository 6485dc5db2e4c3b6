"""Evaluation protocols by name: the rules by which the common toolkits differ, as one table.

>>> from chatdesc.metrics.protocols import PROTOCOLS
>>> PROTOCOLS["ostrack"].absent_of, PROTOCOLS["got10k"].short
(('lasot', 'lasot_ext'), 'truth is cut')

All of them measure overlap, centre error and normalised centre error. They differ in what becomes of a frame without a
target, of a predicted box that is none, of the first frame, of a result of another length, and in thresholds. Every
entry was settled by running the toolkit that it is named after, but for ``otb``, settled by the results that the
benchmark's authors published, and for ``trackingnet`` and ``tnl2kpy``, which follow the published code (the first was
checked by how far its numbers lie from the official ones).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def matlab_range(stop: float, steps: int) -> Floats:
    """``0:stop/steps:stop`` as MATLAB counts it: from both ends to the middle. [steps + 1]

    Source: MATLAB's documentation of the colon operator; the value differs from ``i * step`` in the last bit, and
    that decides a tie.
    """
    step, up = stop / steps, np.arange(steps + 1, dtype=np.float64)
    return np.where(up <= steps // 2, up * step, stop - (steps - up) * step)


# Products, as NumPy's and Octave's ranges have them; a tie at a threshold counts.
SUCCESS_THRESHOLDS: Floats = np.arange(21, dtype=np.float64) * 0.05
PRECISION_THRESHOLDS: Floats = np.arange(51, dtype=np.float64)
NORM_PRECISION_THRESHOLDS: Floats = np.arange(51, dtype=np.float64) / 100


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What a protocol does where the measures leave a choice.

    Attributes:
        name: printed with every number.
        source: the toolkit whose numbers these are.
        first_is_given: the first predicted box is replaced by the true one. It counts either way.
        bad_box: a predicted box that is NaN or has no positive size takes the ``previous`` one, is ``scored`` as it
            stands (overlap 0, errors where it has a centre), or is ``refused`` (of no size: the previous one).
        short: a result with fewer boxes than frames is ``refused``, filled up with boxes of ``zeros``, or the
            missing frames are each a ``miss``, or the ``truth is cut``, so that fewer frames count.
        absent_is_miss: a frame in which the target is absent counts as a miss in all three measures; else it is
            scored against whatever box the ground truth has there.
        absent_of: the datasets whose marks of absence the toolkit reads; None: all that have them.
        valid: true boxes that overlap can be measured with: all four numbers ``positive``, a positive size
            (``sized``), or ``any``.
        valid_centre: errors are measured where the true centre is positive in x and y, not where overlap is.
        invalid_error, invalid_norm: a frame that is not valid is a ``hit`` or a ``miss`` in the two errors. In
            overlap it is a miss.
        normalise: divide both centres by the true size ``before`` they are subtracted (``before, never by 0`` adds
            1e-16), or ``after``, or ``after, at least 1`` pixel.
        rounded: all boxes are rounded to whole pixels first.
        reached: a threshold of overlap that is just reached counts (``>=``).
        nan_truth_counts: a frame without true numbers is one of those over which shares are taken.
        drop_zero_curves: a sequence whose whole curve is zero is left out of the mean over sequences.
        area: curves are summed up as the ``mean`` of their points or as a ``trapezium``.
        starts: frames, counted from 1, at which a sequence starts though its ground truth starts earlier.
        precision_is_area, norm_is_area: the protocol's own precision is that area, not the value at 20 px or 0.20.
    """

    name: str
    source: str
    first_is_given: bool = True
    bad_box: Literal["previous", "scored", "refused"] = "previous"
    short: Literal["refused", "zeros", "miss", "truth is cut"] = "refused"
    absent_is_miss: bool = True
    absent_of: tuple[str, ...] | None = None
    valid: Literal["positive", "sized", "any"] = "positive"
    valid_centre: bool = False
    invalid_error: Literal["hit", "miss"] = "hit"
    invalid_norm: Literal["hit", "miss"] = "hit"
    normalise: Literal["before", "before, never by 0", "after", "after, at least 1"] = "before"
    rounded: bool = False
    reached: bool = False
    nan_truth_counts: bool = True
    drop_zero_curves: bool = False
    area: Literal["mean", "trapezium"] = "mean"
    starts: Mapping[str, int] = field(default_factory=dict)
    precision_is_area: bool = False
    norm_is_area: bool = False
    success_thresholds: Floats = field(default_factory=lambda: SUCCESS_THRESHOLDS)
    precision_thresholds: Floats = field(default_factory=lambda: PRECISION_THRESHOLDS)
    norm_thresholds: Floats = field(default_factory=lambda: NORM_PRECISION_THRESHOLDS)

    def on(self, dataset: str) -> Rules:
        """The rules on one dataset: the pytracking family fills up short results everywhere but on LaSOT."""
        if self.absent_of is None or dataset in self.absent_of:
            return self
        return replace(self, absent_is_miss=False, short="zeros")


LASOT = Rules("lasot", "LaSOT Evaluation Toolkit (MATLAB)", drop_zero_curves=True)
TNL2K = replace(LASOT, name="tnl2k", source="TNL2K Evaluation Toolkit (MATLAB)", norm_is_area=True)
TNL2KPY = replace(LASOT, name="tnl2kpy", source="TNL2K Evaluation Toolkit (Python)", valid="sized")
OTB = replace(
    LASOT,
    name="otb",
    source="OTB benchmark (MATLAB)",
    absent_is_miss=False,
    starts={"tiger1": 6},
    success_thresholds=matlab_range(1, 20),
)
PYTRACKING = Rules(
    "pytracking",
    "pytracking (PyTorch)",
    bad_box="refused",
    absent_of=("lasot", "lasot_ext"),
    invalid_error="miss",
)
OSTRACK = replace(PYTRACKING, name="ostrack", source="OSTrack and the trackers built on it", valid="sized")
PYSOT = Rules(
    "pysot",
    "PySOT (STVIR)",
    first_is_given=False,
    bad_box="scored",
    valid="sized",
    valid_centre=True,
    normalise="before, never by 0",
)
PYSOT_TOOLKIT = replace(PYSOT, name="pysot-toolkit", source="pysot-toolkit (StrangerZhang)", valid="positive")
GOT10K = Rules(
    "got10k",
    "GOT-10k toolkit, ExperimentLaSOT",
    bad_box="scored",
    short="truth is cut",
    absent_is_miss=False,
    valid="any",
    normalise="after, at least 1",
    nan_truth_counts=False,
    norm_is_area=True,
)
TRACKINGNET = Rules(
    "trackingnet",
    "TrackingNet devkit",
    bad_box="scored",
    short="miss",
    absent_is_miss=False,
    valid="any",
    normalise="after",
    rounded=True,
    reached=True,
    area="trapezium",
    precision_is_area=True,
    norm_is_area=True,
    precision_thresholds=np.arange(21, dtype=np.float64) * 2.5,
    norm_thresholds=np.arange(21, dtype=np.float64) * 0.025,
)

PROTOCOLS: dict[str, Rules] = {
    rules.name: rules
    for rules in (
        LASOT, TNL2K, OTB, PYTRACKING, OSTRACK, PYSOT, PYSOT_TOOLKIT, GOT10K, TRACKINGNET, TNL2KPY,
    )
}  # fmt: skip
