"""The rows of a refined dataset: their columns, and how a sequence's results become one.

A row is a plain dict of JSON values, so that a run can keep one file per sequence; ``features()`` types it for
parquet. The words here are the dataset's public interface: add columns, do not rename them.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.types import Boxes, Frames

COLUMNS: dict[str, str] = {
    "sequence": "name of the sequence in its dataset",
    "dataset": "source dataset: lasot, lasot_ext, tnl2k, otb-lang, synthetic",
    "split": "split of the source dataset, or null where it is not known",
    "category": "the dataset's own class of the target, or null",
    "num_frames": "annotated frames",
    "width": "of the first frame, pixels; null without frames",
    "height": "of the first frame, pixels; null without frames",
    "frames": "paths relative to the source dataset's root: `pattern % (first + i)` for frame i, or the list `paths`",
    "boxes": "ground truth, one [x, y, w, h] per frame, pixels, float32",
    "visible": "whether the target is visible, per frame; empty where the dataset does not say",
    "manual_text": "the text that the dataset came with, null where it has none",
    "text": "the text to use; null where none could be made",
    "text_source": "`refined` or `manual` (the manual text was kept because nothing beat it)",
    "ranges": "with `--every N`: the text of each range of frames, `start` to `stop` - 1, with its own feedback",
    "scope": "what the feedback saw: `first_frame`, `video` (several frames) or `range`",
    "background": "nouns for what surrounds the target",
    "rounds": "every text tried, in order (`start` is its range's first frame), with the words that found the target "
    "(positive) or led elsewhere "
    "(negative), IoU of the best-scoring proposal, margin (best score on target - best score elsewhere)",
    "grounding": "IoU and margin of the manual text, of round 0 and of `text`, by the grounder that gave feedback",
    "alignment": "per encoder: cosine x 100 of text and target crop, mean over `frames` frames, for the manual text "
    "and for `text`; margins over the strongest distractor crop; whether the encoder cut the text",
    "tracking": "semantic tracking with `text`: success AUC, precision at 20 px, normalised precision (protocol "
    "named), verification against random choice and oracle, and the track itself",
    "audit": "findings about the manual text with their evidence",
    "status": "ok, or what is wrong with the sequence (missing_text, missing_frames, bad_boxes, describe_failed ...)",
    "problems": "every problem in words",
    "provenance": "what made this row: versions, backends with revisions, prompt hashes, settings, seed, config hash",
}


def features(include_frames: bool = False) -> Any:
    """``datasets.Features`` of a row (with an ``images`` column if frames are embedded)."""
    from datasets import Features, Image, List, Value

    text, number, flag, whole = Value("string"), Value("float32"), Value("bool"), Value("int32")
    box = List(number, length=4)
    columns: dict[str, Any] = {
        "sequence": text,
        "dataset": text,
        "split": text,
        "category": text,
        "num_frames": whole,
        "width": whole,
        "height": whole,
        "frames": {"pattern": text, "first": whole, "paths": List(text)},
        "boxes": List(box),
        "visible": List(flag),
        "manual_text": text,
        "text": text,
        "text_source": text,
        "ranges": List(
            {
                "start": whole,
                "stop": whole,
                "text": text,
                "source": text,
                "background": List(text),
                "iou": number,
                "margin": number,
            }
        ),
        "scope": text,
        "background": List(text),
        "rounds": List(
            {
                "start": whole,
                "text": text,
                "source": text,
                "background": List(text),
                "positive": List(text),
                "negative": List(text),
                "iou": number,
                "margin": number,
                "accepted": flag,
                "raw": text,
            }
        ),
        "grounding": {
            "grounder": text,
            "manual_iou": number,
            "manual_margin": number,
            "round0_iou": number,
            "iou": number,
            "margin": number,
        },
        "alignment": List(
            {
                "encoder": text,
                "manual": number,
                "refined": number,
                "manual_margin": number,
                "refined_margin": number,
                "frames": whole,
                "manual_truncated": flag,
                "truncated": flag,
            }
        ),
        "tracking": {
            "tracker": text,
            "verifier": text,
            "protocol": text,
            "auc": number,
            "precision": number,
            "norm_precision": number,
            "key_frames": List(whole),
            "chosen_iou": number,
            "random_iou": number,
            "oracle_iou": number,
            "boxes": List(box),
            "sources": List(text),
            "scores": List(number),
        },
        "audit": List({"kind": text, "evidence": text}),
        "status": text,
        "problems": List(text),
        "provenance": {
            "chatdesc": text,
            "describer": text,
            "grounder": text,
            "tracker": text,
            "verifier": text,
            "encoders": List(text),
            "prompts": text,
            "libraries": text,
            "settings": text,
            "seed": whole,
            "config_hash": text,
        },
    }
    if include_frames:
        columns["images"] = List(Image())
    return Features(columns)


def empty_row() -> dict[str, Any]:
    """A row of nulls and empty lists with every column present."""
    lists = {"boxes", "visible", "ranges", "background", "rounds", "alignment", "audit", "problems"}
    return {name: [] if name in lists else None for name in COLUMNS}


def frame_paths(frames: Frames) -> dict[str, Any]:
    """``{"pattern", "first", "paths"}``: a printf pattern where names count up by one, else every path."""
    paths = frames.paths
    match = re.fullmatch(r"(.*?)(\d+)(\.\w+)", paths[0]) if paths else None
    if match:
        head, digits, tail = match.groups()
        pattern = head.replace("%", "%%") + f"%0{len(digits)}d" + tail
        if all(path == pattern % (int(digits) + i) for i, path in enumerate(paths)):
            return {"pattern": pattern, "first": int(digits), "paths": []}
    return {"pattern": None, "first": None, "paths": list(paths)}


def box_list(boxes: Boxes) -> list[list[float]]:
    """[N, 4] as JSON numbers, NaN kept."""
    return [[float(v) for v in box] for box in boxes]


def flag_list(flags: NDArray[np.bool_] | None) -> list[bool]:
    return [] if flags is None else [bool(f) for f in flags]
