"""The size of a run before it starts: calls, frames, time and cost, forecast from a few sequences that are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chatdesc.config import Settings
from chatdesc.engine.budget import Account
from chatdesc.engine.counts import Counts, counts, on_key_frames
from chatdesc.engine.pilot import Pilot, pilot, wanted
from chatdesc.engine.prices import Price, price_of
from chatdesc.engine.run import Run
from chatdesc.names import counted
from chatdesc.types import ChatdescError
from chatdesc.types import Sequence as Video

NOTHING = Counts(0, 0, 0, 0, 0)
NAMES = ("frames to decode", "describer calls", "grounder calls", "encoder calls", "frames to track")


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run.

    Attributes:
        sequences: sequences to annotate.
        skipped: those among them without frames or boxes, or of which a describer that has texts has none.
        counts: upper bounds of calls and frames of all sequences.
        expected: calls and frames, forecast; None if no sequence could be tried.
        seconds: estimated time, the loading of models included; None likewise.
        measured: seconds per call of ``describe``, ``ground``, ``embed`` and per tracked frame (``track``), where other
            calls went on at the same time.
        account: requests and tokens, forecast, where the describer counts them.
        price: the describer's price, if it is known.
        tried: sequences that were done for the forecast, and the seconds that it took.
    """

    sequences: int
    skipped: int
    counts: Counts
    expected: Counts | None = None
    seconds: float | None = None
    measured: dict[str, float] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    price: Price | None = None
    tried: tuple[int, float] = (0, 0.0)

    def lines(self) -> list[str]:
        """The plan as lines of text."""
        found = [f"sequences to do  {self.sequences:>12,}"]
        if self.skipped:
            found.append(f"without a target {self.skipped:>12,}  (missing frames or boxes, or no text to try)")
        found.append(f"{'':<17}{'expected':>12}{'at most':>12}")
        expected = [f"{n:,}" for n in self.expected.as_tuple()] if self.expected else ["-"] * len(NAMES)
        found += [
            f"{name:<17}{one:>12}{most:>12,}"
            for name, one, most in zip(NAMES, expected, self.counts.as_tuple(), strict=True)
        ]
        if used := self.account.line(self.price):
            found.append(f"{'cost':<17}{used:>12}")
        if self.seconds is not None:
            number, seconds = self.tried
            done = f"from {counted(number, 'sequence')} done in {duration(seconds)}"
            found.append(f"{'estimated time':<17}{duration(self.seconds):>12}   ({done})")
            found += [f"  {name:<15}{1000 * s:>9.0f} ms" for name, s in self.measured.items()]
        return found


def duration(seconds: float) -> str:
    """Seconds as people read them.

    >>> duration(42), duration(600), duration(36000)
    ('42 s', '10 min', '10.0 h')
    """
    minutes, hours = seconds / 60, seconds / 3600
    return f"{seconds:.0f} s" if seconds < 100 else f"{minutes:.0f} min" if minutes < 100 else f"{hours:.1f} h"


def plan(run: Run, names: list[str], created: float = 0.0) -> Plan:
    """Count the work for the sequences ``names``, and do a few of them to see what they take.

    Args:
        created: seconds in which the run's models were created.

    Raises:
        ChatdescError: a model fails on them.
    """
    usable, total, keys = list[str](), NOTHING, NOTHING
    for name in names:  # one at a time: the paths of all frames of a large dataset would fill the memory
        video = run.dataset[name]
        settings = _settings(video, run) if video.usable else None
        if settings is not None:
            usable.append(name)
            total += counts(video, settings)
            keys += on_key_frames(len(video) - 1 if settings.tracker != "none" else 0, settings)
    skipped = len(names) - len(usable)
    if not usable:
        return Plan(len(names), skipped, total)
    done = pilot(run, [run.dataset[name] for name in spread(usable, wanted(run, len(usable)))])
    return forecast(len(names), skipped, total, keys, replace(done, loading=done.loading + created), _price(run))


def forecast(sequences: int, skipped: int, total: Counts, keys: Counts, done: Pilot, price: Price | None) -> Plan:
    """What all sequences will take, from what a few took.

    Args:
        total, keys: upper bounds of all work, and of that on key frames.
    """
    expected, each = done.expected(total, keys), done.per_call()
    calls = dict(zip(("describe", "ground", "embed", "track"), expected.as_tuple()[1:], strict=True))
    seconds = done.loading + sum(each.get(kind, 0.0) * number for kind, number in calls.items())
    asked = expected.describer / done.done.describer if done.done.describer else 0.0
    return Plan(
        sequences, skipped, total, expected, seconds, each, done.account.times(asked), price,
        (done.sequences, done.loading + done.seconds),
    )  # fmt: skip


def spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many names, evenly from all.

    >>> spread("abcdefghij", 4), spread("abc", 4)
    (['b', 'd', 'g', 'i'], ['a', 'b', 'c'])
    """
    number = min(most, len(names))
    return [names[(2 * k + 1) * len(names) // (2 * number)] for k in range(number)]


def _price(run: Run) -> Price | None:
    try:
        return price_of(run.settings.describer)
    except ChatdescError:
        return None


def _settings(video: Video, run: Run) -> Settings | None:
    """The settings with as many rounds as a describer that has texts has of them; None where it has none."""
    texts_for = getattr(run.models.describer, "texts_for", None)
    if texts_for is None:
        return run.settings
    texts = texts_for(video.name)
    return replace(run.settings, rounds=len(texts) - 1) if texts else None
