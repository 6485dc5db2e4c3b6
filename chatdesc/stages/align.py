"""Alignment of texts with the target: cosines with target crops, and margins over distractor crops.

One sequence is one generator, as in ``reflect``. All texts and encoders are compared on the same crops. Distractors are
what a text found off the target, or else windows beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chatdesc.config import Settings, public_spec
from chatdesc.metrics.alignment import Floats, cosine, margin, mean_over_frames
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.rows.schema import AlignmentRecord
from chatdesc.stages.reflect import spread
from chatdesc.stages.track import Phrase, in_force, top_proposals
from chatdesc.stages.windows import neighbours
from chatdesc.types import Boxes, Crop, Embed, Embedding, FrameRef, Ground, Grounding, Sequence, Steps

DISTRACTORS = 4  # proposals of one text on one frame

Wording = tuple[Phrase, ...]  # one or more, in the order of their frames


@dataclass(frozen=True, slots=True)
class Alignment:
    """One encoder's score of one text.

    Attributes:
        encoder: the encoder's spec, as in the settings.
        text: the text's name, ``manual`` or ``refined``.
        score: cosine x 100 with the target's crop, mean over the frames; None where it is unknown.
        margin: ``score`` minus the cosine x 100 with the strongest distractor, mean over the frames.
        frames: over how many frames.
        truncated: whether the encoder cut the text, or that of some range.
    """

    encoder: str
    text: str
    score: float | None
    margin: float | None
    frames: int
    truncated: bool


def align(
    sequence: Sequence, texts: dict[str, Wording], settings: Settings, threshold: float | None
) -> Steps[list[Alignment]]:
    """Score named texts on frames spread over the video, or over each range that has a text of its own.

    Args:
        texts: name -> phrases (``manual``, ``refined``); on a frame counts the one in force there. All texts are
            compared with the same crops.
        settings: ``encoders``, ``alignment_frames`` and ``theta``.
        threshold: the grounder's score under which a proposal is no distractor; None asks no grounder.

    Returns:
        One Alignment per encoder and text; none where no frame has a visible target.

    Raises:
        BackendError, DataError: a backend failed on one of the requests, or a frame cannot be read.
    """
    indices = frames_of(sequence, texts, settings.alignment_frames)
    if not texts or not sequence.valid()[indices].all():
        return []
    said = {name: [in_force(phrases, i).text for i in indices] for name, phrases in texts.items()}
    rivals = [neighbours(sequence.boxes[i]) for i in indices]
    if threshold is not None:
        grounded: list[Grounding] = yield [
            Ground(FrameRef(sequence.frames, i), on_frame[k])
            for k, i in enumerate(indices)
            for on_frame in said.values()
        ]
        for k, i in enumerate(indices):
            group = grounded[k * len(texts) : (k + 1) * len(texts)]
            rivals[k] = _elsewhere(group, sequence.boxes[i], settings.theta, threshold, rivals[k])
    crops = [
        Crop(FrameRef(sequence.frames, i), b) for k, i in enumerate(indices) for b in [sequence.boxes[i], *rivals[k]]
    ]
    sizes = [1 + len(r) for r in rivals]
    place = {text: t for t, text in enumerate(dict.fromkeys(text for on_frame in said.values() for text in on_frame))}
    answers: list[Embedding] = yield [Embed(e, tuple(crops), tuple(place)) for e in settings.encoders]
    return [
        _score(encoder, name, answer, [place[text] for text in on_frame], sizes)
        for encoder, answer in zip(settings.encoders, answers, strict=True)
        for name, on_frame in said.items()
    ]


def frames_of(sequence: Sequence, texts: dict[str, Wording], count: int) -> list[int]:
    """Indices of ``count`` frames with a visible target, spread over the video; more where there are more ranges.

    Every range of frames that has a phrase of its own gets its share, at least one frame, if the target is visible in
    it.
    """
    starts = sorted({0, *(phrase.start for phrases in texts.values() for phrase in phrases[1:])})
    if len(starts) == 1:
        return spread(sequence, count)
    each, visible = -(-count // len(starts)), sequence.valid()
    spans = [(start, stop) for start, stop in pairwise([*starts, len(sequence.boxes)]) if visible[start:stop].any()]
    return [start + i for start, stop in spans for i in spread(sequence.part(start, stop), each)] or [0]


def alignment_column(scores: list[Alignment]) -> list[AlignmentRecord]:
    """The row's column ``alignment``: one record per encoder with the manual and the refined text side by side."""
    by_encoder: dict[str, dict[str, Alignment]] = {}
    for score in scores:
        by_encoder.setdefault(score.encoder, {})[score.text] = score
    column: list[AlignmentRecord] = []
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


def _elsewhere(groundings: list[Grounding], box: Boxes, theta: float, threshold: float, beside: Boxes) -> Boxes:
    """Boxes [D, 4] that any text led to off the target; the windows ``beside`` it where no text did."""
    off_target = [beside[:0]]
    for grounding in groundings:
        boxes, _ = top_proposals(grounding, threshold)
        if len(boxes):
            off_target.append(boxes[iou_matrix(boxes, box[None])[:, 0] < theta][:DISTRACTORS])
    apart = np.unique(np.concatenate(off_target), axis=0)
    return apart if len(apart) else beside


def _score(encoder: str, name: str, answer: Embedding, said: list[int], sizes: list[int]) -> Alignment:
    """The score of a text that is ``answer.texts[said[k]]`` on frame k, whose ``sizes[k]`` crops begin with the
    target's."""
    values = cosine(answer.texts[np.repeat(said, sizes)], answer.crops)
    starts = np.cumsum([0, *sizes[:-1]])
    over = [margin(values[s : s + 1], values[None, s + 1 : s + n])[0] for s, n in zip(starts, sizes, strict=True)]
    truncated = bool(answer.truncated[said].any())
    return Alignment(encoder, name, _known(values[starts]), _known(np.array(over)), len(sizes), truncated)


def _known(values: Floats) -> float | None:
    mean = float(mean_over_frames(values))
    return None if np.isnan(mean) else mean
