"""Rank of the target among the regions that a text leads to, and its lead over the others.

``rank``: the mean over frames of 1 / rank, as the mean reciprocal rank of retrieval (Voorhees, "The TREC-8 Question
Answering Track Report", 1999); 0 on a frame where no region is on the target. A region elsewhere that fits as well as
the target's best one comes before it.

``margin``: the mean over frames of the target's lead, which ``stages.look.View`` defines; 0 where a text leads nowhere.
The row's ``grounding`` has the margin in scores, which depends on how sure a grounder is.
"""

from __future__ import annotations

from chatdesc.measures.case import Case, Measure
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.look import View
from chatdesc.types import Steps


def rank(view: View) -> int | None:
    """The target's place among the regions, 1 for the best; None where no region is on it."""
    if not view.on_target.any():
        return None
    return 1 + int((view.fits[~view.on_target] >= view.best_on).sum())


def reciprocal(view: View) -> float:
    """1 / rank; 0 where no region is on the target."""
    place = rank(view)
    return 0.0 if place is None else 1 / place


def of_rank(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``rank``."""
    yield from ()
    values = {view.frame: reciprocal(view) for _, view in case.views(name)}
    return case.record(RANK.name, name, known_mean(values.values()), values, models=(case.settings.grounder,))


def of_margin(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``margin``."""
    yield from ()
    values = {view.frame: view.lead or 0.0 for _, view in case.views(name)}
    return case.record(MARGIN.name, name, known_mean(values.values()), values, models=(case.settings.grounder,))


RANK = Measure("rank", "the target is the first region that the words lead to (1: on all frames)", of_rank)
MARGIN = Measure("margin", "the words lead to the target and to nothing else, -1 to 1", of_margin)
