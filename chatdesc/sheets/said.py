"""What a sheet says in words: heading, both texts with their numbers, findings.

>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"sequence": "kite-1", "dataset": "lasot", "status": "ok", "manual_text": "kite"}
>>> heading(row), numbers(row, "manual")
(['kite-1 of lasot', 'status ok'], '')
"""

from __future__ import annotations

import math
from typing import Any

from chatdesc.checks.rows import from_record
from chatdesc.names import counted
from chatdesc.page.records import made_by
from chatdesc.page.suspicion import reasons
from chatdesc.reports.audit import finding_line
from chatdesc.reports.story import chosen_rounds
from chatdesc.rows.schema import Row

ENCODERS = 2  # whose alignment has room
FOUND, ELSEWHERE = "found the target", "led elsewhere"  # what words of a text did
GROUNDED = {"manual": ("manual_iou", "manual_margin"), "refined": ("iou", "margin")}
ALIGNED = {"manual": ("manual", "manual_margin"), "refined": ("refined", "refined_margin")}


def heading(row: Row) -> list[str]:
    """The title, and lines of facts below it."""
    split = f", split {row['split']}" if row["split"] else ""
    facts = [f"class {row['category']}"] if row["category"] else []
    facts += [counted(row["num_frames"], "frame")] if row["num_frames"] else []
    facts += [f"{row['width']} × {row['height']} pixels"] if row["width"] and row["height"] else []
    facts += [f"status {row['status']}"]
    return [f"{row['sequence']} of {row['dataset']}{split}", ", ".join(facts), *_models(row)]


def _models(row: Row) -> list[str]:
    known: dict[str, Any] = made_by(row)
    named = [(role, known.get(role)) for role in ("describer", "grounder", "tracker", "verifier")]
    models = [f"{role} {said.get('model') or said.get('name')}" for role, said in named if isinstance(said, dict)]
    return [", ".join(models)] if models else []


def numbers(row: Row, which: str) -> str:
    """IoU, margin and alignment of the manual or the refined text; empty where nothing was measured."""
    grounding: Any = row["grounding"] or {}
    iou, margin = (grounding.get(key) for key in GROUNDED[which])
    said = [f"IoU {number(iou)}, margin {signed(margin)}"] if known(iou) or known(margin) else []
    for entry in row["alignment"][:ENCODERS]:
        values: Any = entry
        cosine, over = (values.get(key) for key in ALIGNED[which])
        if known(cosine):
            said.append(f"{entry['encoder']}: alignment {number(cosine, 1)}, margin {signed(over, 1)}")
    return "; ".join(said)


def words(row: Row) -> list[tuple[str, list[str]]]:
    """Words of the chosen text that found the target, and that led elsewhere."""
    chosen = [row["rounds"][place] for place in sorted(chosen_rounds(row))]
    kinds = ((FOUND, "positive"), (ELSEWHERE, "negative"))
    each = [(said, [word for tried in chosen for word in _list(tried, key)]) for said, key in kinds]
    return [(said, list(dict.fromkeys(found))) for said, found in each if found]


def _list(tried: Any, key: str) -> list[str]:
    return list(tried.get(key) or [])


def findings(row: Row) -> list[str]:
    """What the audit found in the manual text, what else speaks against the text, and problems of the sequence."""
    audit = [finding_line(row["manual_text"] or "", from_record(found)) for found in row["audit"]]
    others = [why for why, _ in reasons(row) if not why.startswith("audit: ")]
    return [*audit, *others, *row["problems"]]


def known(value: float | None) -> bool:
    """Whether a number was measured."""
    return value is not None and not math.isnan(value)


def number(value: float | None, digits: int = 2) -> str:
    """A number, or a dash."""
    return f"{value:.{digits}f}".replace("-", "−") if value is not None and known(value) else "–"


def signed(value: float | None, digits: int = 2) -> str:
    """A number with its sign, or a dash."""
    return f"{value:+.{digits}f}".replace("-", "−") if value is not None and known(value) else "–"
