"""The candidates of reflection: texts with their feedback, and the choice among them.

>>> rank(Round("red kite", iou=0.52, margin=0.1)) > rank(Round("a kite", iou=0.49, margin=0.02))
True
"""

from __future__ import annotations

from dataclasses import dataclass

from chatdesc.config import Settings
from chatdesc.stages.background import Background, without
from chatdesc.stages.describe import Description
from chatdesc.stages.gain import Gain, none_better
from chatdesc.stages.ground import Feedback


@dataclass(frozen=True, slots=True)
class Round:
    """One candidate text with its feedback from grounding.

    Attributes:
        text, background: the phrase for the target, and phrases for what surrounds it.
        background_dropped: phrases that were said to surround the target, but mean the target itself.
        positive, negative, iou, margin, top_iou, truncated: see ``chatdesc.stages.ground.Feedback``.
        accepted: whether grounding asks for no further round.
        source: ``refined`` or ``manual``.
        raw: the describer's answer, or the manual text as the dataset has it.
        gain: what the text gains in tracking; None where feedback is from grounding alone.
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
    gain: Gain | None = None

    @property
    def holds(self) -> bool:
        """Whether the text needs no further round: it is accepted, and no tracker that followed it left the target."""
        return self.accepted and (self.gain is None or self.gain.left is None)


@dataclass(frozen=True, slots=True)
class Reflection:
    """All rounds of one sequence or range, the manual text as a candidate, and the choice among them.

    Attributes:
        rounds: in the order in which they were made.
        manual: the manual text with its feedback; None where the sequence has none or it could not be grounded.
        chosen: the best of them; None where no round was made.
        scope: what feedback saw, see ``chatdesc.rows.schema.COLUMNS``.
        error: why the rounds ended early, in words; empty if they did not.
        failed_stage: the stage that failed then, ``describe``, ``grounding`` or ``tracking``.
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

    Where the texts were tried in tracking, one that another candidate exceeds there beyond noise is no candidate.
    None where no candidate exists.
    """
    candidates = standing([*rounds, *([manual] if manual is not None and keep_manual else [])])
    best = max((one for one in candidates if one is not manual), key=rank, default=None)
    if manual is not None and manual in candidates and (best is None or rank(manual) >= rank(best)):
        return manual
    return best


def standing(candidates: list[Round]) -> list[Round]:
    """The candidates that no other one exceeds in tracking beyond noise; all of them without feedback from tracking.

    With feedback of the kind ``self``, those among them whose words no other one's exceed in leading to the track.
    """
    gains = [one.gain for one in candidates]
    if any(gain is None for gain in gains):
        return candidates
    known = [gain for gain in gains if gain is not None]
    kept = _kept(candidates, [gain.values for gain in known], known)
    return _kept(kept, [one.gain.led for one in kept if one.gain], known)


def _kept(candidates: list[Round], agreements: list[tuple[float, ...]], gains: list[Gain]) -> list[Round]:
    """The candidates whose agreements no other one's exceed; all where there is nothing to compare."""
    if len(candidates) < 2 or not all(agreements):
        return candidates
    return [one for one, best in zip(candidates, none_better(agreements, gains[0].block), strict=True) if best]
