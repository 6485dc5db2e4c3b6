"""Semantic tracking of one sequence: a visual tracker that language corrects.

On key frames the text is grounded, the proposals and the tracker's own box are verified, and the tracker restarts from
a language proposal that wins. One sequence is one generator, as in ``reflect``: it yields requests and is sent their
answers.

>>> from chatdesc.config import Settings
>>> every_16 = Settings(ground_every=16, min_score=0.2)
>>> next_stop(at=1, total=30, last_key_frame=None, settings=every_16)
Stop(stop=17, due=16, min_score=0.2)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from chatdesc.config import Settings
from chatdesc.evidence import Choice, Evidence
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.names import counted
from chatdesc.places import without_places
from chatdesc.stages.background import joined
from chatdesc.stages.windows import neighbours
from chatdesc.types import (
    BackendError,
    Boxes,
    Crop,
    Embed,
    Embedding,
    Follow,
    Followed,
    FrameRef,
    Ground,
    Grounding,
    Sequence,
    Steps,
    Verify,
)
from chatdesc.verification.motion import displacement
from chatdesc.verification.recorded import Seen
from chatdesc.verification.references import random_choice
from chatdesc.verification.similarity import likeness, reach, trust

Vectors = NDArray[np.float32]

MAX_PROPOSALS = 8
MAX_SEARCHES = 4  # key frames in a row that come early after one without the target
ORACLE = "oracle"  # the verifier that may see the truth
SURE, LIKE = 0.8, 0.7  # share of its confidence, and likeness, from which a tracker is not restarted at once
REINIT_BELOW = 0.5  # IoU of a language proposal with the tracker's box, below which the tracker restarts


@dataclass(frozen=True, slots=True)
class Phrase:
    """The words in force from frame ``start`` on: a phrase for the target, and phrases for what surrounds it."""

    start: int
    text: str
    background: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Semantic tracking of one sequence of N frames.

    Attributes:
        boxes: [N, 4] xywh, pixels; row 0 is the given box.
        sources: [N] what each box comes from: ``given`` (frame 0), ``tracker`` or ``language``.
        scores: [N] in [0, 1], the tracker's confidence or the grounder's score; 1 in frame 0.
        key_frames: indices of the frames in which the text was grounded.
        chosen_iou, random_iou, oracle_iou: IoU with the ground truth of the proposal that was taken (the tracker's box
            where none was, or the tracker was held), of a random one and of the best one; one entry per key frame with
            a visible target.
        places_dropped: the key frames in which words of place were left out of the text.
        none_frames: the key frames in which verification took none of the proposals for the target.
        held_frames: the key frames in which a proposal won against a sure tracker, and had to win once more.
        evidence, choices: what the verifier was asked on each key frame, with the truth, and what it answered.
        heard: the words that the tracker itself was given, each with its first frame; none where it takes none.
    """

    boxes: Boxes
    sources: tuple[str, ...]
    scores: NDArray[np.float32]
    key_frames: tuple[int, ...]
    chosen_iou: NDArray[np.float32]
    random_iou: NDArray[np.float32]
    oracle_iou: NDArray[np.float32]
    places_dropped: tuple[int, ...] = ()
    none_frames: tuple[int, ...] = ()
    held_frames: tuple[int, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    choices: tuple[Choice, ...] = ()
    heard: tuple[tuple[int, str], ...] = ()

    def seen(self) -> list[Seen]:
        """The key frames as they are recorded."""
        return [Seen(*one) for one in zip(self.key_frames, self.evidence, self.choices, strict=True)]


class Stop(NamedTuple):
    """Up to where the tracker goes before the next decision.

    Attributes:
        stop: track frames up to ``stop - 1``.
        due: the next key frame, whatever the tracker's scores.
        min_score: a score below this one ends the call early, and its frame becomes a key frame; 0 never does.
    """

    stop: int
    due: int
    min_score: float


class Rival(NamedTuple):
    """The proposal that won against the tracker on a key frame, and that frame."""

    frame: int
    box: Boxes


@dataclass(slots=True)
class _State:
    """The target's box, the tracker's session, and what has been recorded so far.

    ``size`` is the width and height of the video's frames. ``trusted_score`` is the tracker's score when it was last
    known to be on the target, or first after a start. ``searches`` counts the key frames in a row that were not
    verified. ``rival`` won on the last key frame, if any proposal did. ``beside`` has the vectors [W, D] of windows
    beside the template, from the first key frame on. ``boxes`` [N, 4] and ``scores`` [N] are filled up to ``done``:
    arrays of all frames, as a small array per frame would hold on to the memory around it.
    """

    box: Boxes
    recent: Crop
    size: tuple[int, int]
    boxes: Boxes
    scores: NDArray[np.float64]
    sources: list[str] = field(default_factory=lambda: ["given"])
    trusted_score: float | None = None
    searches: int = 0
    beside: Vectors | None = None
    rival: Rival | None = None
    session: Any = None
    init: Boxes | None = None
    key_frames: list[int] = field(default_factory=list)
    places_dropped: list[int] = field(default_factory=list)
    none_frames: list[int] = field(default_factory=list)
    held_frames: list[int] = field(default_factory=list)
    ious: list[tuple[float, float, float]] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    heard: list[tuple[int, str]] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Frames that have a box."""
        return len(self.sources)


def track(
    sequence: Sequence,
    text: str,
    background: tuple[str, ...],
    settings: Settings,
    threshold: float,
    encoder: str,
    later: tuple[Phrase, ...] = (),
) -> Steps[Track]:
    """Track the target from its box in the first frame, and ground ``text`` and ``background`` on key frames.

    Args:
        sequence: N annotated frames; only the box of frame 0 decides the track (unless the verifier is ``oracle``).
        text: the phrase for the target; an empty one tracks without language, so without key frames.
        background: phrases for what surrounds the target, grounded together and apart from ``text``.
        settings: ``ground_every``, ``min_score``, ``drop_places``, ``verifier`` and ``seed``.
        threshold: grounding score under which a proposal does not count.
        encoder: the encoder whose vectors verification compares.
        later: phrases that replace ``text`` and ``background`` from their ``start`` on, in order.

    Returns:
        A Track over all N frames.

    Raises:
        BackendError, DataError: a backend failed on one of the requests, or a frame cannot be read.
    """
    total = len(sequence.boxes)
    first_box, first_phrase = sequence.boxes[0], Phrase(0, text, background)
    template = Crop(FrameRef(sequence.frames, 0), first_box)
    size = sequence.frames[0].shape[1::-1] if text else (0, 0)  # the tracker begins with this frame, too
    boxes, scores = np.empty((total, 4), np.float32), np.ones(total)
    boxes[0] = first_box
    state = _State(first_box, template, size, boxes, scores, init=first_box)
    at = 1
    while at < total:
        last_key_frame = state.key_frames[-1] if state.key_frames else None
        searching = 0 < state.searches <= MAX_SEARCHES
        ahead = next_stop(at, total, last_key_frame, settings, searching) if text else Stop(total, total, 0.0)
        stop, due, min_score = ahead
        words = in_force((first_phrase, *later), at).text
        answer: Followed = yield Follow(sequence.frames, at, stop, state.session, state.init, min_score, words)
        _record(state, answer, stop - at)
        at += len(answer.boxes)
        if at - 1 == due or answer.scores[-1] < min_score:
            phrase = in_force((first_phrase, *later), at - 1)
            yield from _key_frame(sequence, at - 1, phrase, settings, threshold, encoder, template, state)
    chosen, by_chance, best = np.array(state.ious, np.float32).reshape(-1, 3).T
    return Track(
        state.boxes,
        tuple(state.sources),
        state.scores.astype(np.float32),
        tuple(state.key_frames),
        chosen,
        by_chance,
        best,
        tuple(state.places_dropped),
        tuple(state.none_frames),
        tuple(state.held_frames),
        tuple(state.evidence),
        tuple(state.choices),
        tuple(state.heard),
    )


def next_stop(at: int, total: int, last_key_frame: int | None, settings: Settings, searching: bool = False) -> Stop:
    """How far to track from frame ``at`` (at least 1) of ``total``.

    Every ``ground_every``-th frame is a key frame. A score below ``min_score`` makes another one, but not within
    ``ground_every // 4`` frames after a key frame: a tracker that stays unsure would be grounded on every frame. While
    ``searching`` for a target that the last key frame did not show, the next one comes when this calm ends.

    >>> settings = Settings(ground_every=16, min_score=0.2)
    >>> next_stop(7, 30, 6, settings)        # frame 6 was a key frame, so scores count again from frame 11 on
    Stop(stop=11, due=16, min_score=0.0)
    >>> next_stop(11, 30, 6, settings)
    Stop(stop=17, due=16, min_score=0.2)
    """
    every = settings.ground_every
    due = -(-at // every) * every
    calm_until = 0 if last_key_frame is None else last_key_frame + every // 4
    if searching and last_key_frame is not None:
        due = min(due, max(at, last_key_frame + max(every // 4, 1)))
    if at <= calm_until:
        return Stop(min(total, due + 1, calm_until + 1), due, 0.0)
    return Stop(min(total, due + 1), due, settings.min_score)


def in_force(phrases: tuple[Phrase, ...], frame: int) -> Phrase:
    """The last of the phrases, which are in order, that begins at a frame or before it; before all of them the first.

    >>> in_force((Phrase(0, "red kite"), Phrase(50, "kite on the left")), 49).text
    'red kite'
    """
    return next((p for p in reversed(phrases) if p.start <= frame), phrases[0])


def _record(state: _State, answer: Followed, frames_asked: int) -> None:
    if not 0 < len(answer.boxes) == len(answer.scores) <= frames_asked:
        said = f"{counted(len(answer.boxes), 'box')} and {counted(len(answer.scores), 'score')}"
        raise BackendError(f"the tracker gave {said} for {counted(frames_asked, 'frame')}")
    state.session, state.init = answer.session, None
    if answer.text and (not state.heard or state.heard[-1][1] != answer.text):
        state.heard.append((state.done, answer.text))
    if state.trusted_score is None:
        state.trusted_score = float(answer.scores[0])
    frames = slice(state.done, state.done + len(answer.boxes))
    state.boxes[frames], state.scores[frames] = answer.boxes, answer.scores
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
) -> Steps[None]:
    """Ground the words in one frame, verify the proposals, and restart the tracker where language wins."""
    frame = FrameRef(sequence.frames, index)
    text, background = phrase.text, phrase.background
    fitting = _fitting(text, frame, state) if settings.drop_places else text
    texts = [fitting] + ([joined(background)] if background else [])
    grounded: list[Grounding] = yield [Ground(frame, t) for t in texts]
    boxes, scores = top_proposals(grounded[0], threshold)
    own, before = state.boxes[index].copy(), state.boxes[index - 1].copy()
    boxes = np.concatenate([boxes, own[None]])
    scores = np.append(scores, np.float32(state.scores[index]))
    others, other_scores = top_proposals(grounded[1], threshold) if background else (boxes[:0], scores[:0])
    windows = _windows(template.box, state.size) if state.beside is None else boxes[:0]
    crops = (template, state.recent, *(Crop(frame, b) for b in (*boxes, *others)))
    vectors: Embedding = yield Embed(encoder, (*crops, *(Crop(template.frame, w) for w in windows)), (text,))
    ends = np.cumsum([2, len(boxes), len(others)])
    (first, recent), seen, back, beside = np.split(vectors.crops, ends)
    if state.beside is None:
        state.beside = beside[np.linalg.norm(beside, axis=1) > 0]
    words = vectors.texts[0]
    evidence = Evidence(
        boxes,
        scores,
        seen @ first,
        seen @ recent,
        seen @ words,
        others,
        other_scores,
        before,
        sequence.boxes[index] if sequence.valid()[index] else None,
        seed=crc32(f"{settings.seed} {sequence.name!a} {index}".encode()),
        verified=state.recent.box,
        since=index - state.recent.frame.index,
        first=template.box,
        age=index,
        verified_score=state.trusted_score,
        anchor=float(first @ words),
        background_template=back @ first,
        background_recent=back @ recent,
        background_text=back @ words,
        beside_template=state.beside @ first,
        beside_recent=state.beside @ recent,
        beside_text=state.beside @ words,
    )
    asked = evidence if settings.verifier == ORACLE else replace(evidence, truth=None)
    choice: Choice = yield Verify(settings.verifier, asked)
    _decide(evidence, choice, frame, settings, state)


def _windows(box: Boxes, size: tuple[int, int]) -> Boxes:
    """[W, 4] the windows beside the target whose middle is in the frame."""
    windows = neighbours(box)
    middle = windows[:, :2] + windows[:, 2:] / 2
    return windows[((middle > 0) & (middle < size)).all(1)]


def _fitting(text: str, frame: FrameRef, state: _State) -> str:
    """The text without words of place that do not fit the tracker's box: the frame they were true in is long past."""
    fitting = without_places(text, state.boxes[frame.index], state.size)
    if fitting != text:
        state.places_dropped.append(frame.index)
    return fitting


def _decide(evidence: Evidence, choice: Choice, frame: FrameRef, settings: Settings, state: _State) -> None:
    """Take the verifier's choice: restart the tracker where it is far from it, and remember what is verified."""
    own = len(evidence.boxes) - 1
    chosen = own if choice.index is None else choice.index
    box = evidence.boxes[chosen]
    agrees = float(iou_matrix(box[None], state.box[None])[0, 0]) >= REINIT_BELOW
    wins = chosen < own and not agrees
    rival, state.rival = state.rival, Rival(frame.index, box) if wins else None
    held = wins and _holds(evidence) and not _again(rival, box, frame.index)
    _keep(evidence, choice, own if held else chosen, frame.index, state)
    if held:
        state.held_frames.append(frame.index)
        state.searches += 1
        return
    if wins:
        at = frame.index
        state.boxes[at], state.sources[at], state.scores[at] = box, "language", float(evidence.scores[chosen])
        state.box, state.session, state.init, state.trusted_score = box, None, box, None
    if _is_verified(choice, evidence, settings):
        state.recent, state.searches = Crop(frame, box), 0
        state.trusted_score = float(state.scores[frame.index]) if agrees else None
    else:
        state.searches += 1


def _keep(evidence: Evidence, choice: Choice, taken: int, index: int, state: _State) -> None:
    """Record a key frame: what was seen and chosen, and what the proposal is worth that was taken."""
    state.evidence.append(evidence)
    state.choices.append(choice)
    state.key_frames.append(index)
    if choice.index is None:
        state.none_frames.append(index)
    if evidence.truth is not None:
        state.ious.append(_compared(evidence, evidence.truth, taken))


def _holds(e: Evidence) -> bool:
    """Whether the tracker is sure, and on something like the target: then one key frame does not restart it."""
    return trust(e) >= SURE and likeness(e) >= LIKE


def _again(rival: Rival | None, box: Boxes, index: int) -> bool:
    """Whether a proposal is the rival of the key frame before, as far as it can have moved since."""
    if rival is None:
        return False
    return float(displacement(box[None], rival.box)[0]) <= reach(rival.box, index - rival.frame)


def _is_verified(choice: Choice, evidence: Evidence, settings: Settings) -> bool:
    """Whether the choice may be remembered: the box of an unsure tracker, only where words lead to it as well."""
    if choice.index is None or not choice.verified:
        return False
    *found, own = evidence.boxes
    if choice.index < len(found) or float(evidence.scores[-1]) >= settings.min_score:
        return True
    return bool((iou_matrix(np.reshape(found, (-1, 4)), own[None]) >= REINIT_BELOW).any())


def _compared(evidence: Evidence, truth: Boxes, chosen: int) -> tuple[float, float, float]:
    """IoU with the truth of the proposal chosen, of a random one, and of the best one."""
    ious = iou_matrix(evidence.boxes, truth[None])[:, 0]
    by_chance = random_choice(evidence).index or 0
    return float(ious[chosen]), float(ious[by_chance]), float(ious.max())


def top_proposals(grounding: Grounding, threshold: float) -> tuple[Boxes, NDArray[np.float32]]:
    """The best proposals from ``threshold`` on: boxes [P, 4] xywh and scores [P], best first, P <= MAX_PROPOSALS.

    A proposal's score is that of its best word.
    """
    if not len(grounding.boxes) or not grounding.words:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    best = grounding.scores.max(1)
    order = np.argsort(-best, kind="stable")[:MAX_PROPOSALS]
    order = order[best[order] >= threshold]
    return grounding.boxes[order], best[order].astype(np.float32)
