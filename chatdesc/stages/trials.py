"""Texts tried in tracking: each guides a track over the same frames, beside a track without text.

Reflection asks a ``Trials``: ``NoTrials``, ``TrackTrials``, which compares tracks with the ground truth, or
``SelfTrials``, which compares each with itself in the other direction. All tracks of a call run in step (``together``),
over frames that are decoded once for all calls (``kept``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from chatdesc.config import SELF, TRACK, Settings
from chatdesc.metrics.overlap import iou
from chatdesc.stages.describe import departure_lines
from chatdesc.stages.gain import Floats, Gain, Left, departure, difference
from chatdesc.stages.ground import feedback
from chatdesc.stages.self_consistency import backwards, holding, parting
from chatdesc.stages.together import together
from chatdesc.stages.track import Phrase, Track, track
from chatdesc.types import Departure, FrameCache, FrameRef, Frames, Ground, Grounding, Sequence, Steps

KEPT = 128  # decoded frames of a sequence that its trials keep
ALONE = Phrase(0, "")  # a track without text


class Trials(Protocol):
    """Tries texts in tracking."""

    def of(self, phrases: Iterable[Phrase]) -> Steps[list[Gain | None]]:
        """The gain of each phrase, None where none can be known; one that was tried before is not tracked again.

        Raises:
            BackendError, DataError: a backend failed on one of the requests, or a frame cannot be read.
        """
        ...

    def left(self, text: str, gain: Gain | None) -> Steps[Departure | None]:
        """Where the track of a text left the target, and which of its words fit what was followed then.

        Raises:
            BackendError, DataError: as ``of``.
        """
        ...


def trials_of(sequence: Sequence, settings: Settings, threshold: float) -> Trials:
    """The trials that ``settings.feedback`` asks for, over the first frames of a sequence.

    Where no frame after the first one can be compared there are none.
    """
    heard = settings.heard
    over = window(sequence, heard.count)
    if heard.kind == SELF and len(over) > 1:
        return SelfTrials(over, settings, threshold)
    if heard.kind == TRACK and over.valid()[1:].any():
        return TrackTrials(over, settings, threshold)
    return NoTrials()


def kept(sequence: Sequence, count: int) -> Sequence:
    """The sequence with a cache of its own for its first ``count`` decoded frames, KEPT at most."""
    frames = Frames(sequence.frames.paths, sequence.frames.read_bytes, FrameCache(min(count, KEPT)))
    return replace(sequence, frames=frames)


def window(sequence: Sequence, count: int) -> Sequence:
    """The first ``count`` frames of a sequence as a sequence of its own, over the same Frames."""
    visible = None if sequence.visible is None else sequence.visible[:count]
    return replace(sequence, boxes=sequence.boxes[:count], visible=visible, problems=())


class NoTrials:
    """No text is tried; see ``Trials``."""

    def of(self, phrases: Iterable[Phrase]) -> Steps[list[Gain | None]]:
        """No gain is known."""
        yield from ()
        return [None for _ in phrases]

    def left(self, text: str, gain: Gain | None) -> Steps[Departure | None]:
        """Nothing was tracked."""
        yield from ()
        return None


@dataclass(slots=True, eq=False)
class _Tracked:
    """What both trials share.

    Attributes:
        over: the frames that are tracked.
        settings: those of tracking, and ``theta``: a box with less IoU has left the target.
        threshold: grounding score under which a proposal does not count.
        known: the tracks so far.
    """

    over: Sequence
    settings: Settings
    threshold: float
    known: dict[Phrase, Track] = field(default_factory=dict)

    def left(self, text: str, gain: Gain | None) -> Steps[Departure | None]:
        """See ``Trials``."""
        if gain is None or gain.left is None:
            return None
        left, frame = gain.left, FrameRef(self.over.frames, gain.left.seen)
        box = np.array(left.box, np.float32)
        grounding: Grounding = yield Ground(frame, text)
        words = feedback(grounding, box, self.settings.theta, self.threshold).positive
        target = self.over.boxes[left.seen]
        known = target if np.isfinite(target).all() else None
        gone = Departure(left.frame, gain.frames, frame, box, known, left.by, words)
        return replace(gone, said=departure_lines(gone))

    def _track(self, phrase: Phrase) -> Steps[Track]:
        return semantic(self.over, phrase, self.settings, self.threshold)

    def _gain(self, kind: str, values: Floats, alone: Floats, left: Left | None, led: tuple[float, ...] = ()) -> Gain:
        every = self.settings.ground_every
        found = difference(values, alone, every)
        means = float(values.mean()), float(alone.mean())
        return Gain(kind, len(self.over), tuple(map(float, values)), *means, found, every, led, left)


class TrackTrials(_Tracked):
    """Tracks compared with the ground truth, in the frames after the first one in which the target is visible."""

    __slots__ = ()

    def of(self, phrases: Iterable[Phrase]) -> Steps[list[Gain | None]]:
        """See ``Trials``."""
        asked = list(phrases)
        yield from _add([ALONE, *asked], self.known, self._track)
        alone = self._agreement(ALONE)
        return [self._gain(TRACK, self._agreement(p), alone, self._leaving(p)) for p in asked]

    @property
    def _compared(self) -> list[int]:
        return [int(t) for t in np.flatnonzero(self.over.valid()) if t > 0]

    def _agreement(self, phrase: Phrase) -> Floats:
        return iou(self.known[phrase].boxes[self._compared], self.over.boxes[self._compared])

    def _leaving(self, phrase: Phrase) -> Left | None:
        found = departure(self._agreement(phrase), self.settings.theta)
        if found is None:
            return None
        first, last = (self._compared[i] for i in found)
        return Left(first, last, _numbers(self.known[phrase].boxes[last]), _by(self.known[phrase], first))


@dataclass(slots=True, eq=False)
class SelfTrials(_Tracked):
    """Tracks compared with themselves in the other direction (``self_consistency``). No box but the first is used.

    Attributes:
        back: the tracks from the last frame to the first.
    """

    back: dict[Phrase, Track] = field(default_factory=dict)

    def of(self, phrases: Iterable[Phrase]) -> Steps[list[Gain | None]]:
        """See ``Trials``."""
        asked = [ALONE, *phrases]
        yield from _add(asked, self.known, self._track)
        yield from _add(asked, self.back, self._back)
        alone, *values = (holding(len(self.over), self._parting(phrase)) for phrase in asked)
        return [
            self._gain(SELF, own, alone, self._leaving(phrase), self._led(phrase))
            for phrase, own in zip(asked[1:], values, strict=True)
        ]

    def _back(self, phrase: Phrase) -> Steps[Track]:
        return semantic(backwards(self.over, self.known[phrase].boxes[-1]), phrase, self.settings, self.threshold)

    def _parting(self, phrase: Phrase) -> int | None:
        return parting(self.known[phrase].boxes, self.back[phrase].boxes[::-1], self.settings.theta)

    def _led(self, phrase: Phrase) -> tuple[float, ...]:
        """IoU of the text's best proposal with the track, on every key frame that all tracks share."""
        done, every = self.known[phrase], self.settings.ground_every
        seen = {one.frame: one.evidence.boxes for one in done.seen() if one.frame % every == 0}
        return tuple(float(iou(boxes[0], done.boxes[t])) if len(boxes) > 1 else 0.0 for t, boxes in seen.items())

    def _leaving(self, phrase: Phrase) -> Left | None:
        """Where the directions part. The way back ends on what was followed, unless it has found the target again."""
        parted = self._parting(phrase)
        if parted is None:
            return None
        forth, back, after = self.known[phrase].boxes, self.back[phrase].boxes[::-1], parted + 1
        astray = iou(back[0], forth[0]) < self.settings.theta
        seen, box = (0, back[0]) if astray else (after, forth[after])
        return Left(after, seen, _numbers(box), _by(self.known[phrase], after))


def semantic(over: Sequence, phrase: Phrase, settings: Settings, threshold: float) -> Steps[Track]:
    """A track over all frames of a sequence, as the row's own is made."""
    return track(over, phrase.text, phrase.background, settings, threshold, settings.encoders[0])


def _add(phrases: list[Phrase], known: dict[Phrase, Track], steps: Callable[[Phrase], Steps[Track]]) -> Steps[None]:
    """Add the tracks of those phrases that are not known yet, made in step."""
    new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in known]
    found = yield from together({phrase: steps(phrase) for phrase in new})
    known.update((phrase, done) for phrase, done in found.items() if isinstance(done, Track))


def _by(done: Track, frame: int) -> str:
    return "language" if done.sources[frame] == "language" else "tracker"


def _numbers(box: np.ndarray) -> tuple[float, float, float, float]:
    x, y, w, h = (float(v) for v in box)
    return x, y, w, h
