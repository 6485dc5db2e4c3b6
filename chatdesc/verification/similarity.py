"""The verifier ``similarity``: terms without a scale of their own, weighted and added up. Nothing is trained.

Cosines count by how a proposal stands among the others of its frame. So an encoder whose cosines lie in a narrow cone
says the same as one whose cosines spread from 0 to 1: the second proposal looks more like the template, by any scale.

>>> column = lambda *values: np.array(values, np.float32)
>>> boxes = np.array([[10, 10, 20, 20], [60, 10, 20, 20]], np.float32)
>>> wide, narrow = (
...     Evidence(
...         boxes, scores=column(0.9, 0.9), template=template, recent=template, text=text, background=boxes[:0],
...         background_scores=column(), previous=boxes[0], since=40, anchor=text[1],
...     )
...     for template, text in [(column(0.2, 0.9), column(0.1, 0.8)), (column(0.6, 0.95), column(0.22, 0.29))]
... )
>>> similarity(wide).index, similarity(narrow).index
(1, 1)
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from chatdesc.evidence import Choice, Evidence, Floats
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import Boxes
from chatdesc.verification.answer import answer, last_best
from chatdesc.verification.motion import displacement, doublings, side

APART = 0.3  # IoU from which two boxes are the same thing, and no rivals
SPREADS = 2.0  # a lead of so many standard deviations counts in full
LOGITS = 2.0  # a lead of so much in a word score's logit counts in full
REACH, PACE = 0.3, 0.08  # how far a target moves, in its own sizes: at once, and per frame
LEAST = 1e-4  # cosines that differ by less are equal but for rounding
DOUBLINGS, GROWTH = 0.5, 0.01  # how much its area changes, as |log2|: at once, and per frame


V = TypeVar("V")


class Terms(NamedTuple, Generic[V]):
    """A value per term. Of a frame they are [P]: what speaks for a proposal, in [-1, 1], or against it, in [-1, 0].

    Attributes:
        template_lead, recent_lead, text_lead: lead over the best rival in standard deviations of the frame's cosines.
        template_level, recent_level, text_level: where the cosine lies between that of windows beside the target (0;
            without such windows the frame's least) and that of the target itself (1).
        words: lead of the grounder's score over the best rival's, as a logit.
        tracker: IoU with the tracker's box, as far as the tracker is as sure as when it was verified.
        jump, resize: displacement and change of size since the target was verified.
        growth: change of size since the first frame, whose box is right for certain.
        background: overlap with what the background's words found, by how well they fit.
    """

    template_lead: V
    template_level: V
    recent_lead: V
    recent_level: V
    text_lead: V
    text_level: V
    words: V
    tracker: V
    jump: V
    resize: V
    growth: V
    background: V


def terms(e: Evidence) -> Terms[Floats]:
    """The terms of every proposal."""
    rivals = iou_matrix(e.boxes, np.concatenate([e.boxes, e.background])) < APART
    anchor = max(float(e.text.max()), -1.0) if e.anchor is None else e.anchor
    words = word_scores(e)
    return Terms(
        _lead(e.template, e.background_template, e.beside_template, rivals),
        _level(e.template, e.background_template, e.beside_template, 1.0),
        _lead(e.recent, e.background_recent, e.beside_recent, rivals),
        _level(e.recent, e.background_recent, e.beside_recent, 1.0),
        _lead(e.text, e.background_text, e.beside_text, rivals),
        _level(e.text, e.background_text, e.beside_text, anchor),
        _word_lead(words, e.background_scores, rivals),
        (iou_matrix(e.boxes, e.boxes[-1:])[:, 0] * trust(e)).astype(np.float32),
        -_jump(e),
        -_resize(e, last_verified(e), e.since),
        -_resize(e, last_verified(e) if e.first is None else e.first, e.age),
        -_covered(e, words),
    )


def word_scores(e: Evidence) -> Floats:
    """[P] the grounder's scores; the tracker's box has that of the best proposal on it, or half of the least one.

    The tracker's own confidence lies on another scale, and is no word score.
    """
    found = e.scores[:-1]
    if not len(found):
        return np.zeros(1, np.float32)
    on_it = iou_matrix(e.boxes[:-1], e.boxes[-1:])[:, 0] >= APART
    return np.append(found, found[on_it].max() if on_it.any() else found.min() / 2).astype(np.float32)


def _lead(own: Floats, others: Floats, beside: Floats, rivals: NDArray[np.bool_]) -> Floats:
    """[P] lead over the best rival of ``rivals`` [P, P + B], clipped to [-1, 1]; 0 without one."""
    known = np.concatenate([own, others])
    spread = max(float(np.concatenate([known, beside]).std()), LEAST)
    best = np.where(rivals[:, : len(known)], known[None], -np.inf).max(1)
    lead = np.where(np.isfinite(best), own - best, 0.0)
    return np.clip(lead / spread / SPREADS, -1, 1).astype(np.float32)


def _level(own: Floats, others: Floats, beside: Floats, anchor: float) -> Floats:
    """[P] (c - floor) / (anchor - floor), clipped to [0, 1]; the floor is what things beside the target have."""
    floor = float(beside.mean()) if len(beside) else float(np.concatenate([own, others]).min())
    return np.clip((own - floor) / max(anchor - floor, LEAST), 0, 1).astype(np.float32)


def _word_lead(words: Floats, background: Floats, rivals: NDArray[np.bool_]) -> Floats:
    known = np.clip(np.concatenate([words, background]), 0.01, 0.99).astype(np.float64)
    logits = np.log(known / (1 - known))
    best = np.where(rivals, logits[None], -np.inf).max(1)
    lead = np.where(np.isfinite(best), logits[: len(words)] - best, 0.0)
    return np.clip(lead / LOGITS, -1, 1).astype(np.float32)


def trust(e: Evidence) -> float:
    """The tracker's confidence as a share of the one it had when it was verified, at most 1."""
    now = float(e.scores[-1])
    before = now if e.verified_score is None else e.verified_score
    return min(now / before, 1.0) if before > 0 else float(now > 0)


def last_verified(e: Evidence) -> Boxes:
    """[4] the box of the target when it was last verified; without one, that of the frame before."""
    return e.previous if e.verified is None else e.verified


def _jump(e: Evidence) -> Floats:
    """[P] displacement of the centre from the verified box: 0 in place, towards 1 beyond what time forgives."""
    before = last_verified(e)
    return _beyond(displacement(e.boxes, before), reach(before, e.since))


def reach(box: Boxes, frames: int) -> float:
    """How far a target of this box [4] moves in so many frames, pixels; nine of ten of LaSOT's move less in 20."""
    return side(box) * (REACH + PACE * frames)


def likeness(e: Evidence) -> float:
    """How much the tracker's box still looks like the target: the lesser of its levels of both pictures, in [0, 1]."""
    found = terms(e)
    return min(float(found.template_level[-1]), float(found.recent_level[-1]))


def _resize(e: Evidence, before: Floats, frames: int) -> Floats:
    """[P] change of the area since a box ``frames`` ago: 0 as then, towards 1 beyond what time forgives."""
    return _beyond(doublings(e.boxes, before), DOUBLINGS + GROWTH * frames)


def _beyond(change: Floats, forgiven: float) -> Floats:
    """1 - exp(-change^2 / 2 forgiven^2): 0 without a change, towards 1 far beyond what is forgiven."""
    return np.asarray(1 - np.exp(-(change**2) / (2 * forgiven**2)), np.float32)


def _covered(e: Evidence, words: Floats) -> Floats:
    """[P] overlap with a background box, times the share of its score in the sum of both scores."""
    if not len(e.background):
        return np.zeros(len(e.boxes), np.float32)
    share = e.background_scores[None] / np.maximum(e.background_scores[None] + words[:, None], LEAST)
    return (iou_matrix(e.boxes, e.background) * share).max(1).astype(np.float32)


# Chosen on the validation films of benchmarks/verification.py, rounded, and with a little left for text and tracker:
# there every second text has a fault, and most trackers are made to fail.
WEIGHTS = Terms(
    template_lead=0.5, template_level=1.25, recent_lead=0.2, recent_level=0.2, text_lead=0.1, text_level=0.3,
    words=0.1, tracker=0.05, jump=0.4, resize=0.2, growth=0.5, background=0.1,
)  # fmt: skip


def fitness(e: Evidence) -> Floats:
    """[P] how well each proposal fits the target; comparable within one frame only."""
    return _fitness(terms(e))


def similarity(e: Evidence) -> Choice:
    """The proposal with the best fitness, among equals the tracker's own, unless none of them is the target."""
    found = terms(e)
    scores = _fitness(found)
    best = last_best(scores)
    level, jump = float(found.template_level[best]), float(found.jump[best])
    return answer(scores, _doubt(level, jump, trust(e)) if _comparable(e) else 0.0)


def _fitness(found: Terms[Floats]) -> Floats:
    return np.asarray(np.array(WEIGHTS) @ np.array(found), np.float32)


def _comparable(e: Evidence) -> bool:
    """Whether cosines say anything: without it nothing speaks against the best proposal."""
    known = np.concatenate([e.template, e.background_template, e.beside_template])
    return float(np.ptp(known)) > LEAST


def _doubt(level: float, jump: float, trust: float) -> float:
    """In [0, 1]: how likely the best proposal is not the target: less like the template, far off, tracker unsure."""
    return float(1 / (1 + np.exp(6 * level + 2 * jump + trust - 5)))
