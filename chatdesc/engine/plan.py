"""The size of a run before it starts: calls and frames, and a time from a few timed calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chatdesc.config import SELF, Settings
from chatdesc.engine.models import Models
from chatdesc.engine.run import Run
from chatdesc.measures.case import LOOKS
from chatdesc.measures.case import WORDS as WORDS_NEEDED
from chatdesc.measures.registry import needs
from chatdesc.stages.describe import prompt_text
from chatdesc.types import Crop, Describe, Embed, Follow, FrameRef, Ground, Sequence

CALIBRATION_FRAMES = 10
WORDS, QUESTIONS = 5, 12  # of a text, for measures that ground it without each word, or ask about it


@dataclass(frozen=True, slots=True)
class Counts:
    """Upper bounds for one sequence: reflection may accept a text before its last round.

    Not counted: repairs of unreadable answers, and key frames that come early because the tracker is unsure or the last
    one did not show the target. Of measures, the words of a text and the questions about it are estimated.

    Attributes:
        decoded: frames to decode.
        describer, grounder, encoder: calls.
        tracked: frames to track.

    >>> Counts(40, 4, 20, 2, 39) + Counts(10, 4, 5, 1, 9)
    Counts(decoded=50, describer=8, grounder=25, encoder=3, tracked=48)
    """

    decoded: int
    describer: int
    grounder: int
    encoder: int
    tracked: int

    def __add__(self, other: Counts) -> Counts:
        mine, theirs = (self.as_tuple(), other.as_tuple())
        return Counts(*(a + b for a, b in zip(mine, theirs, strict=True)))

    def as_tuple(self) -> tuple[int, int, int, int, int]:
        """The five numbers in the order of the fields."""
        return self.decoded, self.describer, self.grounder, self.encoder, self.tracked


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run.

    Attributes:
        sequences: sequences to annotate.
        skipped: those among them without frames or boxes, or of which a describer that has texts has none.
        counts: calls and frames of all sequences.
        seconds: estimated time; None if no sequence could be measured.
        measured: seconds per call of ``describe``, ``ground``, ``embed`` and per tracked frame (``track``).
    """

    sequences: int
    skipped: int
    counts: Counts
    seconds: float | None
    measured: dict[str, float]

    def lines(self) -> list[str]:
        """The plan as lines of text."""
        names = ("frames to decode", "describer calls", "grounder calls", "encoder calls", "frames to track")
        found = [f"sequences to do      {self.sequences:>10,}"]
        if self.skipped:
            found.append(f"  without a target   {self.skipped:>10,}  (missing frames or boxes, or no text to try)")
        found += [
            f"{n:<20} {'<=' if n != names[4] else '  '}{c:>8,}"
            for n, c in zip(names, self.counts.as_tuple(), strict=True)
        ]
        if self.seconds is not None:
            found.append(f"estimated time       {duration(self.seconds):>10}")
            found += [f"  {name:<18} {1000 * s:>7.0f} ms" for name, s in self.measured.items()]
        return found


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(42), duration(600), duration(36000)
    ('42 s', '10 min', '10.0 h')
    """
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def counts(sequence: Sequence, settings: Settings) -> Counts:
    """Upper bounds of the work for one sequence."""
    frames, every = len(sequence.boxes), settings.every
    ranges = -(-frames // every) if every else 1
    spread = min(frames, ranges * -(-settings.alignment_frames // ranges))
    feedback = settings.heard.grounded
    texts, rounds = 2 if sequence.manual_text else 1, settings.rounds + 1  # each round also grounds its background
    tracked = frames - 1 if settings.tracker != "none" else 0
    keys = tracked // settings.ground_every
    grounder = ranges * (feedback * (settings.rounds + texts) + rounds) + spread * texts + 2 * keys
    decoded = frames if tracked else min(frames, ranges * feedback + spread)
    own = Counts(decoded, ranges * rounds, grounder, len(settings.encoders) + keys, tracked)
    return own + tried(sequence, settings) + measure_counts(settings, frames, texts, decoded)


def tried(sequence: Sequence, settings: Settings) -> Counts:
    """Upper bounds of the work of trying texts in tracking."""
    heard, frames, every = settings.heard, len(sequence.boxes), settings.every
    if not heard.tracked:
        return Counts(0, 0, 0, 0, 0)
    lengths = [min(stop, frames) - start for start, stop in ranges_of(frames, every)]
    steps = [min(length, heard.count) - 1 for length in lengths]
    texts = settings.rounds + (2 if sequence.manual_text else 1)
    directions = 2 if heard.kind == SELF else 1
    keys = directions * texts * sum(step // settings.ground_every for step in steps)
    asked_again = settings.rounds * len(lengths)  # which words fit what was followed in the target's place
    return Counts(sum(steps), 0, 2 * keys + asked_again, keys, directions * (texts + 1) * sum(steps))


def ranges_of(frames: int, every: int) -> list[tuple[int, int]]:
    """The ranges of ``every`` frames as (start, stop), the last one perhaps beyond the end; one range with 0.

    >>> ranges_of(5, 2), ranges_of(5, 0)
    ([(0, 2), (2, 4), (4, 6)], [(0, 5)])
    """
    return [(start, start + (every or frames)) for start in range(0, frames, every or frames)]


def measure_counts(settings: Settings, frames: int, texts: int, decoded: int = 0) -> Counts:
    """The work of a sequence's measures; ``decoded`` of its frames are decoded for other stages anyway.

    >>> measure_counts(Settings(measures=("rank", "validity", "vqa")), frames=40, texts=2)
    Counts(decoded=8, describer=16, grounder=16, encoder=2, tracked=0)
    """
    needed, looks = needs(settings.measures), min(frames, settings.measure_frames)
    if not settings.measures:
        return Counts(0, 0, 0, 0, 0)
    wordings = (1 + WORDS * (WORDS_NEEDED in needed)) if LOOKS in needed else 0
    asked = looks * ("vqa" in settings.measures) + QUESTIONS * ("questions" in settings.measures)
    more = min(frames - decoded, looks)
    return Counts(more, texts * asked, texts * looks * wordings, texts * (LOOKS in needed), 0)


def plan(run: Run, names: list[str]) -> Plan:
    """Count the work for the sequences ``names`` and time each kind of call on the first usable one.

    Raises:
        ChatdescError: a model fails on the calls that are timed.
    """
    total, skipped, sample = Counts(0, 0, 0, 0, 0), 0, None
    for name in names:
        sequence = run.dataset[name]
        settings = _for(sequence, run)
        if sequence.usable and settings is not None:
            total, sample = total + counts(sequence, settings), sample or sequence
        else:
            skipped += 1
    if sample is None:
        return Plan(len(names), skipped, total, None, {})
    measured = seconds_per_call(sample, run.models)
    calls = dict(zip(("describe", "ground", "embed", "track"), total.as_tuple()[1:], strict=True))
    seconds = sum(measured.get(kind, 0.0) * count for kind, count in calls.items())
    return Plan(len(names), skipped, total, seconds, measured)


def _for(sequence: Sequence, run: Run) -> Settings | None:
    """The settings with as many rounds as a describer that has texts has of them; None where it has none."""
    texts_for = getattr(run.models.describer, "texts_for", None)
    if texts_for is None:
        return run.settings
    texts = texts_for(sequence.name)
    return replace(run.settings, rounds=len(texts) - 1) if texts else None


def seconds_per_call(sequence: Sequence, models: Models) -> dict[str, float]:
    """Seconds per describe, ground and embed call and per tracked frame.

    Each call is made twice, first on frame 0 (which may load a model), then on a frame that nothing has seen yet.
    """
    frames, box = sequence.frames, sequence.boxes[0]
    first, later, last = (FrameRef(frames, len(sequence.boxes) * k // 3) for k in (0, 1, 2))
    assert models.describer is not None
    assert models.grounder is not None
    asked = [Describe(f, box, prompt_text("describe"), sequence=sequence.name) for f in (first, later)]
    name, encoder = next(iter(models.encoders.items()))
    text = "a small red object"
    found = {
        "describe": _seconds(models.describer.describe, *asked),
        "ground": _seconds(models.grounder.ground, *(Ground(f, text) for f in (first, last))),
        "embed": _seconds(encoder.embed, *(Embed(name, (Crop(f, box),) * 5, (text,)) for f in (first, later))),
    }
    stop = min(len(sequence.boxes), CALIBRATION_FRAMES + 1)
    if models.tracker is not None and stop > 1:
        follow = Follow(frames, 1, stop, init=box)
        found["track"] = _seconds(models.tracker.follow, follow, follow) / (stop - 1)
    return found


def _seconds(call: Callable[[list[Any]], list[Any]], warm: Any, timed: Any) -> float:
    elapsed = 0.0
    for request in (warm, timed):
        start = time.perf_counter()
        answer = call([request])[0]
        elapsed = time.perf_counter() - start
        if isinstance(answer, Exception):
            raise answer
    return elapsed
