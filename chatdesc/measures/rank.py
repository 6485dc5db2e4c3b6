"""Rank of the target among the regions that a text leads to, and its lead over the others.

``rank``: the mean over frames of 1 / rank, as the mean reciprocal rank of retrieval (Voorhees, "The TREC-8 Question
Answering Track Report", 1999); 0 on a frame where no region is on the target. A region elsewhere that fits as well as
the target's best one comes before it. 1 / rank is multiplied by how far the target supports the words
(``leads.support``): a grounder finds the best match of any words, so a text that shares a word with the target leads
there all the same.

``margin``: the mean over frames of (1 + lead) x support - 1, where ``stages.look.View`` defines the lead: words that
the target does not support count as if they led elsewhere. 0 where a text leads nowhere. The row's ``grounding`` has
the margin in scores, which depends on how sure a grounder is.
"""

from __future__ import annotations

from chatdesc.measures.case import Case, Measure
from chatdesc.measures.leads import support
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


def supported_lead(view: View, threshold: float | None) -> float:
    """(1 + lead) x support - 1, in [-1, 1]; 0 where the text leads nowhere."""
    return 0.0 if view.lead is None else (1 + view.lead) * support(view, threshold) - 1


def of_rank(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``rank``."""
    yield from ()
    values = {view.frame: reciprocal(view) * support(view, case.threshold) for _, view in case.views(name)}
    return case.record(RANK.name, name, known_mean(values.values()), values, models=(case.settings.grounder,))


def of_margin(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``margin``."""
    yield from ()
    values = {view.frame: supported_lead(view, case.threshold) for _, view in case.views(name)}
    return case.record(MARGIN.name, name, known_mean(values.values()), values, models=(case.settings.grounder,))


RANK = Measure("rank", "the target is the first region that the words lead to, and has what they say, 0 to 1", of_rank)
MARGIN = Measure(
    "margin", "the words lead to the target and to nothing else, and it has what they say, -1 to 1", of_margin
)
