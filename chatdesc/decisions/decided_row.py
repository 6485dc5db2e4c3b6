"""A row after a decision. What was measured on a text that no longer stands is not kept as if it were of the new one.

>>> from chatdesc.decisions.decision import decision
>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"sequence": "bus-2", "dataset": "lasot", "manual_text": "bus", "text": "a red bus"}
>>> made = decision({"id": "a", "dataset": "lasot", "sequence": "bus-2", "verdict": "edit", "text": "a blue bus"})
>>> new = decided_row(row, made)
>>> new["text"], new["text_source"], new["review"]["verdict"], row["text"]
('a blue bus', 'human', 'edit', 'a red bus')
"""

from __future__ import annotations

from typing import Any, cast

from chatdesc.decisions.decision import Decision, accepted_text
from chatdesc.rows.schema import BROKEN, AlignmentRecord, GroundingRecord, ReviewRecord, Row

OF_THE_TEXT = frozenset({"describe_failed", "grounding_failed", "alignment_failed", "tracking_failed"}) & BROKEN


def decided_row(row: Row, made: Decision) -> Row:
    """The row with what a reviewer decided.

    ``accept`` and ``edit`` give the text and the source ``human``. ``reject`` goes back to the manual text where there
    is one. ``flag`` leaves the text as it is. All four are recorded in ``review``, without the reviewer's name.
    """
    if made.verdict in ("accept", "edit"):
        changed = with_text(row, text_after(row, made), "human")
    elif made.verdict == "reject" and row["manual_text"] is not None and row["text_source"] != "manual":
        changed = with_text(row, row["manual_text"], "manual")
    else:
        changed = row
    return changed | {"review": _record(made)}


def text_after(row: Row, made: Decision) -> str:
    """The text that stands after ``accept`` or ``edit``."""
    return made.text if made.verdict == "edit" else accepted_text(row, made) or ""


def with_text(row: Row, text: str, source: str) -> Row:
    """The row with another text; figures are kept where they were measured on this text, else they are null."""
    if text == row["text"]:
        return row | {"text_source": source}
    is_manual = text == row["manual_text"]
    status = "ok" if row["status"] in OF_THE_TEXT else row["status"]
    return row | {
        "text": text,
        "text_source": source,
        "ranges": [],
        "scope": None,
        "places": [],
        "grounding": row["grounding"] and _grounding(row["grounding"], is_manual),
        "alignment": [_alignment(entry, is_manual) for entry in row["alignment"]],
        "tracking": None,
        "status": status,
    }


def _grounding(known: GroundingRecord, is_manual: bool) -> GroundingRecord:
    of_text = ("iou", "margin", "top_iou", "truncated")
    manual: Any = known
    return cast(GroundingRecord, known | {key: manual.get(f"manual_{key}") if is_manual else None for key in of_text})


def _alignment(known: AlignmentRecord, is_manual: bool) -> AlignmentRecord:
    pairs = {"refined": "manual", "refined_margin": "manual_margin", "truncated": "manual_truncated"}
    manual: Any = known
    return cast(AlignmentRecord, known | {key: manual.get(of) if is_manual else None for key, of in pairs.items()})


def _record(made: Decision) -> ReviewRecord:
    return {
        "verdict": made.verdict,
        "side": made.side or None,
        "kind": made.kind or None,
        "reason": made.reason or None,
        "at": made.at,
        "rule": made.rule or None,
        "blind": made.blind,
        "decision": made.id,
    }
