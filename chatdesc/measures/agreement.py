"""Agreement between describers: whether the texts of one sequence lead to the same regions, and share words.

``agreement``: the mean, over the other texts and the frames, of the IoU of the regions that the two texts fit best; 0
where one of them leads nowhere, and nothing where neither leads anywhere. ``shared-words``: the mean, over the other
texts, of the share of content words that both have among those that either has (Jaccard). The other texts are those
with another name, whatever they say, so three copies of one text agree. Agreement needs no box of the target.

>>> jaccard({"red", "kite"}, {"kite", "toy"}), jaccard(set(), set())
(0.3333333333333333, None)
"""

from __future__ import annotations

from chatdesc.measures.case import LOOKS, SEVERAL, Case, Measure
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


def of_agreement(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``agreement``."""
    yield from ()
    others = [other for other in case.texts if other != name]
    pairs: dict[int, list[float | None]] = {}
    for other in others:
        seen = {view.frame: view for _, view in case.views(other)}
        for _, view in case.views(name):
            if view.frame in seen:
                pairs.setdefault(view.frame, []).append(meeting(view, seen[view.frame]))
    values = {frame: mean for frame, found in pairs.items() if (mean := known_mean(found)) is not None}
    models = (case.settings.grounder,)
    return case.record(REGIONS.name, name, known_mean(values.values()), values, models=models, compared=others)


def of_words(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``shared-words``."""
    yield from ()
    others = [other for other in case.texts if other != name]
    found = known_mean(jaccard(words_of(case.texts[name]), words_of(case.texts[other])) for other in others)
    return case.record(SHARED.name, name, found, compared=others)


def words_of(phrases: Wording) -> set[str]:
    """The content words of all phrases, in lower case."""
    return {word.text.lower() for phrase in phrases for word in split_words(phrase.text) if is_content(word.text)}


REGIONS = Measure("agreement", "it leads where the other texts lead, 0 to 1", of_agreement, frozenset({LOOKS, SEVERAL}))
SHARED = Measure("shared-words", "it has the words of the other texts, 0 to 1", of_words, frozenset({SEVERAL}))
