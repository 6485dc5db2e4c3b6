"""Alignment of texts with the target: cosines with target crops, and margins over distractor crops.

One sequence is one generator, as in ``reflect``. All texts and encoders are compared on the same crops. Distractors are
what a text found off the target, or else windows beside it. ``rate`` also tells what the grounder found.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from chatdesc.config import Settings, public_spec
from chatdesc.metrics.alignment import Floats, cosine, margin, mean_over_frames
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.rows.schema import AlignmentRecord
from chatdesc.stages.found import Found, found
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


@dataclass(frozen=True, slots=True)
class Ratings:
    """What was measured of named texts on the same frames.

    Attributes:
        alignments: one per encoder and text.
        found: one per text; none where no grounder was asked.
    """

    alignments: list[Alignment]
    found: list[Found]


def align(
    sequence: Sequence, texts: dict[str, Wording], settings: Settings, threshold: float | None
) -> Steps[list[Alignment]]:
    """Score named texts as ``rate`` does; what the grounder found is left out."""
    return (yield from rate(sequence, texts, settings, threshold)).alignments


def rate(
    sequence: Sequence,
    texts: dict[str, Wording],
    settings: Settings,
    threshold: float | None,
    most: int | None = None,
) -> Steps[Ratings]:
    """Score named texts on frames spread over the video, or over each range that has a text of its own.

    Args:
        texts: name -> phrases (``manual``, ``refined``); on a frame counts the one in force there. All texts are
            compared with the same crops, and a text that several names have is grounded and embedded once.
        settings: ``encoders``, ``alignment_frames`` and ``theta``.
        threshold: the grounder's score under which a proposal is no distractor; None asks no grounder.
        most: frames at most, however many ranges there are; None takes at least one of each.

    Returns:
        One Alignment per encoder and text, and one Found per text; none where no frame has a visible target.

    Raises:
        BackendError, DataError: a backend failed on one of the requests, or a frame cannot be read.
    """
    indices = frames_of(sequence, texts, settings.alignment_frames, most)
    if not texts or not sequence.valid()[indices].all():
        return Ratings([], [])
    said = {name: [in_force(phrases, i).text for i in indices] for name, phrases in texts.items()}
    boxes = [sequence.boxes[i] for i in indices]
    rivals, seen = [neighbours(box) for box in boxes], list[Found]()
    if threshold is not None:
        grounded = yield from _grounded(sequence, indices, said)
        rivals = [
            _elsewhere(list(on_frame.values()), box, settings.theta, threshold, beside)
            for on_frame, box, beside in zip(grounded, boxes, rivals, strict=True)
        ]
        for name, words in said.items():
            of_text = [on_frame[text] for on_frame, text in zip(grounded, words, strict=True)]
            seen.append(found(name, of_text, boxes, settings.theta, threshold))
    crops = [Crop(FrameRef(sequence.frames, i), b) for k, i in enumerate(indices) for b in [boxes[k], *rivals[k]]]
    sizes = [1 + len(r) for r in rivals]
    place = {text: t for t, text in enumerate(dict.fromkeys(text for on_frame in said.values() for text in on_frame))}
    vectors: list[Embedding] = yield [Embed(e, tuple(crops), tuple(place)) for e in settings.encoders]
    alignments = [
        _score(encoder, name, answer, [place[text] for text in on_frame], sizes)
        for encoder, answer in zip(settings.encoders, vectors, strict=True)
        for name, on_frame in said.items()
    ]
    return Ratings(alignments, seen)


def _grounded(sequence: Sequence, indices: list[int], said: dict[str, list[str]]) -> Steps[list[dict[str, Grounding]]]:
    """Per frame the groundings by text."""
    asked = list(dict.fromkeys((k, on_frame[k]) for k, on_frame in product(range(len(indices)), said.values())))
    answers = yield [Ground(FrameRef(sequence.frames, indices[k]), text) for k, text in asked]
    grounded: list[dict[str, Grounding]] = [{} for _ in indices]
    for (k, text), answer in zip(asked, answers, strict=True):
        grounded[k][text] = answer
    return grounded


def frames_of(sequence: Sequence, texts: dict[str, Wording], count: int, most: int | None = None) -> list[int]:
    """Indices of ``count`` frames with a visible target, spread over the video; more where there are more ranges.

    Every range of frames that has a phrase of its own gets its share, at least one frame, if the target is visible in
    it. Of more than ``most`` frames so many are kept, evenly.
    """
    starts = sorted({0, *(phrase.start for phrases in texts.values() for phrase in phrases[1:])})
    if len(starts) == 1:
        return spread(sequence, count)
    each, visible = -(-count // len(starts)), sequence.valid()
    spans = [(start, stop) for start, stop in pairwise([*starts, len(sequence.boxes)]) if visible[start:stop].any()]
    indices = [start + i for start, stop in spans for i in spread(sequence.part(start, stop), each)] or [0]
    if most is None or len(indices) <= most:
        return indices
    return [indices[round(place)] for place in np.linspace(0, len(indices) - 1, most)]


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
