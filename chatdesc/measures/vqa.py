"""VQAScore: the probability that a model answers Yes when it is asked whether the picture shows the text.

Lin et al., "Evaluating Text-to-Visual Generation with Image-to-Text Generation", ECCV 2024, with the question of
t2v_metrics 3.1, on the target's crop (``--region crop``) or on the frame with the target marked. The value is the mean
over frames of P(Yes) / (P(Yes) + P(No)); t2v_metrics takes P(Yes) itself, which also falls where a model would begin
with another word. Where a server gives no probabilities, there is no value.

>>> question("a red kite", "crop")
'Does this figure show "a red kite"? Please answer Yes or No.'
"""

from __future__ import annotations

from chatdesc.measures.asking import ask_all
from chatdesc.measures.case import ANSWERS, Case, Measure
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import MeasureRecord
from chatdesc.stages.describe import prompt_file
from chatdesc.stages.track import in_force
from chatdesc.types import Ask, FrameRef, Steps, one_line


def question(text: str, region: str) -> str:
    """The whole question for a describer that is shown ``region``; beside a crop it names the marked object."""
    quoted = one_line(text).replace('"', "'")
    if region == "crop":
        return f'Does this figure show "{quoted}"? Please answer Yes or No.'
    shown = prompt_file(f"region_{region}").rstrip()
    return f'{shown}\nDoes this figure show "{quoted}" as the object to be tracked? Please answer Yes or No.'


def of_vqa(case: Case, name: str) -> Steps[MeasureRecord]:
    """The record of ``vqa``: one question per frame."""
    sequence, region = case.sequence, case.settings.region
    asked = [
        Ask(question(in_force(case.texts[name], i).text, region), FrameRef(sequence.frames, i), sequence.boxes[i])
        for i in case.frames
    ]
    replies = yield from ask_all(asked)
    known = {
        i: reply.probability
        for i, reply in zip(case.frames, replies, strict=True)
        if reply is not None and reply.probability is not None
    }
    models = (case.settings.describer,)
    return case.record(MEASURE.name, name, known_mean(known.values()), known, models=models, region=region)


MEASURE = Measure("vqa", "a model says that the picture shows the text, 0 to 1", of_vqa, frozenset({ANSWERS}))
