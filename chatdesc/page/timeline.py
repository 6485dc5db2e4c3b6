"""What happens to a sequence over its frames, short enough for a page: overlap with the truth, choices, absence.

>>> from chatdesc.rows.schema import empty_row
>>> boxes = [[0.0, 0.0, 10.0, 10.0]] * 4
>>> track = {"boxes": [*boxes[:2], [50.0, 0.0, 10.0, 10.0], boxes[3]], "sources": ["given", *["tracker"] * 3]}
>>> line = timeline(empty_row() | {"boxes": boxes, "tracking": track})
>>> line["iou"], line["disagreements"]
([100, 100, 0, 100], [[2, 'the track leaves the target']])
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.overlap import iou, is_box
from chatdesc.rows.schema import Row

POINTS = 240  # a line has at most so many
LOST = 0.5  # IoU under which the track is off the target
SHORTEST = 3  # frames: shorter losses are jitter, unless the video is that short

Floats = NDArray[np.float64]


def timeline(row: Row) -> dict[str, Any]:
    """The lines of one sequence.

    Returns:
        ``frames``: how many there are; ``step``: frames per point; ``iou``: per point the mean IoU of track and truth
        in per cent, null where there is none; ``absent``: ranges [start, stop] without a target; ``choices``: [frame,
        source] where something else than the tracker placed the box; ``none``: key frames on which no proposal was the
        target; ``disagreements``: [frame, reason], in order.
    """
    truth = _boxes(row["boxes"])
    present = _present(truth, row["visible"])
    overlap = _overlap(row, truth, present)
    frames = max(len(truth), len(overlap))
    step = max(-(-frames // POINTS), 1)
    return {
        "frames": frames,
        "step": step,
        "iou": _points(overlap, step),
        "absent": _stretches(~present),
        "choices": _choices(row),
        "none": tracked(row, "none_frames"),
        "disagreements": sorted([*_losses(overlap), *_refusals(row)]),
    }


def tracked(row: Row, column: str) -> list[Any]:
    """A column of the row's track; empty where nothing was tracked."""
    track: Any = row["tracking"] or {}
    return list(track.get(column) or [])


def present_frames(row: Row) -> NDArray[np.bool_]:
    """bool [N]: frames with a box that are not marked absent."""
    return _present(_boxes(row["boxes"]), row["visible"])


def overlaps(row: Row) -> Floats:
    """[N] IoU of track and truth, NaN where either is missing; empty without a track."""
    truth = _boxes(row["boxes"])
    return _overlap(row, truth, _present(truth, row["visible"]))


def _boxes(listed: Any) -> Floats:
    boxes = [box if box and len(box) == 4 else [np.nan] * 4 for box in listed or []]
    return np.array(boxes, np.float64).reshape(-1, 4)


def _present(truth: Floats, visible: list[bool]) -> NDArray[np.bool_]:
    present = np.asarray(is_box(truth))
    return present & np.array(visible, bool) if len(visible or []) == len(truth) else present


def _overlap(row: Row, truth: Floats, present: NDArray[np.bool_]) -> Floats:
    track = _boxes(tracked(row, "boxes"))
    count = min(len(track), len(truth))
    return np.where(present[:count], iou(track[:count], truth[:count]), np.nan)


def _points(values: Floats, step: int) -> list[int | None]:
    parts = (values[at : at + step] for at in range(0, len(values), step))
    known = (part[np.isfinite(part)] for part in parts)
    return [round(100 * float(part.mean())) if len(part) else None for part in known]


def _stretches(flags: NDArray[np.bool_]) -> list[list[int]]:
    """[start, stop] of each run of true flags; ``stop`` is the first frame after it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2).tolist()


def _choices(row: Row) -> list[list[Any]]:
    return [
        [frame, source] for frame, source in enumerate(tracked(row, "sources")) if source not in ("tracker", "given")
    ]


def _losses(overlap: Floats) -> Iterator[list[Any]]:
    shortest = min(SHORTEST, max(len(overlap) // 4, 1))
    for start, stop in _stretches(overlap < LOST):
        if stop - start >= shortest:
            yield [start, "the track leaves the target"]


def _refusals(row: Row) -> Iterator[list[Any]]:
    for frame in tracked(row, "none_frames"):
        yield [frame, "none of the proposals is the target"]
