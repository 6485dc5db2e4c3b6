"""Reflection: describe, ground, feed back, describe again; keep the best round.

One sequence is one generator. It yields requests (or lists of them, answered together) and is sent their answers,
so it can be driven by hand:

>>> steps = reflect(sequence, settings, threshold=0.35)          # doctest: +SKIP
>>> request = next(steps)                                        # a Describe
>>> requests = steps.send('{"target": "red kite"}')              # [Ground of the manual text, Ground of "red kite"]
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from chatdesc.config import Settings, feedback_frames
from chatdesc.stages.describe import describe, prompt_text, reflect_prompt
from chatdesc.stages.ground import Feedback, feedback, merge
from chatdesc.types import (
    BackendError,
    Describe,
    Description,
    FrameRef,
    Ground,
    Grounding,
    Reflection,
    Round,
    Sequence,
    one_line,
)

Steps = Generator[Any, Any, Reflection]


def spread(sequence: Sequence, count: int) -> list[int]:
    """``count`` frames spread over those with a visible target; the first frame is always one of them."""
    good = np.flatnonzero(sequence.valid())
    if count <= 1 or len(good) <= 1:
        return [int(good[0])] if len(good) else [0]
    picks = np.linspace(0, len(good) - 1, min(count, len(good))).round().astype(int)
    return sorted({int(good[i]) for i in picks})


def judge_round(description: Description, seen: Feedback, settings: Settings, source: str = "refined") -> Round:
    """A round with its verdict: accepted if the best proposal is on the target, by the margin that is asked for, and no
    word leads elsewhere."""
    found = seen.iou >= settings.tau and seen.margin >= settings.min_margin
    return Round(
        text=description.text,
        background=description.background,
        positive=seen.positive,
        negative=seen.negative,
        iou=seen.iou,
        margin=seen.margin,
        accepted=found and not seen.negative,
        source=source,
        raw=description.raw,
    )


def rank(candidate: Round) -> tuple[bool, float, float, int]:
    """Acceptance, IoU, margin, brevity. IoU counts in steps of .05: less is the proposal's jitter, not the text's."""
    return candidate.accepted, round(candidate.iou * 20), round(candidate.margin, 3), -len(candidate.text.split())


def choose(rounds: list[Round], manual: Round | None, keep_manual: bool) -> Round | None:
    """The best round (the earliest of equals), or the manual text where nothing beats it."""
    best = max(rounds, key=rank, default=None)
    if manual is not None and keep_manual and (best is None or rank(manual) >= rank(best)):
        return manual
    return best


def reflect(sequence: Sequence, settings: Settings, threshold: float) -> Steps:
    """Find the best text for one sequence.

    Args:
        sequence: with a usable first frame.
        settings: rounds, theta, tau, feedback, keep_manual_if_better.
        threshold: the score under which a proposal does not count.

    Returns:
        All rounds, the manual text as a candidate and the choice. A describer or grounder that fails ends the rounds,
        with the reason in ``error`` (``describe_failed: ...``, ``grounding_failed: ...``); the rounds before it stay.
    """
    frames = spread(sequence, feedback_frames(settings.feedback))
    scope = "first_frame" if settings.feedback == "first" else "video"
    request = _first_request(sequence, frames, settings)
    manual_text = one_line(sequence.manual_text or "")
    manual: Round | None = None
    rounds: list[Round] = []
    stage, failed_stage, error = "describe", "", ""
    try:
        for _ in range(settings.rounds + 1):
            stage = "describe"
            description = yield from describe(request, settings.region, settings.max_words, settings.style)
            stage = "grounding"
            texts = [description.text] + ([manual_text] if manual is None and manual_text else [])
            seen = yield from _ground_all(sequence, frames, texts, settings, threshold)
            if len(seen) > 1:
                written = Description(manual_text, (), sequence.manual_text or "")
                manual = judge_round(written, seen[1], settings, "manual")
            rounds.append(judge_round(description, seen[0], settings))
            if rounds[-1].accepted:
                break
            request = _next_request(request, rounds, settings)
    except BackendError as failure:
        failed_stage, error = stage, _said(stage, failure)
    if manual is None and manual_text and stage == "describe":
        try:
            [found] = yield from _ground_all(sequence, frames, [manual_text], settings, threshold)
            manual = judge_round(Description(manual_text), found, settings, "manual")
        except BackendError as failure:
            error = f"{error}; {_said('grounding', failure)}"
    chosen = choose(rounds, manual, settings.keep_manual_if_better)
    return Reflection(tuple(rounds), manual, chosen if rounds else None, scope, error, failed_stage)


def _said(stage: str, failure: BackendError) -> str:
    return f"{stage}_failed: {type(failure).__name__}: {failure}"


def reflect_ranges(sequence: Sequence, settings: Settings, threshold: float) -> Generator[Any, Any, list[Reflection]]:
    """``reflect`` once, or with ``settings.every`` = N once for every N frames, each with its own feedback.

    A range without a visible target has nothing to describe and is left out; the text before it holds on.
    """
    if not settings.every:
        found = yield from reflect(sequence, settings, threshold)
        return [replace(found, stop=len(sequence.boxes))]
    ranges = []
    for start in range(0, len(sequence.boxes), settings.every):
        stop = min(start + settings.every, len(sequence.boxes))
        part = sequence.part(start, stop)
        if part.valid().any():
            found = yield from reflect(part, settings, threshold)
            ranges.append(replace(found, start=start, stop=stop, scope="range"))
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
    )


def _next_request(request: Describe, rounds: list[Round], settings: Settings) -> Describe:
    """The same request with what grounding said; bad words of earlier rounds stay named until they prove good."""
    last = rounds[-1]
    bad: dict[str, None] = {}
    for one in rounds:
        bad |= dict.fromkeys(one.negative)
        bad = {w: None for w in bad if w not in one.positive}
    vague = bool(last.negative) or last.margin < settings.min_margin
    again = replace(
        request,
        previous=last.text,
        positive=last.positive,
        negative=tuple(bad),
        ambiguous=last.margin < 0 or (bool(last.positive) and vague),
        tried=tuple(r.text for r in rounds),
    )
    return replace(again, prompt=reflect_prompt(again, settings.region, settings.style))


def _ground_all(
    sequence: Sequence, frames: list[int], texts: list[str], settings: Settings, threshold: float
) -> Generator[list[Ground], list[Grounding], list[Feedback]]:
    """Feedback per text, over all feedback frames, in one batch."""
    answers = yield [Ground(FrameRef(sequence.frames, i), text) for text in texts for i in frames]
    parts = [
        feedback(answer, sequence.boxes[i], settings.theta, threshold, settings.min_margin)
        for answer, i in zip(answers, frames * len(texts), strict=True)
    ]
    return [merge(parts[k : k + len(frames)]) for k in range(0, len(parts), len(frames))]
