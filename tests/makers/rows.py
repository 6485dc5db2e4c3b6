"""Rows of a refined dataset, and tables as a terminal shows them."""

from __future__ import annotations

import io

from chatdesc.rows.schema import empty_row

TRACKING = {
    "verifier": "similarity", "protocol": "lasot", "auc": 0.6, "precision": 0.7, "norm_precision": 0.8,
    "chosen_iou": 0.5, "random_iou": 0.3, "oracle_iou": 0.9, "boxes": [[0] * 4], "sources": ["given"], "scores": [1.0],
}  # fmt: skip


def aligned(manual, refined, manual_margin=None, refined_margin=None, encoder="clip", cut=False):
    """One encoder's entry of a row's alignment."""
    return {
        "encoder": encoder, "manual": manual, "refined": refined, "manual_margin": manual_margin,
        "refined_margin": refined_margin, "frames": 4, "manual_truncated": cut, "truncated": False,
    }  # fmt: skip


def a_row(name="a-1", text="red kite", **changes):
    """A row with a refined text that the grounder ``g`` finds better than the manual one."""
    grounding = {
        "grounder": "g", "manual_iou": 0.2, "manual_margin": -0.1, "round0_iou": 0.4, "iou": 0.8, "margin": 0.3,
        "manual_top_iou": 0.4, "top_iou": 0.8, "manual_truncated": False, "truncated": True,
    }  # fmt: skip
    row = {"sequence": name, "manual_text": "a kite", "text": text, "text_source": "refined", "status": "ok"}
    return empty_row() | row | {"grounding": grounding, "alignment": [aligned(20.0, 25.0)]} | changes


def printed(table, width=200):
    """A table as text on a terminal of ``width`` characters."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()
