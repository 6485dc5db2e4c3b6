"""What was measured of all texts of one sequence, by source: from models' ratings, from rows, and of the words alone.

>>> from chatdesc.rows.schema import empty_row
>>> entry = {"encoder": "clip", "manual": 20.0, "refined": 26.0, "manual_margin": 1.0, "refined_margin": 2.0}
>>> entry |= {"frames": 4, "manual_truncated": True, "truncated": False}
>>> row = empty_row() | {"sequence": "kite-1", "manual_text": "a kite", "text": "a red kite", "alignment": [entry]}
>>> [(m.name, by["qwen"].value, by["qwen"].against) for m, by in of_row(row, "qwen").values.items()][:2]
[('cosine', 26.0, 20.0), ('margin', 2.0, 1.0)]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from chatdesc.config import public_spec
from chatdesc.evaluation.text_statistics import SINGLE, words_of
from chatdesc.rows.schema import Row
from chatdesc.stages.align import Ratings

MANUAL = "manual"


class Measure(NamedTuple):
    """What was measured, and in whose eyes.

    Attributes:
        table: ``alignment``, ``grounding`` or ``words``.
        judge: the encoder or grounder; empty for words alone.
        name: what tables call it.
        unit: ``share``, ``words``, ``cosine`` (x 100), or empty for a number in [-1, 1].
    """

    table: str
    judge: str
    name: str
    unit: str = ""


class Reading(NamedTuple):
    """One number of one text.

    Attributes:
        value: None where it is not known.
        against: the manual text's on the same frames and crops, where texts were measured apart from one another.
    """

    value: float | None
    against: float | None = None


Values = dict[Measure, dict[str, Reading]]  # by measure, then by source


@dataclass(frozen=True, slots=True)
class Readings:
    """All numbers of one sequence.

    Attributes:
        said: the text of each source, from the first frame on.
        problems: why there are none.
        failed: something failed, so they are missing.
    """

    sequence: str
    dataset: str
    category: str | None
    said: Mapping[str, str]
    values: Values
    problems: tuple[str, ...] = ()
    failed: bool = False


def of_ratings(ratings: Ratings, grounder: str) -> Values:
    """Numbers of texts that were measured together."""
    values: Values = {}
    for one in ratings.alignments:
        judge = public_spec(one.encoder)
        numbers = _alignment(judge, one.score, one.margin, one.truncated)
        _put(values, one.text, {measure: Reading(value) for measure, value in numbers.items()})
    for seen in ratings.found:
        named = _grounding(public_spec(grounder), seen.iou, seen.top_iou, seen.margin, seen.truncated)
        named[Measure("grounding", public_spec(grounder), "1 / rank")] = seen.reciprocal_rank
        _put(values, seen.text, {measure: Reading(value) for measure, value in named.items()})
    return values


def of_row(row: Row, name: str) -> Readings:
    """What a run recorded of its own text, here the one of source ``name``, and of the manual one."""
    values: Values = {}
    for entry in row["alignment"]:
        manual = _alignment(entry["encoder"], entry["manual"], entry["manual_margin"], entry["manual_truncated"])
        own = _alignment(entry["encoder"], entry["refined"], entry["refined_margin"], entry["truncated"])
        _put_both(values, name, manual, own)
    if known := row["grounding"]:
        asked, cut = known["grounder"], (known.get("manual_truncated"), known.get("truncated"))
        manual = _grounding(asked, known["manual_iou"], known.get("manual_top_iou"), known["manual_margin"], cut[0])
        own = _grounding(asked, known["iou"], known.get("top_iou"), known["margin"], cut[1])
        _put_both(values, name, manual, own)
    texts = {MANUAL: row["manual_text"], name: row["text"]}
    said = {source: text for source, text in texts.items() if text}
    return Readings(row["sequence"], row["dataset"] or "", row["category"], said, values, tuple(row["problems"]))


def joined(parts: Iterable[Readings]) -> list[Readings]:
    """Readings of several runs as one per sequence; of the manual text those of the first run count."""
    by_sequence: dict[tuple[str, str], Readings] = {}
    for part in parts:
        key = part.dataset, part.sequence
        before = by_sequence.get(key)
        by_sequence[key] = _both(before, part) if before else part
    return list(by_sequence.values())


def with_words(readings: Readings) -> Readings:
    """The readings with what its words alone say: length, and what is named."""
    values = dict(readings.values)
    for name, unit, measure in SINGLE:
        numbers = {source: measure(words_of(text), readings.category) for source, text in readings.said.items()}
        values[Measure("words", "", name, unit)] = {source: Reading(value) for source, value in numbers.items()}
    return replace(readings, values=values)


def _both(one: Readings, other: Readings) -> Readings:
    values: Values = {measure: dict(by) for measure, by in one.values.items()}
    for measure, by in other.values.items():
        values[measure] = by | values.get(measure, {})
    problems = tuple(dict.fromkeys((*one.problems, *other.problems)))
    return replace(one, said={**other.said, **one.said}, values=values, problems=problems)


def _alignment(judge: str, cosine: float | None, margin: float | None, cut: bool | None) -> dict[Measure, float | None]:
    numbers = (("cosine", "cosine", cosine), ("margin", "cosine", margin), ("cut", "share", _number(cut)))
    return {Measure("alignment", judge, name, unit): value for name, unit, value in numbers}


def _grounding(
    judge: str, iou: float | None, top: float | None, margin: float | None, cut: bool | None
) -> dict[Measure, float | None]:
    numbers = (("IoU", "", iou), ("top-box IoU", "", top), ("margin", "", margin), ("cut", "share", _number(cut)))
    return {Measure("grounding", judge, name, unit): value for name, unit, value in numbers}


def _number(flag: bool | None) -> float | None:
    return None if flag is None else float(flag)


def _put(values: Values, source: str, readings: Mapping[Measure, Reading]) -> None:
    for measure, reading in readings.items():
        values.setdefault(measure, {})[source] = reading


def _put_both(
    values: Values, name: str, manual: Mapping[Measure, float | None], own: Mapping[Measure, float | None]
) -> None:
    _put(values, MANUAL, {measure: Reading(value) for measure, value in manual.items()})
    _put(values, name, {measure: Reading(value, manual[measure]) for measure, value in own.items()})
