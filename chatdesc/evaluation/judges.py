"""How grounders and encoders rate the manual and the refined text, and texts of others; and whether they chose them.

>>> part_of_grounder("grounding-dino:a", "mm-grounding-dino:b").short, part_of_grounder("owlv2:a", "sam3:b").short
('partly', 'no')
>>> str(part_of_encoder("clip:a", "margin", "owlv2:b"))
'partly: the distractors are those of the model that chose'
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import TypedDict

from chatdesc.evaluation.alignment import alignment_rows
from chatdesc.evaluation.intervals import COLUMNS, interval_columns, paired, paired_means
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import Row
from chatdesc.tables import Record

PART = "took part in choosing"  # the column of a Part
SIBLINGS = (frozenset({"grounding-dino", "mm-grounding-dino"}),)  # families of one architecture or of shared data
MEASURES = (("grounding IoU", "iou"), ("top-box IoU", "top_iou"))


class Part(StrEnum):
    """Whether a judge took part in choosing the texts; a file has the whole sentence, a terminal its first word."""

    CHOSE = "yes: it chose the texts"
    SAME = "partly: the same measurements"
    SIBLING = "partly: a sibling of the model that chose"
    DISTRACTORS = "partly: the distractors are those of the model that chose"
    NONE = "no"

    @property
    def short(self) -> str:
        """``yes``, ``partly`` or ``no``."""
        return self.value.partition(":")[0]


class TextGrounding(TypedDict):
    """One text in a grounder's eyes, in the first frame.

    ``iou`` is of the best-scoring proposal from the threshold on, ``top_iou`` of the best-scoring one whatever its
    score (both 0 without one); ``truncated`` says whether the grounder cut the text. Runs of earlier versions have
    the first alone.
    """

    iou: float
    top_iou: float | None
    truncated: bool | None


Judged = dict[str, TextGrounding]  # by text: manual, refined, or the name of a source


def judge_rows(
    rows: Iterable[Row], names: Collection[str], judged: Iterable[tuple[str, Judged]] = (), judge: str = ""
) -> list[Record]:
    """A row per judge and measure: both texts' means over the same sequences, and the paired difference.

    Args:
        rows: the run's; their grounding is by the grounder that chose, their alignment by encoders.
        names: the sequences that count.
        judged: sequences with their grounding by another grounder, ``judge``.
    """
    kept = [row for row in rows if row["sequence"] in names]
    groundings = [row["grounding"] for row in kept if row["grounding"]]
    selector = groundings[0]["grounder"] if groundings else ""
    own = [_recorded(row) for row in kept]
    table = _grounder_rows(selector, Part.CHOSE, own) if groundings else []
    if judge:
        others = [found for name, found in judged if name in names]
        table += _grounder_rows(judge, part_of_grounder(judge, selector), others)
    for row in alignment_rows(kept):
        part = part_of_encoder(row["encoder"], row["measure"], selector)
        numbers = {key: row[key] for key in ("manual", "refined", *COLUMNS, "manual_truncated", "refined_truncated")}
        table.append({"judge": row["encoder"], "measure": row["measure"], PART: part} | numbers)
    return table


def _recorded(row: Row) -> Judged:
    """The two texts of a row in the eyes of the grounder that chose."""
    found = row["grounding"]
    if found is None or found["manual_iou"] is None:
        return {}
    return {
        "manual": {
            "iou": found["manual_iou"],
            "top_iou": found.get("manual_top_iou"),
            "truncated": found.get("manual_truncated"),
        },
        "refined": {"iou": found["iou"], "top_iou": found.get("top_iou"), "truncated": found.get("truncated")},
    }


def _grounder_rows(judge: str, part: Part, judged: list[Judged]) -> list[Record]:
    """A row for each of MEASURES."""
    both = [(found["manual"], found["refined"]) for found in judged if {"manual", "refined"} <= found.keys()]
    truncated = {
        "manual_truncated": known_mean(manual["truncated"] for manual, _ in both),
        "refined_truncated": known_mean(refined["truncated"] for _, refined in both),
    }
    return [
        {"judge": judge, "measure": measure, PART: part}
        | paired_means((manual[key], refined[key]) for manual, refined in both)  # type: ignore[literal-required]
        | truncated
        for measure, key in MEASURES
    ]


def source_judge_rows(judged: Iterable[Judged], judge: str, sources: Iterable[str]) -> list[Record]:
    """A row per source and measure: the manual text and the source's in a grounder's eyes, on the same sequences.

    Args:
        judged: of each sequence that counts.
        judge: the grounder's spec.
        sources: names; one whose texts meet no manual text has no row.
    """
    table: list[Record] = []
    every = list(judged)
    for source in sources:
        both = [(found["manual"], found[source]) for found in every if {"manual", source} <= found.keys()]
        cut = known_mean(text["truncated"] for _, text in both)
        for measure, key in MEASURES if both else ():
            gap = paired((manual[key], text[key]) for manual, text in both)  # type: ignore[literal-required]
            about = {"judge": judge, "measure": measure, "text": source}
            table.append(about | {"manual": gap.before, "its own": gap.after} | interval_columns(gap) | {"cut": cut})
    return table


def part_of_grounder(judge: str, selector: str) -> Part:
    """What part a grounder had, by the two specs: another model of one family learnt from much the same data."""
    families = {_family(judge), _family(selector)}
    sibling = len(families) == 1 or any(families <= group for group in SIBLINGS)
    return Part.SIBLING if sibling else Part.NONE


def part_of_encoder(encoder: str, measure: str, selector: str) -> Part:
    """What part an encoder had in ``measure``: a margin is over what the selecting grounder found off the target."""
    if _family(encoder) == _family(selector):
        return Part.SAME
    return Part.DISTRACTORS if measure == "margin" and selector else Part.NONE


def _family(spec: str) -> str:
    """The backend's name, without its model."""
    return spec.partition(":")[0]
