"""Semantic tracking of one sequence: a visual tracker that is called to order by the words.

On key frames the text is grounded, the proposals and the tracker's own box are verified, and the tracker starts anew
where a language proposal wins. One sequence is one generator, as in ``reflect``:

>>> steps = track(sequence, "red kite", ("blue kite",), settings, threshold=0.35, encoder="attributes")
... # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import numpy as np

from chatdesc.config import Settings
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.verify import VERIFIERS, Evidence
from chatdesc.types import (
    Boxes,
    Crop,
    Embed,
    Embedding,
    Follow,
    Followed,
    FrameRef,
    Ground,
    Grounding,
    Phrase,
    Sequence,
    Track,
)

MAX_PROPOSALS = 8
REINIT_BELOW = 0.5


@dataclass(slots=True)
class _State:
    """Where tracking stands: the target's box, the tracker's session, and what has been recorded."""

    box: Boxes
    recent: Crop
    session: Any = None
    init: Boxes | None = None
    boxes: list[Boxes] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    key_frames: list[int] = field(default_factory=list)
    ious: list[tuple[float, float, float]] = field(default_factory=list)


def track(
    sequence: Sequence,
    text: str,
    background: tuple[str, ...],
    settings: Settings,
    threshold: float,
    encoder: str,
    later: tuple[Phrase, ...] = (),
) -> Generator[Any, Any, Track]:
    """Track the target from its box in the first frame, with ``text`` and ``background`` called on key frames.

    Args:
        text: the phrase for the target; empty tracks without language (no key frames).
        background: phrases for what surrounds it; grounded together, apart from the target's phrase.
            After a key frame, a drop in confidence calls for the next one only ``ground_every / 4`` frames later.
        threshold: grounding score under which a proposal does not count.
        encoder: the encoder whose vectors verification compares.
        later: phrases that take the place of ``text`` and ``background`` from their ``start`` on, in order.

    Returns:
        A Track over all annotated frames; frame 0 is the given box.
    """
    total = len(sequence.boxes)
    first = sequence.boxes[0]
    template = Crop(FrameRef(sequence.frames, 0), first)
    state = _State(first, template, init=first, boxes=[first], sources=["given"], scores=[1.0])
    first_phrase = Phrase(0, text, background)
    at = 1
    while at < total:
        due = -(-at // settings.ground_every) * settings.ground_every if text else total
        calm = state.key_frames[-1] + settings.ground_every // 4 if state.key_frames else 0
        low = settings.min_score if text and at > calm else 0.0
        stop = min(total, due + 1, calm + 1 if at <= calm else total)
        words = _in_force(first_phrase, later, at).text
        answer: Followed = yield Follow(sequence.frames, at, stop, state.session, state.init, low, words)
        _record(state, answer)
        at += len(answer.boxes)
        if at - 1 == due or answer.scores[-1] < low:
            phrase = _in_force(first_phrase, later, at - 1)
            yield from _key_frame(sequence, at - 1, phrase, settings, threshold, encoder, template, state)
    ious = np.array(state.ious, np.float32).reshape(-1, 3)
    return Track(
        np.stack(state.boxes).astype(np.float32),
        tuple(state.sources),
        np.array(state.scores, np.float32),
        tuple(state.key_frames),
        *ious.T,
    )


def _in_force(first: Phrase, later: tuple[Phrase, ...], frame: int) -> Phrase:
    return next((p for p in reversed(later) if p.start <= frame), first)


def _record(state: _State, answer: Followed) -> None:
    state.session, state.init = answer.session, None
    state.boxes.extend(answer.boxes)
    state.scores.extend(float(s) for s in answer.scores)
    state.sources.extend(["tracker"] * len(answer.boxes))
    state.box = answer.boxes[-1]


def _key_frame(
    sequence: Sequence,
    index: int,
    phrase: Phrase,
    settings: Settings,
    threshold: float,
    encoder: str,
    template: Crop,
    state: _State,
) -> Generator[Any, Any, None]:
    """Ground the words in one frame, verify, and restart the tracker where language wins."""
    frame = FrameRef(sequence.frames, index)
    text, background = phrase.text, phrase.background
    texts = [text] + ([" . ".join(background)] if background else [])
    grounded: list[Grounding] = yield [Ground(frame, t) for t in texts]
    boxes, scores = top_proposals(grounded[0], threshold)
    boxes = np.concatenate([boxes, state.boxes[-1][None]])
    scores = np.append(scores, np.float32(state.scores[-1]))
    others, other_scores = top_proposals(grounded[1], threshold) if background else (boxes[:0], scores[:0])
    crops = (template, state.recent, *(Crop(frame, b) for b in boxes))
    vectors: Embedding = yield Embed(encoder, crops, (text,))
    truth = sequence.boxes[index] if sequence.valid()[index] else None
    evidence = Evidence(
        boxes,
        scores,
        vectors.crops[2:] @ vectors.crops[0],
        vectors.crops[2:] @ vectors.crops[1],
        vectors.crops[2:] @ vectors.texts[0],
        others,
        other_scores,
        state.boxes[-2],
        truth,
        seed=crc32(f"{settings.seed} {sequence.name!a} {index}".encode()),
        verified=state.recent.box,
    )
    _decide(evidence, frame, index, settings.verifier, state)


def _decide(evidence: Evidence, frame: FrameRef, index: int, verifier: str, state: _State) -> None:
    chosen = VERIFIERS[verifier](evidence)
    box = evidence.boxes[chosen]
    state.key_frames.append(index)
    if evidence.truth is not None:
        ious = iou_matrix(evidence.boxes, evidence.truth[None])[:, 0]
        picks = (chosen, VERIFIERS["random"](evidence), VERIFIERS["oracle"](evidence))
        state.ious.append(tuple(float(ious[p]) for p in picks))  # type: ignore[arg-type]
    if chosen < len(evidence.boxes) - 1:
        agrees = float(iou_matrix(box[None], state.box[None])[0, 0]) >= REINIT_BELOW
        if not agrees:
            state.boxes[-1], state.sources[-1], state.scores[-1] = box, "language", float(evidence.scores[chosen])
            state.box, state.session, state.init = box, None, box
    state.recent = Crop(frame, state.boxes[-1])


def top_proposals(grounding: Grounding, threshold: float) -> tuple[Boxes, Any]:
    """The best proposals above the threshold: boxes [P, 4], scores [P], best first."""
    if not len(grounding.boxes) or not grounding.words:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    best = grounding.scores.max(1)
    order = np.argsort(-best, kind="stable")[:MAX_PROPOSALS]
    order = order[best[order] >= threshold]
    return grounding.boxes[order], best[order].astype(np.float32)
