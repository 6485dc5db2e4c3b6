"""How much speaks against a row's text: reasons with weights, and one number to sort by.

The number is a noisy-or: 1 minus the product of (1 - weight) over the reasons. A fault that the audit found weighs its
severity, as in the audit's own list; where the row has none, as much as a text that does not find its target. What
tracking says weighs half of that, for it may be the tracker's fault.

>>> round(suspicion([("a", 0.5), ("b", 0.5)]), 2), suspicion([])
(0.75, 0.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from chatdesc.checks.base import Finding
from chatdesc.checks.ranking import distinct, noisy_or
from chatdesc.checks.rows import from_record
from chatdesc.rows.schema import BROKEN, Row
from chatdesc.rows.schema import Finding as RowFinding

WEIGHT = 0.5  # of a reason that has no severity of its own
WEAK = 0.25  # of a reason that may have another cause than the text
LOST = 0.3  # AUC under which a track is lost most of the time
RANDOM = 0.1  # IoU by which a choice must be worse than a random one to say something
FOUND = 0.5  # IoU from which people call a target found

Reason = tuple[str, float]


def suspicion(why: Iterable[Reason]) -> float:
    """One number in [0, 1] for reasons in words with their weights in [0, 1]."""
    return noisy_or(weight for _, weight in why)


def reasons(row: Row) -> list[Reason]:
    """What speaks against the row's text, the audit's faults first."""
    faults = distinct(map(_weighed, row["audit"]))
    return [
        *((f"audit: {fault.kind}", fault.severity) for fault in faults),
        *_grounding(row),
        *_tracking(row),
        *_status(row),
    ]


def _weighed(record: RowFinding) -> Finding:
    """A finding with a severity in [0, 1], and a reason: earlier versions kept neither."""
    finding, severity = from_record(record), record.get("severity")
    known = severity is not None and math.isfinite(severity)
    weight = min(max(finding.severity, 0.0), 1.0) if known else WEIGHT
    return replace(finding, severity=weight, reason=finding.reason or str(record.get("evidence")))


def _grounding(row: Row) -> Iterable[Reason]:
    grounding = row["grounding"]
    if grounding is None or row["text"] is None:
        return
    if _less(grounding["iou"], FOUND):
        yield "the text does not find the target", WEIGHT
    if _less(grounding["margin"], 0.0):
        yield "the text fits something else better", WEIGHT


def _tracking(row: Row) -> Iterable[Reason]:
    tracking = row["tracking"]
    if not tracking:
        return
    if _less(tracking["auc"], LOST):
        yield "the track is lost most of the time", WEAK
    if tracking["random_iou"] is not None and _less(tracking["chosen_iou"], tracking["random_iou"] - RANDOM):
        yield "verification chose worse than at random", WEAK


def _status(row: Row) -> Iterable[Reason]:
    if row["status"] in BROKEN:
        yield f"status {row['status']}", WEIGHT


def _less(value: float | None, limit: float) -> bool:
    return value is not None and value < limit
