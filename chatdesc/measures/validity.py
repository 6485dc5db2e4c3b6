"""Validity over time: on which frames a text holds, and from which frame on it no longer does.

A text holds on a frame if the target is where the text says, the words do not lead elsewhere (the target's lead, as
``stages.look.View`` defines it, is above -LOST), and the encoder calls none of its words false: no word without which
the target agrees with the text by FALSE more. The value is the share of the frames on which it holds. ``stops_at`` is
the first frame from which on it holds on none, the last one included; LEAST frames are needed, since a target may be
hidden for one. It is exact to the distance of two frames that were looked at.

LOST was chosen on synthetic scenes of the seeds 1 and 2 (benchmarks/measures.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from chatdesc.measures.case import Case, Measure
from chatdesc.measures.leads import FALSE, unfit_place
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.look import Sight
from chatdesc.types import Steps

LOST = 0.2  # lead of other regions from which the words lead elsewhere; texts that fit two things alike stay above
LEAST = 2  # frames at the end


def holds(sight: Sight) -> list[bool]:
    """[F] whether the phrase holds on each frame of a sight."""
    return [
        not unfit_place(sight.text, view) and view.lead is not None and view.lead > -LOST and not _is_false(sight, k)
        for k, view in enumerate(sight.views)
    ]


def left_from(unfit: Sequence[bool]) -> int | None:
    """The view from which on everything is unfit, to the last one; None if the last one fits, or the first does not.

    >>> left_from([False, True, False, True, True]), left_from([False, True, False]), left_from([True, True])
    (3, None, None)
    """
    start = len(unfit)
    while start and unfit[start - 1]:
        start -= 1
    return start if 0 < start < len(unfit) else None


def stops_at(frames: Sequence[int], held: Sequence[bool]) -> int | None:
    """The first frame from which on a text holds on none; None where it holds at the end, or never, or too few tell.

    >>> stops_at([0, 5, 10, 15], [True, False, True, False]), stops_at([0, 5, 10, 15], [True, True, False, False])
    (None, 10)
    """
    start = left_from([not one for one in held])
    return None if start is None or len(held) - start < LEAST else frames[start]


def of_validity(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``validity``."""
    yield from ()
    sights = case.sights.get(name, ())
    frames = [view.frame for sight in sights for view in sight.views]
    held = [one for sight in sights for one in holds(sight)]
    values = {frame: float(one) for frame, one in zip(frames, held, strict=True)}
    models = (case.settings.grounder, case.settings.encoders[0])
    return case.record(
        MEASURE.name, name, known_mean(values.values()), values, models=models, stops_at=stops_at(frames, held)
    )


def _is_false(sight: Sight, k: int) -> bool:
    """Whether the target agrees better with the text without one of its words on frame k."""
    whole = sight.views[k].alignment
    return whole is not None and any(w.alignments and w.alignments[k] - whole >= FALSE for w in sight.without)


MEASURE = Measure("validity", "the text holds throughout, the share of the frames", of_validity)
