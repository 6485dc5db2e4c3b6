"""A few sequences done for a forecast: what they needed, per kind of call, and how long it took. Nothing is written.

They run as in a run, in batches and side by side; long ones are cut short. The work on key frames grows with a video,
and the rest of a sequence's work does not, so the two are told apart.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chatdesc.engine.budget import Account
from chatdesc.engine.counts import Counts, counts, on_key_frames
from chatdesc.engine.run import Run, failed, failure
from chatdesc.engine.schedule import Lane, Scheduler, in_flight_for
from chatdesc.rows.schema import Row
from chatdesc.types import ChatdescError, Describe, Embed, Follow, Ground, Verify
from chatdesc.types import Sequence as Video

LEAST, SEQUENCES, MOST, FRAMES = 4, 8, 32, 100  # of a forecast: sequences, or as many as are in work; and frames
KINDS = {Describe: "describe", Ground: "ground", Embed: "embed", Follow: "track"}


@dataclass(frozen=True, slots=True)
class Pilot:
    """What was done, and what it took.

    Attributes:
        sequences: how many were done.
        loading: seconds until the models had answered once.
        seconds: of the sequences, after that.
        bounds, keys: upper bounds of all their work, and of that on key frames.
        done: calls that were made, and frames that were tracked.
        looked: key frames that there were, as a share of those that a sure tracker has.
        busy: seconds at work per kind of call (``describe``, ``ground``, ``embed``, ``track``), by worker.
        account: requests and tokens of the describer.
    """

    sequences: int
    loading: float
    seconds: float
    bounds: Counts
    keys: Counts
    done: Counts
    looked: float
    busy: dict[str, float]
    account: Account

    def expected(self, bounds: Counts, keys: Counts) -> Counts:
        """Calls of other work from its bounds: as often below them as here.

        >>> done = Counts(40, 8, 12, 3, 39)
        >>> pilot = Pilot(1, 0, 9, Counts(40, 16, 22, 3, 39), Counts(0, 0, 2, 1, 0), done, 1, {}, Account())
        >>> pilot.expected(Counts(400, 32, 60, 12, 390), Counts(0, 0, 20, 10, 0))
        Counts(decoded=400, describer=16, grounder=40, encoder=12, tracked=390)
        """
        own, here = self.bounds - self.keys, self.done
        ground = _share(here.grounder - self.looked * self.keys.grounder, own.grounder)
        embed = _share(here.encoder - self.looked * self.keys.encoder, own.encoder)
        rest = bounds - keys
        return Counts(
            bounds.decoded,
            round(rest.describer * _share(here.describer, own.describer)),
            round(rest.grounder * ground + self.looked * keys.grounder),
            round(rest.encoder * embed + self.looked * keys.encoder),
            round(bounds.tracked * _share(here.tracked, self.bounds.tracked)),
        )

    def per_call(self) -> dict[str, float]:
        """Seconds of this pilot per call, and per tracked frame: its stages share them as they shared the work."""
        total = sum(self.busy.values())
        stretch = self.seconds / total if total else 0.0
        numbers = dict(zip(KINDS.values(), self.done.as_tuple()[1:], strict=True))
        return {kind: stretch * seconds / numbers[kind] for kind, seconds in self.busy.items() if numbers[kind]}


def wanted(run: Run, sequences: int) -> int:
    """How many of so many sequences to do: a third at most (but four), and few where a server is asked for money.

    No more than are in work at a time, so that batches are as full as in the run.
    """
    lanes = run.models.lanes()
    in_flight = run.resources.sequences_in_flight or in_flight_for(lanes)
    served = any(lane.workers > 1 for lane in lanes if _kind(lane) is Describe)
    most = SEQUENCES if served else max(SEQUENCES, min(MOST, in_flight))
    return min(most, max(LEAST, sequences // 3))


def pilot(run: Run, videos: Sequence[Video]) -> Pilot:
    """Do some sequences. The first one alone, cut to two frames, loads the models.

    Raises:
        ChatdescError: a model fails.
    """
    start = time.perf_counter()
    list(_rows(run, [videos[0].part(0, 2)], run.models.lanes()))
    cut = [video.part(0, min(FRAMES, len(video))) for video in videos]
    lanes, before, began = run.models.lanes(), _account(run), time.perf_counter()
    rows = list(_rows(run, cut, lanes))
    ended = time.perf_counter()
    bounds = sum((counts(video, run.settings) for video in cut), Counts(0, 0, 0, 0, 0))
    tracked = (len(video) - 1 if run.models.tracker else 0 for video in cut)
    keys = sum((on_key_frames(frames, run.settings) for frames in tracked), Counts(0, 0, 0, 0, 0))
    looked = sum(lane.use.items for lane in lanes if _kind(lane) is Verify)
    return Pilot(
        len(cut), began - start, ended - began, bounds, keys, _done(lanes, bounds), _share(looked, keys.encoder),
        _busy(lanes, len(rows)), _account(run, before),
    )  # fmt: skip


def _rows(run: Run, videos: Sequence[Video], lanes: list[Lane]) -> Iterator[Row]:
    """The rows of sequences.

    Raises:
        ChatdescError: one of them failed.
    """
    jobs = ((number, run.steps(video)) for number, video in enumerate(videos))
    for number, result in Scheduler(lanes, run.resources.sequences_in_flight).run(jobs):
        if isinstance(result, BaseException):
            raise result if isinstance(result, ChatdescError) else ChatdescError(f"{videos[number].name}: {result}")
        row, _ = result
        if failed(row):
            raise failure(row)
        yield row


def _done(lanes: Sequence[Lane], bounds: Counts) -> Counts:
    items = {kind: sum(lane.use.items for lane in lanes if _kind(lane) is kind) for kind in KINDS}
    return Counts(bounds.decoded, items[Describe], items[Ground], items[Embed], bounds.tracked)


def _busy(lanes: Sequence[Lane], sequences: int) -> dict[str, float]:
    """Seconds at work per kind of call; a stage with several workers counts by those that had work."""
    found: dict[str, float] = {}
    for lane in lanes:
        if (name := KINDS.get(_kind(lane))) is not None:
            found[name] = found.get(name, 0.0) + lane.use.busy / min(lane.workers, sequences)
    return found


def _kind(lane: Lane) -> type:
    found: Any = lane.kind[0] if isinstance(lane.kind, tuple) else lane.kind
    kind: type = found
    return kind


def _account(run: Run, before: Account | None = None) -> Account:
    """What the describer has counted, since ``before``."""
    summary = getattr(run.models.describer, "summary", None)
    said = summary() if summary else {}
    now = Account(*(int(said.get(name, 0)) for name in ("requests", "prompt_tokens", "completion_tokens")))
    return now - before if before else now


def _share(part: float, whole: float) -> float:
    return max(0.0, part / whole) if whole else 1.0
