"""Deletion of words: which the text needs, which it can spare, and which lead elsewhere.

A text is grounded again without each of its words (descriptor deletion, as in Ref-Adv, arXiv 2602.23898). The value is
(needed + redundant - harmful - false) / words, in [-1, 1]: words whose part is not known count for nothing, as in a
text that does not lead to the target at all. A word is false if the encoder says so, or if the grounder finds it
elsewhere and not on the target; it is harmful if the text leads to the target more clearly without it, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from chatdesc.measures.case import LOOKS, WORDS, Case, Measure
from chatdesc.measures.leads import CLEAR, is_elsewhere, is_false, middle
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.ground import is_content
from chatdesc.stages.look import Sight, Without
from chatdesc.types import Steps, split_words

ENOUGH = 0.45  # the target's lead from which a word is not needed
UNKNOWN = "unknown"

Role = Literal["needed", "redundant", "harmful"]
Part = Role | Literal["false"]


def role(sight: Sight, without: Without) -> Role | None:
    """What a word does for its text; None where it is not known, or the text does not lead to the target anyway.

    Where a word is not true of the target, the others are neither needed nor redundant.
    """
    whole, rest = middle(view.lead for view in sight.views), middle(without.leads)
    if whole is None or not without.leads:
        return None
    found = -1.0 if rest is None else rest
    if is_false(sight, without):
        return "harmful" if found >= max(CLEAR, whole) else None
    if whole < CLEAR or any(is_false(sight, other) for other in sight.without):
        return None
    return "redundant" if found >= ENOUGH else "needed"


def parts(sight: Sight, threshold: float | None) -> list[tuple[str, Part | None]]:
    """Each content word of a phrase with its part; next to a false word, the others are neither needed nor redundant.

    A single word is needed if it clearly leads to the target.

    Args:
        threshold: the grounder's score under which a region is no proposal.
    """
    found = _roles(sight)
    elsewhere = [is_elsewhere(sight, k, len(found), threshold) for k in range(len(found))]
    false = [e or (bool(sight.without) and is_false(sight, sight.without[k])) for k, e in enumerate(elsewhere)]
    return [
        (word, one if one == "harmful" else "false" if untrue else None if any(false) else one)
        for (word, one), untrue in zip(found, false, strict=True)
    ]


def _roles(sight: Sight) -> list[tuple[str, Role | None]]:
    if sight.without:
        return [(without.word.text, role(sight, without)) for without in sight.without]
    whole = middle(view.lead for view in sight.views)
    alone: Role | None = "needed" if whole is not None and whole >= CLEAR else None
    return [(word.text, alone) for word in split_words(sight.text) if is_content(word.text)]


def value(found: Iterable[Part | None]) -> float | None:
    """(needed + redundant - harmful - false) / words; None without a word.

    >>> value(["needed", "redundant", "harmful", None]), value(["false", "needed"]), value([])
    (0.25, 0.0, None)
    """
    worth = [0 if part is None else -1 if part in ("harmful", "false") else 1 for part in found]
    return sum(worth) / len(worth) if worth else None


def of_words(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``words``; its values are the leads of the whole text."""
    yield from ()
    found = [one for sight in case.sights.get(name, ()) for one in parts(sight, case.threshold)]
    return case.record(
        MEASURE.name,
        name,
        value(part for _, part in found),
        {view.frame: view.lead or 0.0 for _, view in case.views(name)},
        models=(case.settings.grounder, case.settings.encoders[0]),
        words=[word for word, _ in found],
        roles=[part or UNKNOWN for _, part in found],
    )


MEASURE = Measure("words", "every word helps to find the target, -1 to 1", of_words, frozenset({LOOKS, WORDS}))
