"""All measures of all texts of one sequence: one generator, on the same frames, with shared looks."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import groupby
from typing import TypeVar

from chatdesc.config import Settings
from chatdesc.measures.case import LOOKS, SEVERAL, WORDS, Case
from chatdesc.measures.registry import MEASURES, needs
from chatdesc.rows.schema import MeasureRecord, Row
from chatdesc.stages.align import Wording, frames_of
from chatdesc.stages.look import Sight, look
from chatdesc.stages.together import together
from chatdesc.stages.track import Phrase, in_force
from chatdesc.types import Sequence, Steps, one_line

R = TypeVar("R")


def measure_sequence(
    sequence: Sequence,
    texts: Mapping[str, Wording],
    measures: Collection[str],
    settings: Settings,
    threshold: float | None,
) -> Steps[list[MeasureRecord]]:
    """Measure named texts on ``measure_frames`` frames, or on some of each range that has a text of its own.

    Args:
        texts: name -> phrases in force from a frame on; empty ones are left out.
        measures: names of measures; those that compare texts say nothing of a single one.
        settings: ``grounder``, the first of ``encoders``, ``describer``, ``region``, ``theta`` and ``measure_frames``.
        threshold: the grounder's score under which a region is no proposal; None where no measure grounds.

    Returns:
        A record per measure and text, in the order of the measures; none where the target is never visible.

    Raises:
        BackendError, DataError: a backend failed on one of the requests, or a frame cannot be read.
    """
    said = {name: phrases for name, phrases in texts.items() if any(one_line(phrase.text) for phrase in phrases)}
    chosen = [name for name in measures if len(said) > 1 or SEVERAL not in MEASURES[name].needs]
    frames = frames_of(sequence, said, settings.measure_frames)
    if not said or not chosen or not sequence.valid()[frames].all():
        return []
    case = Case(sequence, said, settings, threshold, tuple(frames))
    if LOOKS in needs(chosen):
        sights = yield from looks(case, WORDS in needs(chosen))
        case = Case(sequence, said, settings, threshold, tuple(frames), sights)
    jobs = {(measure, name): MEASURES[measure].of(case, name) for measure in chosen for name in said}
    records = yield from together(jobs, window=len(sequence))
    return [_known(records[key]) for key in jobs]


def looks(case: Case, words: bool) -> Steps[dict[str, tuple[Sight, ...]]]:
    """What is seen of each phrase of each text on the case's frames, asked for together; equal looks are one."""
    threshold = case.threshold or 0.0
    asked = {name: list(_spans(phrases, case.frames)) for name, phrases in case.texts.items()}
    distinct = list(dict.fromkeys(span for spans in asked.values() for span in spans))
    jobs = {span: look(case.sequence, span[0], case.settings, threshold, words, span[1]) for span in distinct}
    found = yield from together(jobs, window=len(case.sequence))
    return {name: tuple(s for span in spans if (s := _known(found[span])) is not None) for name, spans in asked.items()}


def _spans(phrases: Wording, frames: tuple[int, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each phrase that is in force on some of the frames, with these."""
    for text, group in groupby(frames, lambda i: one_line(in_force(phrases, i).text)):
        if text:
            yield text, tuple(group)


def _known(result: R | Exception) -> R:
    """A stage's result; none is an error, as none is caught."""
    if isinstance(result, Exception):
        raise result
    return result


def texts_of(row: Row) -> dict[str, Wording]:
    """A row's texts by name: ``manual``, and ``refined`` with its ranges; those that it lacks are left out."""
    manual, refined = one_line(row["manual_text"] or ""), row["text"]
    ranges = tuple(Phrase(r["start"] if k else 0, r["text"]) for k, r in enumerate(row["ranges"]))
    found = {"manual": (Phrase(0, manual),)} if manual else {}
    return found | ({"refined": ranges or (Phrase(0, refined),)} if refined else {})
