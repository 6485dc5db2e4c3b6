"""Alignment of texts with the target: cosines on target crops, and margins over what they could be confused with.

One sequence is one generator, as in ``reflect``. Every encoder sees the same crops:

>>> steps = align(sequence, {"manual": "red kite"}, settings, threshold=0.35)   # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.config import Settings, public_spec
from chatdesc.metrics.alignment import Floats, cosine, margin, mean_over_frames
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.reflect import spread
from chatdesc.stages.track import top_proposals
from chatdesc.types import Boxes, Crop, Embed, Embedding, FrameRef, Ground, Grounding, Sequence

DISTRACTORS = 4


@dataclass(frozen=True, slots=True)
class Alignment:
    """One encoder's view of one text: cosine x 100 on the target and over the strongest distractor (None: unknown)."""

    encoder: str
    text: str
    score: float | None
    margin: float | None
    frames: int
    truncated: bool


def align(
    sequence: Sequence, texts: dict[str, str], settings: Settings, threshold: float | None
) -> Generator[Any, Any, list[Alignment]]:
    """Score named texts on ``alignment_frames`` frames spread over the video.

    Args:
        texts: name -> text (``manual``, ``refined``); all are judged against the same crops.
        threshold: the grounder's score under which a proposal is no distractor; None asks no grounder.

    Returns:
        One Alignment per encoder and text, ``text`` being its name.
    """
    indices = spread(sequence, settings.alignment_frames)
    if not texts or not sequence.valid()[indices].all():
        return []
    rivals = [neighbours(sequence.boxes[i]) for i in indices]
    if threshold is not None:
        grounded: list[Grounding] = yield [
            Ground(FrameRef(sequence.frames, i), text) for i in indices for text in texts.values()
        ]
        for k, i in enumerate(indices):
            group = grounded[k * len(texts) : (k + 1) * len(texts)]
            rivals[k] = _elsewhere(group, sequence.boxes[i], settings.theta, threshold, rivals[k])
    crops = [
        Crop(FrameRef(sequence.frames, i), b) for k, i in enumerate(indices) for b in [sequence.boxes[i], *rivals[k]]
    ]
    sizes = [1 + len(r) for r in rivals]
    wording = tuple(texts.values())
    answers: list[Embedding] = yield [Embed(e, tuple(crops), wording) for e in settings.encoders]
    return [
        _score(encoder, name, answer.texts[t], bool(answer.truncated[t]), answer.crops, sizes)
        for encoder, answer in zip(settings.encoders, answers, strict=True)
        for t, name in enumerate(texts)
    ]


def alignment_column(scores: list[Alignment]) -> list[dict[str, Any]]:
    """The row's column: one entry per encoder with both texts side by side."""
    by_encoder: dict[str, dict[str, Alignment]] = {}
    for one in scores:
        by_encoder.setdefault(one.encoder, {})[one.text] = one
    column = []
    for encoder, texts in by_encoder.items():
        manual, refined = texts.get("manual"), texts.get("refined")
        either = refined or manual
        column.append(
            {
                "encoder": public_spec(encoder),
                "manual": manual.score if manual else None,
                "refined": refined.score if refined else None,
                "manual_margin": manual.margin if manual else None,
                "refined_margin": refined.margin if refined else None,
                "frames": either.frames if either else 0,
                "manual_truncated": manual.truncated if manual else None,
                "truncated": refined.truncated if refined else None,
            }
        )
    return column


def neighbours(box: Boxes) -> Boxes:
    """[4, 4] windows of the target's size to its left, right, above and below (they may reach out of the frame)."""
    shifts = np.array([[-1.5, 0], [1.5, 0], [0, -1.5], [0, 1.5]], np.float32) * box[2:]
    return np.concatenate([box[:2] + shifts, np.repeat(box[None, 2:], 4, 0)], 1).astype(np.float32)


def _elsewhere(groundings: list[Grounding], box: Boxes, theta: float, threshold: float, beside: Boxes) -> Boxes:
    """What any of the texts found off the target, or the windows beside it where they found nothing else."""
    found = [beside[:0]]
    for grounding in groundings:
        boxes, _ = top_proposals(grounding, threshold)
        if len(boxes):
            found.append(boxes[iou_matrix(boxes, box[None])[:, 0] < theta][:DISTRACTORS])
    apart = np.unique(np.concatenate(found), axis=0)
    return apart if len(apart) else beside


def _score(
    encoder: str, name: str, text: NDArray[np.floating], truncated: bool, crops: NDArray[np.floating], sizes: list[int]
) -> Alignment:
    values = cosine(text[None], crops)
    starts = np.cumsum([0, *sizes[:-1]])
    on_target = values[starts]
    over = [margin(values[s : s + 1], values[None, s + 1 : s + n])[0] for s, n in zip(starts, sizes, strict=True)]
    return Alignment(encoder, name, _known(on_target), _known(np.array(over)), len(sizes), truncated)


def _known(values: Floats) -> float | None:
    mean = float(mean_over_frames(values))
    return None if np.isnan(mean) else mean
