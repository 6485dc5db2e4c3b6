"""The work of a sequence before it is done: upper bounds of calls and frames."""

from __future__ import annotations

from dataclasses import dataclass

from chatdesc.config import SELF, Settings
from chatdesc.measures.case import LOOKS
from chatdesc.measures.case import WORDS as WORDS_NEEDED
from chatdesc.measures.registry import needs
from chatdesc.types import Sequence

WORDS, QUESTIONS = 5, 12  # of a text, for measures that ground it without each word, or ask about it


@dataclass(frozen=True, slots=True)
class Counts:
    """Numbers of calls and frames.

    As upper bounds: reflection may accept a text before its last round.

    Not counted then: repairs of unreadable answers, and key frames that come early because the tracker is unsure or the
    last one did not show the target. Of measures, the words of a text and the questions about it are estimated.

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

    def __sub__(self, other: Counts) -> Counts:
        mine, theirs = (self.as_tuple(), other.as_tuple())
        return Counts(*(a - b for a, b in zip(mine, theirs, strict=True)))

    def as_tuple(self) -> tuple[int, int, int, int, int]:
        """The five numbers in the order of the fields."""
        return self.decoded, self.describer, self.grounder, self.encoder, self.tracked


def counts(sequence: Sequence, settings: Settings) -> Counts:
    """Upper bounds of the work for one sequence."""
    frames, every = len(sequence.boxes), settings.every
    ranges = -(-frames // every) if every else 1
    spread = min(frames, ranges * -(-settings.alignment_frames // ranges))
    feedback = settings.heard.grounded
    texts, rounds = 2 if sequence.manual_text else 1, settings.rounds + 1  # each round also grounds its background
    tracked = frames - 1 if settings.tracker != "none" else 0
    grounder = ranges * (feedback * (settings.rounds + texts) + rounds) + spread * texts
    decoded = frames if tracked else min(frames, ranges * feedback + spread)
    own = Counts(decoded, ranges * rounds, grounder, len(settings.encoders), tracked) + on_key_frames(tracked, settings)
    return own + tried(sequence, settings) + measure_counts(settings, frames, texts, decoded)


def on_key_frames(tracked: int, settings: Settings) -> Counts:
    """Calls on the key frames among so many tracked ones: the text and its background are grounded, crops embedded.

    >>> on_key_frames(100, Settings(ground_every=20))
    Counts(decoded=0, describer=0, grounder=10, encoder=5, tracked=0)
    """
    keys = tracked // settings.ground_every
    return Counts(0, 0, 2 * keys, keys, 0)


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
