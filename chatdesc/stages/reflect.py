"""Reflection: describe, ground, feed back, describe again; keep the best round.

The loop is that of ChatTracker (NeurIPS 2024). One sequence is one generator: it yields requests (or lists of them,
answered together) and is sent their answers, so it can be driven by hand:

>>> from chatdesc.types import Frames
>>> boxes = np.array([[10, 10, 20, 20]], np.float32)
>>> sequence = Sequence("kite-1", "lasot", "test", "kite", Frames(("1.jpg",), open), boxes, manual_text="a kite")
>>> steps = reflect(sequence, Settings(), threshold=0.35)
>>> next(steps).category
'kite'
>>> [request.text for request in steps.send('{"target": "red kite"}')]
['red kite', 'a kite']
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from chatdesc.config import Settings, feedback_frames
from chatdesc.stages.background import Background, check, joined, without
from chatdesc.stages.describe import Description, prompt_text, reflect_prompt
from chatdesc.stages.ground import Feedback, feedback, merge
from chatdesc.stages.texts_to_try import TextsToTry
from chatdesc.types import (
    BackendError,
    Describe,
    FrameRef,
    Ground,
    Grounding,
    Sequence,
    Steps,
    UnreadableAnswer,
    one_line,
)


@dataclass(frozen=True, slots=True)
class Round:
    """One candidate text with its feedback from grounding.

    Attributes:
        text, background: the phrase for the target, and phrases for what surrounds it.
        background_dropped: phrases that were said to surround the target, but mean the target itself.
        positive, negative, iou, margin, top_iou, truncated: see ``chatdesc.stages.ground.Feedback``.
        accepted: whether the text needs no further round.
        source: ``refined`` or ``manual``.
        raw: the describer's answer, or the manual text as the dataset has it.
    """

    text: str
    background: tuple[str, ...] = ()
    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    iou: float = 0.0
    margin: float = 0.0
    accepted: bool = False
    source: str = "refined"
    raw: str = ""
    top_iou: float = 0.0
    truncated: bool = False
    background_dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reflection:
    """All rounds of one sequence or range, the manual text as a candidate, and the choice among them.

    Attributes:
        rounds: in the order in which they were made.
        manual: the manual text with its feedback; None where the sequence has none or it could not be grounded.
        chosen: the best of them; None where no round was made.
        scope: the feedback frames: ``first_frame``, ``video`` (several) or ``range``.
        error: why the rounds ended early, in words; empty if they did not.
        failed_stage: the stage that failed then, ``describe`` or ``grounding``.
        may_pass: whether another try may succeed: any failure of a backend but an unreadable answer.
        start, stop: the frames of the range, ``start`` to ``stop - 1``.
        frame: the frame that the describer saw.
        note: what else a reader must know, in words; empty if nothing.
    """

    rounds: tuple[Round, ...]
    manual: Round | None
    chosen: Round | None
    scope: str
    error: str = ""
    failed_stage: str = ""
    may_pass: bool = False
    start: int = 0
    stop: int = 0
    frame: int = 0
    note: str = ""

    @property
    def background(self) -> Background:
        """The chosen round's phrases for the surroundings; where it named none (the manual text), the best round's."""
        if self.chosen is None:
            return Background()
        named = bool(self.chosen.background or self.chosen.background_dropped)
        best = self.chosen if named else max(self.rounds, key=lambda r: r.iou, default=self.chosen)
        return without(Background(best.background, best.background_dropped), self.chosen.text)


def spread(sequence: Sequence, count: int) -> list[int]:
    """Indices of at most ``count`` frames, evenly spread over those with a visible target, the first of them included.

    Without a visible target it is frame 0.
    """
    good = np.flatnonzero(sequence.valid())
    if count <= 1 or len(good) <= 1:
        return [int(good[0])] if len(good) else [0]
    picks = np.linspace(0, len(good) - 1, min(count, len(good))).round().astype(int)
    return sorted({int(good[i]) for i in picks})


def judge_round(description: Description, seen: Feedback, settings: Settings, source: str = "refined") -> Round:
    """A round from a description and its feedback ``seen``.

    It is accepted if the IoU is at least ``tau``, the margin at least ``min_margin``, and no word is negative.
    """
    on_target = seen.iou >= settings.tau and seen.margin >= settings.min_margin
    return Round(
        text=description.text,
        background=description.background,
        positive=seen.positive,
        negative=seen.negative,
        iou=seen.iou,
        margin=seen.margin,
        accepted=on_target and not seen.negative,
        source=source,
        raw=description.raw,
        top_iou=seen.top_iou,
        truncated=seen.truncated,
    )


def rank(candidate: Round) -> tuple[bool, float, float, int]:
    """Sort key, larger is better: acceptance, IoU, margin, brevity.

    IoU counts in steps of 0.05, because a smaller difference comes from the jitter of a proposal, not from the text.
    """
    return candidate.accepted, round(candidate.iou * 20), round(candidate.margin, 3), -len(candidate.text.split())


def choose(rounds: list[Round], manual: Round | None, keep_manual: bool) -> Round | None:
    """The best round by ``rank``, the earliest among equals; with ``keep_manual`` the manual text if none beats it.

    None where no candidate exists.
    """
    best = max(rounds, key=rank, default=None)
    if manual is not None and keep_manual and (best is None or rank(manual) >= rank(best)):
        return manual
    return best


def reflect(sequence: Sequence, settings: Settings, threshold: float) -> Steps[Reflection]:
    """Find the best text for one sequence.

    Args:
        sequence: with a usable first frame.
        settings: ``rounds``, ``theta``, ``tau``, ``min_margin``, ``feedback``, ``keep_manual_if_better``, and the
            prompt's ``region``, ``style`` and ``max_words``.
        threshold: the score under which a proposal does not count.

    Returns:
        All rounds, the manual text as a candidate, and the choice. A describer or grounder that fails ends the rounds,
        with the reason in ``error`` (``describe_failed: ...``, ``grounding_failed: ...``); the rounds before it stay.
        A manual text or background phrases that cannot be grounded do not end the rounds; such phrases are not used.

    Raises:
        DataError: a frame cannot be read.
    """
    frames = spread(sequence, feedback_frames(settings.feedback))
    scope = "first_frame" if settings.feedback == "first" else "video"
    request = _first_request(sequence, frames, settings)
    manual_text = one_line(sequence.manual_text or "")
    manual: Round | None = None
    rounds: list[Round] = []
    texts = TextsToTry(settings)
    stage, failures = "describe", list[_Failure]()
    try:
        while (description := (yield from texts.next(request))) is not None:
            stage = "grounding"
            also = "" if rounds else manual_text
            seen = yield from _ground_round(sequence, frames, description, also, settings, threshold)
            if seen.failure:
                failures.append(_Failure(stage, seen.failure))
            if len(seen.texts) > 1:
                written = Description(manual_text, (), sequence.manual_text or "")
                manual = judge_round(written, seen.texts[1], settings, "manual")
            judged = judge_round(description, seen.texts[0], settings)
            judged = replace(judged, background=seen.background.kept, background_dropped=seen.background.dropped)
            rounds.append(judged)
            stage = "describe"
            if texts.given:
                continue
            if rounds[-1].accepted:
                break
            request = _next_request(request, rounds, settings)
    except BackendError as failure:
        failures.append(_Failure(stage, failure))
    if not rounds and manual is None and manual_text and stage == "describe":
        try:
            seen = yield from _ground_all(sequence, frames, (manual_text,), (), settings, threshold)
            manual = judge_round(Description(manual_text), seen.texts[0], settings, "manual")
        except BackendError as failure:
            failures.append(_Failure("grounding", failure))
    chosen = choose(rounds, manual, settings.keep_manual_if_better)
    return Reflection(
        tuple(rounds),
        manual,
        chosen if rounds else None,
        scope,
        error="; ".join(failure.problem for failure in failures),
        failed_stage=failures[0].stage if failures else "",
        may_pass=any(failure.may_pass for failure in failures),
        frame=frames[0],
        note=texts.left_out,
    )


@dataclass(frozen=True, slots=True)
class _Failure:
    """A stage that failed, and why."""

    stage: str
    error: BackendError

    @property
    def problem(self) -> str:
        return f"{self.stage}_failed: {type(self.error).__name__}: {self.error}"

    @property
    def may_pass(self) -> bool:
        return not isinstance(self.error, UnreadableAnswer)


def reflect_ranges(sequence: Sequence, settings: Settings, threshold: float) -> Steps[list[Reflection]]:
    """``reflect`` for the whole sequence, or with ``settings.every`` = N for each range of N frames.

    Each range has its own feedback frames. One without a visible target is left out: the text before it stays in force.
    """
    if not settings.every:
        whole = yield from reflect(sequence, settings, threshold)
        return [replace(whole, stop=len(sequence.boxes))]
    ranges = []
    for start in range(0, len(sequence.boxes), settings.every):
        stop = min(start + settings.every, len(sequence.boxes))
        part = sequence.part(start, stop)
        if part.valid().any():
            reflection = yield from reflect(part, settings, threshold)
            frame = start + reflection.frame
            ranges.append(replace(reflection, start=start, stop=stop, frame=frame, scope="range"))
    return ranges


def _first_request(sequence: Sequence, frames: list[int], settings: Settings) -> Describe:
    first = frames[0]
    motion = None
    if len(frames) > 1:
        boxes = sequence.boxes[frames]
        centres = boxes[:, :2] + boxes[:, 2:] / 2
        dx, dy = (centres[-1] - centres[0]) / np.sqrt(np.prod(boxes[0, 2:]))
        motion = (float(dx), float(dy))
    return Describe(
        FrameRef(sequence.frames, first),
        sequence.boxes[first],
        prompt_text("describe", settings.region, settings.style),
        category=sequence.category,
        motion=motion,
        sequence=sequence.name,
        at=sequence.first + first,
    )


def _next_request(request: Describe, rounds: list[Round], settings: Settings) -> Describe:
    """The next round's request, with the feedback so far.

    A negative word stays negative until it leads to the target in a later round.
    """
    last = rounds[-1]
    negative: dict[str, None] = {}
    for earlier in rounds:
        negative |= dict.fromkeys(earlier.negative)
        negative = {w: None for w in negative if w not in earlier.positive}
    vague = bool(last.negative) or last.margin < settings.min_margin
    again = replace(
        request,
        previous=last.text,
        positive=last.positive,
        negative=tuple(negative),
        ambiguous=last.margin < 0 or (bool(last.positive) and vague),
        tried=tuple(r.text for r in rounds),
        background_dropped=tuple(dict.fromkeys(p for r in rounds for p in r.background_dropped)),
    )
    return replace(again, prompt=reflect_prompt(again, settings.region, settings.style))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What grounding said: feedback on each text, the background parted, and why less was grounded than asked for."""

    texts: list[Feedback]
    background: Background
    failure: BackendError | None = None


def _ground_round(
    sequence: Sequence, frames: list[int], description: Description, manual: str, settings: Settings, threshold: float
) -> Steps[_Seen]:
    """Ground a description and, unless it is empty, the manual text; if that fails, less and less of it."""
    text, around = description.text, description.background
    whole = (text, manual) if manual else (text,)
    attempts = dict.fromkeys([(whole, around), ((text,), around), ((text,), ())])
    failure: BackendError | None = None
    for texts, phrases in attempts:
        try:
            seen = yield from _ground_all(sequence, frames, texts, phrases, settings, threshold)
            return replace(seen, failure=failure)
        except BackendError as error:
            failure = failure or error
    assert failure is not None
    raise failure


def _ground_all(
    sequence: Sequence,
    frames: list[int],
    texts: tuple[str, ...],
    background: tuple[str, ...],
    settings: Settings,
    threshold: float,
) -> Steps[_Seen]:
    """Feedback on each text over all feedback frames, and the background's on the first of them, asked for together.

    The background is that of the first text.
    """
    asked = [Ground(FrameRef(sequence.frames, i), text) for text in texts for i in frames]
    around = [Ground(FrameRef(sequence.frames, frames[0]), joined(background))] if background else []
    answers: list[Grounding] = yield [*asked, *around]
    parts = [
        feedback(answer, sequence.boxes[i], settings.theta, threshold, settings.min_margin)
        for answer, i in zip(answers[: len(asked)], frames * len(texts), strict=True)
    ]
    merged = [merge(parts[k : k + len(frames)]) for k in range(0, len(parts), len(frames))]
    if not background:
        return _Seen(merged, Background())
    box = sequence.boxes[frames[0]]
    return _Seen(merged, check(background, texts[0], answers[-1], box, settings.theta, threshold))
