"""Agreement between describers: whether the texts of one sequence lead to the same regions, and share words.

``agreement``: the mean, over the other texts and the frames, of the IoU of the regions that the two texts fit best,
times the target's support of the text (``leads.support``); 0 where one of them leads nowhere, and nothing where neither
leads anywhere. ``shared-words``: the mean, over the other texts, of the share of content words that both have among
those that either has (Jaccard). Another text counts by how far the target supports it, so that those about something
else have little say. The other texts are those with another name, whatever they say, so three copies of one text agree.

>>> jaccard({"red", "kite"}, {"kite", "toy"}), jaccard(set(), set())
(0.3333333333333333, None)
"""

from __future__ import annotations

from collections.abc import Iterable

from chatdesc.measures.case import LOOKS, SEVERAL, Case, Measure
from chatdesc.measures.leads import support
from chatdesc.metrics.overlap import iou
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.align import Wording
from chatdesc.stages.ground import is_content
from chatdesc.stages.look import View
from chatdesc.types import Steps, split_words


def meeting(one: View, other: View) -> float | None:
    """IoU of the best regions of two texts on a frame; 0 where one leads nowhere, None where neither does."""
    if not len(one.boxes) and not len(other.boxes):
        return None
    return float(iou(one.boxes[0], other.boxes[0])) if len(one.boxes) and len(other.boxes) else 0.0


def jaccard(one: set[str], other: set[str]) -> float | None:
    """Shared words / words of either; None without a word."""
    return len(one & other) / len(one | other) if one | other else None


def weighed(pairs: Iterable[tuple[float | None, float]]) -> float | None:
    """The mean of the known values by their weights, which count alike where all are 0; None without a value.

    >>> weighed([(1.0, 0.5), (0.0, 1.5), (None, 1.0)]), weighed([(1.0, 0.0), (0.5, 0.0)]), weighed([])
    (0.25, 0.75, None)
    """
    known = [(value, weight) for value, weight in pairs if value is not None]
    total = sum(weight for _, weight in known)
    return sum(v * w for v, w in known) / total if total > 0 else known_mean(value for value, _ in known)


def of_agreement(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``agreement``."""
    yield from ()
    others = [other for other in case.texts if other != name]
    seen = [{view.frame: view for _, view in case.views(other)} for other in others]
    values = {}
    for _, view in case.views(name):
        rest = [views[view.frame] for views in seen if view.frame in views]
        found = weighed((meeting(view, other), support(other, case.threshold)) for other in rest)
        if found is not None:
            values[view.frame] = found * support(view, case.threshold)
    models = (case.settings.grounder,)
    return case.record(REGIONS.name, name, known_mean(values.values()), values, models=models, compared=others)


def of_words(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``shared-words``."""
    yield from ()
    others = [other for other in case.texts if other != name]
    own = words_of(case.texts[name])
    found = weighed((jaccard(own, words_of(case.texts[other])), standing(case, other)) for other in others)
    return case.record(SHARED.name, name, found, models=(case.settings.grounder,), compared=others)


def standing(case: Case, name: str) -> float:
    """How far the target supports a text, the mean over frames; 1 where nothing was looked at."""
    found = known_mean(support(view, case.threshold) for _, view in case.views(name))
    return 1.0 if found is None else found


def words_of(phrases: Wording) -> set[str]:
    """The content words of all phrases, in lower case."""
    return {word.text.lower() for phrase in phrases for word in split_words(phrase.text) if is_content(word.text)}


REGIONS = Measure(
    "agreement", "it leads where the other texts of the target lead, 0 to 1", of_agreement, frozenset({LOOKS, SEVERAL})
)
SHARED = Measure(
    "shared-words", "it has the words of the other texts of the target, 0 to 1", of_words, frozenset({LOOKS, SEVERAL})
)
