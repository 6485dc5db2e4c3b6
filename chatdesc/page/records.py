"""Rows as the page needs them: a short record per sequence for the table, and the details for its own page.

>>> from chatdesc.rows.schema import empty_row
>>> row = empty_row() | {"sequence": "kite-1", "text": "a red kite", "status": "ok"}
>>> dict(zip(FIELDS, entry(row, 0)))["text"], details(row)["rounds"]
('a red kite', [])
>>> plain({"iou": float("nan"), "auc": 0.123456})
{'iou': None, 'auc': 0.1235}
"""

from __future__ import annotations

import json
import math
from typing import Any

from chatdesc.page.suspicion import reasons, suspicion
from chatdesc.reports.story import SCOPES, chosen_rounds
from chatdesc.reports.summary import flat
from chatdesc.rows.schema import RoundRecord, Row

FIELDS = (
    "source", "sequence", "dataset", "split", "category", "frames", "status", "text_source", "manual_text", "text",
    "manual_iou", "iou", "manual_margin", "margin", "manual_alignment", "alignment", "auc", "suspicion", "findings",
    "attributes",
)  # fmt: skip
SHORT = 400  # characters of a text in the table; a sequence's page has it whole
ROUND = ("start", "text", "source", "positive", "negative", "background", "iou", "margin", "accepted", "gain")
DIGITS = 4

Details = dict[str, Any]


def plain(value: Any) -> Any:
    """A value as JSON that browsers read: no NaN and no infinity, numbers with four decimals."""
    if isinstance(value, float):
        return round(value, DIGITS) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def entry(row: Row, source: int, attributes: tuple[str, ...] = ()) -> list[Any]:
    """A row's values of ``FIELDS``, for the table."""
    known = flat(row) | {
        "source": source,
        "dataset": row["dataset"],
        "category": row["category"],
        "frames": row["num_frames"],
        "suspicion": suspicion(reasons(row)),
        "findings": len(row["audit"]),
        "attributes": list(attributes),
    }
    values = (known[name] for name in FIELDS)
    return [plain(value[:SHORT] if isinstance(value, str) else value) for value in values]


def details(row: Row) -> Details:
    """What a sequence's own page shows beside its line in the table, its pictures and its lines over time."""
    tracking, chosen = row["tracking"], chosen_rounds(row)
    said: Details = {
        "manual_text": row["manual_text"],
        "text": row["text"],
        "width": row["width"],
        "height": row["height"],
        "background": row["background"],
        "rounds": [_round(tried) | {"chosen": place in chosen} for place, tried in enumerate(row["rounds"])],
        "ranges": row["ranges"],
        "scope": SCOPES.get(row["scope"] or "", row["scope"]),
        "grounding": row["grounding"],
        "alignment": row["alignment"],
        "tracking": tracking and {k: v for k, v in tracking.items() if k not in ("boxes", "sources", "scores")},
        "audit": [_finding(found) for found in row["audit"]],
        "why": [{"reason": why, "weight": weight} for why, weight in reasons(row)],
        "problems": row["problems"],
    }
    cleaned: Details = plain(said)
    return cleaned


def made_by(row: Row) -> Details:
    """A row's provenance, with the JSON objects in it as objects; empty where nothing is known."""
    known: Any = row.get("provenance") or {}
    return {key: _opened(value) for key, value in known.items()}


def _round(tried: RoundRecord) -> Details:
    return {key: tried.get(key) for key in ROUND}


def _finding(found: Any) -> Details:
    return {key: _opened(value) if key == "evidence" else value for key, value in found.items()}


def _opened(value: Any) -> Any:
    """JSON in a text as its values; any other text as it is."""
    if isinstance(value, list):
        return [_opened(inner) for inner in value]
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
