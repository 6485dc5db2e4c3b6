"""Rows with something in every column, rows with almost nothing, and their comparison."""

from __future__ import annotations

import json

import numpy as np

from chatdesc.rows.schema import empty_row

NAN = float("nan")


def row(name="swing-1", split="test", **columns):
    """A row with something in every column."""
    full = {
        "sequence": name,
        "dataset": "lasot",
        "split": split,
        "category": "swing",
        "num_frames": 3,
        "width": 640,
        "height": 360,
        "frames": {"pattern": "swing/swing-1/img/%08d.jpg", "first": 1, "paths": []},
        "first_frame": "0f" * 32,
        "boxes": [[1.0, 2.5, 30.0, 40.0], [NAN, NAN, NAN, NAN], [0.0, 0.0, 0.0, 0.0]],
        "visible": [True, False, True],
        "manual_text": "human on a swing seat, 中文 ü |",
        "text": "red swing seat",
        "text_source": "refined",
        "ranges": [
            {
                "start": 0,
                "stop": 3,
                "text": "red",
                "source": "refined",
                "background": [],
                "background_dropped": [],
                "iou": 0.5,
                "margin": 0.25,
            }
        ],
        "scope": "first_frame",
        "places": [{"start": 0, "words": "on the left", "frame": 0, "holds": True}],
        "background": ["tree", "lawn"],
        "background_dropped": ["red swing"],
        "rounds": [
            {
                "start": 0,
                "text": "human on a swing seat",
                "source": "manual",
                "background": [],
                "background_dropped": ["swing"],
                "positive": ["seat"],
                "negative": ["human", "swing"],
                "iou": 0.5,
                "margin": -0.25,
                "accepted": False,
                "raw": '{"T_fore": "…"}',
                "gain": {
                    "kind": "track",
                    "start": 0,
                    "stop": 3,
                    "compared": 1,
                    "score": 0.75,
                    "baseline": 0.5,
                    "gain": 0.25,
                    "low": 0.125,
                    "high": 0.5,
                    "led": None,
                    "left": 2,
                    "by": "tracker",
                    "seen": 2,
                    "onto": [1.0, 2.0, 3.0, 4.0],
                },
            }
        ],
        "grounding": {
            "grounder": "attributes",
            "manual_iou": 0.25,
            "manual_margin": NAN,
            "round0_iou": 0.5,
            "iou": 0.75,
            "margin": None,
            "manual_top_iou": 0.5,
            "top_iou": 0.75,
            "manual_truncated": False,
            "truncated": True,
        },
        "alignment": [
            {
                "encoder": "clip",
                "manual": 20.0,
                "refined": 24.0,
                "manual_margin": 1.0,
                "refined_margin": None,
                "frames": 4,
                "manual_truncated": False,
                "truncated": True,
            }
        ],
        "measures": [
            {
                "measure": "validity",
                "text": "refined",
                "value": 0.5,
                "frames": [0, 2],
                "values": [1.0, 0.0],
                "stops_at": 2,
                "words": ["red"],
                "roles": ["needed"],
                "asked": ["swing"],
                "kinds": ["recognition"],
                "answers": [True],
                "compared": ["manual"],
                "made_by": ["attributes"],
                "theta": 0.5,
                "threshold": 0.25,
                "region": "box",
            }
        ],
        "tracking": {
            "tracker": "csrt",
            "verifier": "similarity",
            "protocol": "lasot",
            "auc": 0.5,
            "precision": 0.75,
            "norm_precision": 1.0,
            "key_frames": [0, 2],
            "texts": [{"start": 1, "text": "a red kite"}],
            "places_dropped": [2],
            "none_frames": [2],
            "held_frames": [3],
            "chosen_iou": 0.5,
            "random_iou": 0.25,
            "oracle_iou": 0.75,
            "boxes": [[1.0, 2.0, 3.0, 4.0]],
            "sources": ["given", "tracker", "language"],
            "scores": [1.0, 0.5, 0.25],
        },
        "audit": [
            {
                "kind": "typo",
                "evidence": '{"distance": 1}',
                "check": "non-word",
                "severity": 0.75,
                "start": 11,
                "stop": 16,
                "reason": "no word",
                "suggestion": "swings",
            }
        ],
        "status": "ok",
        "problems": [],
        "review": {
            "verdict": "edit",
            "side": "refined",
            "kind": None,
            "reason": "the seat | is red",
            "at": "2026-11-29T14:44:27.123+00:00",
            "rule": None,
            "blind": False,
            "decision": "0f" * 16,
        },
        "provenance": {
            "chatdesc": "0.1.0",
            "describer": json.dumps({"name": "attributes", "revision": "1"}),
            "grounder": "{}",
            "tracker": "{}",
            "verifier": "{}",
            "encoders": ["{}"],
            "prompts": "{}",
            "libraries": "{}",
            "settings": json.dumps({"rounds": 3}),
            "seed": 0,
            "config_hash": "abc",
        },
    }
    return full | columns


def bare(name, split="test", **columns):
    """A row of a sequence without a text."""
    return empty_row() | {"sequence": name, "dataset": "lasot", "split": split, "status": "missing_text"} | columns


def same(a, b):
    """Equality of JSON values in which NaN equals itself."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float) and np.isnan(a):
        return np.isnan(b)
    return a == b and (a is None) == (b is None)
