"""A row with its evidence, as people in another tool are asked about it.

>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"sequence": "kite-1", "dataset": "lasot", "manual_text": "kite", "text": "a red kite"}
>>> asked = case_of(row)
>>> asked.id, asked.about, asked.evidence
('lasot//kite-1', 'kite-1 of lasot', 'suspicion 0.00\\nno finding')
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chatdesc.checks.rows import from_record
from chatdesc.decisions.decision import Key, key_of, seen
from chatdesc.page.records import made_by
from chatdesc.page.suspicion import reasons, suspicion
from chatdesc.reports.audit import finding_line
from chatdesc.reports.summary import flat
from chatdesc.rows.schema import Row
from chatdesc.types import Image

Box = tuple[float, float, float, float]
"""x, y, width, height in pixels of the frame."""

SCORES = {
    "manual_iou": "IoU, manual text",
    "iou": "IoU, refined text",
    "manual_margin": "margin, manual text",
    "margin": "margin, refined text",
    "manual_alignment": "alignment, manual text",
    "alignment": "alignment, refined text",
    "auc": "tracking AUC, refined text",
}
"""The scores of a case: names as in the page's table, and what they say."""


class Fault(NamedTuple):
    """A finding of the audit about the manual text: its kind, check and severity, and a sentence."""

    kind: str
    check: str
    severity: float
    said: str


class Proposal(NamedTuple):
    """Where a text leads: ``side`` (manual or refined), the box, its score in [0, 1], and the word that scores most."""

    side: str
    box: Box
    score: float
    word: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """The frame that shows the target first.

    Attributes:
        image: RGB uint8 [H, W, 3], with nothing drawn on it.
        frame: its index.
        target: the box of the target; None where it is not known.
        proposals: where the texts lead on this frame, best first.
        grounder: what made the proposals; empty where nothing is known.
        sheet: later frames side by side, with boxes drawn on them; None where there are none.
    """

    image: Image
    frame: int
    target: Box | None
    proposals: tuple[Proposal, ...] = ()
    grounder: str = ""
    sheet: Image | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True, slots=True)
class Case:
    """What people are asked about.

    Attributes:
        key: the row, as in its decisions.
        seen: the hash of its two texts, as in its decisions.
        manual, refined: the texts; None where there is none.
        category: the dataset's own class; empty where it has none.
        describer: what wrote the refined text; empty where it is not known.
        suspicion: how much speaks against the text to use, in [0, 1].
        why: the reasons for it, in words with their weights.
        faults: what the audit found, the worst first.
        scores: those of ``SCORES`` that are known.
        template: the frame; None without frames.
    """

    key: Key
    seen: str
    manual: str | None
    refined: str | None
    category: str = ""
    describer: str = ""
    suspicion: float = 0.0
    why: tuple[tuple[str, float], ...] = ()
    faults: tuple[Fault, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    template: Template | None = None

    @property
    def id(self) -> str:
        """One text for the row."""
        return "/".join(self.key)

    @property
    def about(self) -> str:
        """The sequence in one line."""
        dataset, split, sequence = self.key
        parts = [f"{sequence} of {dataset}", *([f"split {split}"] if split else [])]
        return ", ".join([*parts, *([f"class {self.category}"] if self.category else [])])

    @property
    def evidence(self) -> str:
        """What speaks against the text and what was measured, a line each."""
        found = {f"audit: {fault.kind}" for fault in self.faults}
        return "\n".join(
            [
                f"suspicion {self.suspicion:.2f}",
                *(f"{fault.said} ({fault.severity:.2f})" for fault in self.faults),
                *(f"{reason} ({weight:.2f})" for reason, weight in self.why if reason not in found),
                *(["no finding"] if not self.why and not self.faults else []),
                *(f"{SCORES[name]}: {value:.2f}" for name, value in self.scores.items()),
            ]
        )


def case_of(row: Row, template: Template | None = None) -> Case:
    """A whole row as a case."""
    why = reasons(row)
    return Case(
        key=key_of(row),
        seen=seen(row["manual_text"], row["text"]),
        manual=row["manual_text"],
        refined=row["text"],
        category=row["category"] or "",
        describer=model_name(made_by(row).get("describer")),
        suspicion=suspicion(why),
        why=tuple(why),
        faults=tuple(_faults(row)),
        scores=dict(_scores(row)),
        template=template,
    )


def model_name(described: Any) -> str:
    """What a backend says about itself as one name: ``NAME:MODEL@REVISION``, as far as it is known.

    >>> model_name({"name": "grounding-dino", "model": "tiny", "revision": "0123456789abcdef"})
    'grounding-dino:tiny@0123456789ab'
    """
    if not isinstance(described, dict):
        return str(described or "")
    name, model, revision = (str(described.get(part) or "") for part in ("name", "model", "revision"))
    return f"{name}{f':{model}' if model else ''}{f'@{revision[:12]}' if revision else ''}"


def _faults(row: Row) -> Iterable[Fault]:
    found = [(from_record(record), record.get("reason") is not None) for record in row["audit"]]
    for finding, explained in sorted(found, key=lambda each: -share(each[0].severity)):
        said = finding_line(row["manual_text"] or "", finding) if explained else finding.kind
        yield Fault(finding.kind, finding.check, share(finding.severity), said)


def share(score: float) -> float:
    """A score cut to [0, 1]; 0 for one that is no number."""
    return min(max(score, 0.0), 1.0) if math.isfinite(score) else 0.0


def _scores(row: Row) -> Iterable[tuple[str, float]]:
    known = flat(row)
    for name in SCORES:
        value = known[name]
        if isinstance(value, float | int) and math.isfinite(value):
            yield name, float(value)
