"""How well an encoder's vectors of text and target agree, on the frames and crops of the other measures.

``alignment`` is the cosine x 100 with the target's crop, ``alignment-margin`` that minus the best rival's, both as
means over frames (Hessel et al., "CLIPScore", EMNLP 2021, without its floor). Rivals are the other regions that the
text leads to, and the text without one of its words, with which the target agrees better where that word is not true.
They are of the first encoder; the row's ``alignment`` has all encoders, with the distractors of all texts.
"""

from __future__ import annotations

from chatdesc.measures.case import Case, Measure
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.look import Sight
from chatdesc.types import Steps


def of_alignment(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``alignment``."""
    yield from ()
    values = {view.frame: view.alignment for _, view in case.views(name)}
    return _record(case, ALIGNMENT, name, values)


def lead(sight: Sight, k: int) -> float | None:
    """By how much text and target agree better than the best rival, on the k-th view; None without a rival."""
    view = sight.views[k]
    if view.alignment is None:
        return None
    over = [view.alignment - without.alignments[k] for without in sight.without if without.alignments]
    return min([*over, *([] if view.alignment_lead is None else [view.alignment_lead])], default=None)


def of_margin(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``alignment-margin``; frames without a rival have none."""
    yield from ()
    sights = case.sights.get(name, ())
    values = {view.frame: lead(sight, k) for sight in sights for k, view in enumerate(sight.views)}
    return _record(case, MARGIN, name, values)


def _record(case: Case, measure: Measure, name: str, values: dict[int, float | None]) -> MeasureRecord:
    known = {frame: value for frame, value in values.items() if value is not None}
    models = (case.settings.encoders[0], *((case.settings.grounder,) if measure is MARGIN else ()))
    return case.record(measure.name, name, known_mean(known.values()), known, models=models)


ALIGNMENT = Measure("alignment", "text and target agree in the encoder's eyes, cosine x 100", of_alignment)
MARGIN = Measure(
    "alignment-margin", "they agree better than with another region, or less of the text, cosine x 100", of_margin
)
