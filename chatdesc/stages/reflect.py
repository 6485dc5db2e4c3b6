"""Reflection: describe, ground, perhaps track, feed back, describe again; keep the best round.

The loop is that of ChatTracker (NeurIPS 2024). With feedback from tracking each text is tried there as well
(``chatdesc.stages.trials``). One sequence is one generator: it yields requests (or lists of them,
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

from chatdesc.config import FIRST, SELF, TRACK, TRAINING, UNIFORM, Heard, Settings
from chatdesc.stages.background import Background, check, joined, without
from chatdesc.stages.describe import Description, prompt_text, reflect_prompt
from chatdesc.stages.ground import Feedback, feedback, merge
from chatdesc.stages.rounds import Reflection, Round, choose, judge_round
from chatdesc.stages.self_consistency import first_box_alone
from chatdesc.stages.texts_to_try import TextsToTry
from chatdesc.stages.track import Phrase
from chatdesc.stages.trials import NoTrials, Trials, kept, trials_of
from chatdesc.types import (
    BackendError,
    Departure,
    Describe,
    FrameRef,
    Ground,
    Grounding,
    Sequence,
    Steps,
    UnreadableAnswer,
    one_line,
)


def spread(sequence: Sequence, count: int) -> list[int]:
    """Indices of at most ``count`` frames, evenly spread over those with a visible target, the first of them included.

    Without a visible target it is frame 0.
    """
    good = np.flatnonzero(sequence.valid())
    if count <= 1 or len(good) <= 1:
        return [int(good[0])] if len(good) else [0]
    picks = np.linspace(0, len(good) - 1, min(count, len(good))).round().astype(int)
    return sorted({int(good[i]) for i in picks})


def reflect(sequence: Sequence, settings: Settings, threshold: float) -> Steps[Reflection]:
    """Find the best text for one sequence.

    Args:
        sequence: with a usable first frame.
        settings: ``rounds``, ``theta``, ``tau``, ``min_margin``, ``feedback``, ``keep_manual_if_better``, the prompt's
            ``region``, ``style`` and ``max_words``, and with feedback from tracking all that tracking needs.
        threshold: the score under which a proposal does not count.

    Returns:
        All rounds, the manual text as a candidate, and the choice. A describer, grounder or tracker that fails ends the
        rounds, with the reason in ``error`` (``describe_failed: ...``, ``grounding_failed: ...``,
        ``tracking_failed: ...``); the rounds before it stay. A manual text or background phrases that cannot be
        grounded do not end the rounds; such phrases are not used.

    Raises:
        DataError: a frame cannot be read.
    """
    heard = settings.heard
    seen = first_box_alone(sequence) if heard.kind == SELF else sequence
    frames = spread(seen, heard.grounded)
    if not heard.tracked:
        return (yield from _reflect(seen, frames, NoTrials(), settings, threshold))
    from_there = kept(seen.part(frames[0], len(seen.boxes)), heard.count)
    trials = trials_of(from_there, settings, threshold)
    found = yield from _reflect(from_there, [0], trials, settings, threshold)
    return replace(found, frame=frames[0])


def _reflect(
    sequence: Sequence, frames: list[int], trials: Trials, settings: Settings, threshold: float
) -> Steps[Reflection]:
    """``reflect`` with feedback from grounding on ``frames``, and from ``trials`` of each text in tracking."""
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
            stage = "tracking"
            rounds[-1], manual = yield from _tried(trials, judged, manual)
            if not texts.given:
                if rounds[-1].holds:
                    break
                left = yield from trials.left(judged.text, rounds[-1].gain)
                request = _next_request(request, rounds, settings, left)
            stage = "describe"
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
        scope_of(sequence, settings.heard),
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
            scope = reflection.scope if settings.heard.tracked else "range"
            ranges.append(replace(reflection, start=start, stop=stop, frame=frame, scope=scope))
    return ranges


def scope_of(sequence: Sequence, heard: Heard) -> str:
    """What feedback sees, as the row's column ``scope`` has it; a split that is not known may be a test split."""
    if heard.kind == TRACK:
        return "track" if sequence.split in TRAINING else "track_test_split"
    return {FIRST: "first_frame", UNIFORM: "video", SELF: "self"}[heard.kind]


def _tried(trials: Trials, judged: Round, manual: Round | None) -> Steps[tuple[Round, Round | None]]:
    """The round and, if it was not tried before, the manual text with what they gain in tracking.

    The manual text has the round's phrases for the surroundings.
    """
    new = [judged] if manual is None or manual.gain else [judged, manual]
    around = Background(judged.background)
    phrases = [Phrase(0, one.text, without(around, one.text).kept) for one in new]
    gains = yield from trials.of(phrases)
    tried = [replace(one, gain=gain) for one, gain in zip(new, gains, strict=True)]
    return tried[0], tried[1] if len(tried) > 1 else manual


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


def _next_request(request: Describe, rounds: list[Round], settings: Settings, left: Departure | None) -> Describe:
    """The next round's request, with the feedback so far.

    A negative word stays negative until it leads to the target in a later round. A text whose words fit what a tracker
    left the target for is ambiguous.
    """
    last = rounds[-1]
    negative: dict[str, None] = {}
    for earlier in rounds:
        negative |= dict.fromkeys(earlier.negative)
        negative = {w: None for w in negative if w not in earlier.positive}
    vague = bool(last.negative) or last.margin < settings.min_margin or bool(left and left.words)
    again = replace(
        request,
        previous=last.text,
        positive=last.positive,
        negative=tuple(negative),
        ambiguous=last.margin < 0 or (bool(last.positive) and vague),
        tried=tuple(r.text for r in rounds),
        background_dropped=tuple(dict.fromkeys(p for r in rounds for p in r.background_dropped)),
        departure=left,
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
