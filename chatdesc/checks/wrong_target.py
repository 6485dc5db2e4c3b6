"""Texts that lead to something else than the target on the frames of the video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chatdesc.checks.base import Finding, Subject
from chatdesc.checks.leads import evidence, frames_of, is_read
from chatdesc.measures.leads import CLEAR, LEAST_VIEWS, UNLIKE, middle
from chatdesc.rows.schema import Row
from chatdesc.stages.look import Sight
from chatdesc.tables import Record

NAME = "wrong-target"
SEVERITY = 0.9
RECORDED = 0.8  # where a run's row is all that is known


class WrongTargetCheck:
    """Finds texts that lead elsewhere on several frames, the first one too, where they also agree better with it."""

    name = NAME
    kinds: tuple[str, ...] = ("wrong_target",)
    needs = "frames or row"
    english_only = False

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Nothing: each text is looked at by itself."""

    def find(self, subject: Subject) -> list[Finding]:
        """At most one finding; from the row's evidence where nobody looked at the frames."""
        if subject.sight is not None:
            found = of_sight(subject.sight)
        else:
            found = None if subject.row is None else of_row(subject.row, subject.text)
        return [found] if found else []

    def describe_self(self) -> dict[str, str]:
        """Name and version."""
        return {"name": self.name, "version": "1"}


def leads_elsewhere(sight: Sight) -> bool:
    """Whether the text leads off the target by a clear lead, and another region agrees better with it."""
    first, lead = sight.views[0].lead, middle(view.lead for view in sight.views)
    aligned = middle(view.alignment_lead for view in sight.views)
    if first is None or lead is None or aligned is None:
        return False
    return max(first, lead) <= -CLEAR and aligned <= -UNLIKE


def of_sight(sight: Sight) -> Finding | None:
    """The finding of a text that was grounded and aligned on frames."""
    if not is_read(sight) or not leads_elsewhere(sight):
        return None
    off = [view for view in sight.views if view.lead is not None and view.lead < 0]
    reason = (
        f"the words lead to something else than the target on the frames {frames_of(off)}, which also agrees better "
        "with them"
    )
    return Finding(NAME, "wrong_target", SEVERITY, reason, evidence=evidence(sight))


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a run has recorded of a manual text: IoUs and margin of the grounding, and the margins of the encoders."""

    grounder: str
    iou: float
    top_iou: float
    margin: float
    alignment_margins: Mapping[str, float]

    def is_of(self, grounder: str | None, encoder: str | None) -> bool:
        """Whether models of these specs, as rows have them, took part; None stands for any."""
        return grounder in (None, self.grounder) and (encoder is None or encoder in self.alignment_margins)


def recorded(row: Row, text: str) -> Recorded | None:
    """What a run's row says of its manual text, grounded on feedback frames and aligned on several; None if not all."""
    grounding, scores = row.get("grounding"), row.get("alignment") or []
    if not grounding or text != row.get("manual_text"):
        return None
    margin, iou, top = grounding["manual_margin"], grounding["manual_iou"], grounding.get("manual_top_iou")
    margins = {
        s["encoder"]: s["manual_margin"]
        for s in scores
        if s["frames"] >= LEAST_VIEWS and s["manual_margin"] is not None
    }
    if margin is None or iou is None or top is None or not margins:
        return None
    return Recorded(grounding["grounder"], iou, top, margin, margins)


def of_row(row: Row, text: str) -> Finding | None:
    """The finding of a manual text of which a run has recorded enough."""
    seen = recorded(row, text)
    if seen is None or seen.margin > -CLEAR or max(seen.iou, seen.top_iou) > 0:
        return None
    margins = list(seen.alignment_margins.values())
    if max(margins) > -UNLIKE:
        return None
    reason = "the run grounded the words elsewhere, and what they led to agrees better with them than the target"
    said: Record = {
        "grounder": seen.grounder,
        "iou": seen.iou,
        "margin": seen.margin,
        "alignment_margins": margins,
    }
    return Finding(NAME, "wrong_target", RECORDED, reason, evidence=said)
