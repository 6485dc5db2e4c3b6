"""How well an encoder's vectors of text and target agree, on the frames and crops of the other measures.

``alignment`` is the cosine x 100 with the target's crop, ``alignment-margin`` that minus the best one of another region
that the text leads to, both as means over frames (Hessel et al., "CLIPScore", EMNLP 2021, without its floor). They are
of the first encoder; the row's ``alignment`` has all encoders, with the distractors of all texts.
"""

from __future__ import annotations

from chatdesc.measures.case import Case, Measure
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import MeasureRecord
from chatdesc.types import Steps


def of_alignment(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``alignment``."""
    yield from ()
    values = {view.frame: view.alignment for _, view in case.views(name)}
    return _record(case, ALIGNMENT, name, values)


def of_margin(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``alignment-margin``; frames without another region have none."""
    yield from ()
    values = {view.frame: view.alignment_lead for _, view in case.views(name)}
    return _record(case, MARGIN, name, values)


def _record(case: Case, measure: Measure, name: str, values: dict[int, float | None]) -> MeasureRecord:
    known = {frame: value for frame, value in values.items() if value is not None}
    models = (case.settings.encoders[0], *((case.settings.grounder,) if measure is MARGIN else ()))
    return case.record(measure.name, name, known_mean(known.values()), known, models=models)


ALIGNMENT = Measure("alignment", "text and target agree in the encoder's eyes, cosine x 100", of_alignment)
MARGIN = Measure("alignment-margin", "they agree better than text and any other region, cosine x 100", of_margin)
