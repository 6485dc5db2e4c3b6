"""A comparison on similar-object frames, and what each sequence was tracked with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.arm_texts import MANUAL, REFINED
from chatdesc.evaluation.arms import Comparison
from chatdesc.evaluation.compare_input import CompareInput
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.evaluation.scored_arms import ArmResults
from chatdesc.evaluation.similar import SIMILAR, frames_of_rows, scored_on
from chatdesc.names import counted
from chatdesc.tables import Record

SIMILAR_ATTRIBUTES = ("BC",)  # background clutter: what is near the target resembles it (LaSOT, 2019)


@dataclass(frozen=True, slots=True)
class SimilarFrames:
    """Arms on the similar-object frames of each sequence.

    Attributes:
        margin: how much lower than the target's another score may be.
        frames: bool [N] per sequence that has some.
        arms: the arms on these frames; empty where there are none, or tracks were brought.
        words: the arms whose words say which frames they are.
    """

    margin: float = SIMILAR
    frames: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    arms: Mapping[str, Evaluation] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    known: bool = False

    @classmethod
    def of(
        cls,
        results: ArmResults,
        asked: CompareInput,
        arms: Mapping[str, Evaluation],
        sources: Iterable[str],
        margin: float,
        work: Comparison | None,
    ) -> SimilarFrames:
        """The similar-object frames by the words of the arms that have a text of the sequence's own.

        All of them count alike, so the choice of frames favours none of them.
        """
        if work is None or results.place is None:
            return cls(margin)
        words = tuple(arm for arm in (MANUAL, *sources, REFINED) if arm in arms)
        names = {line.sequence for line in next(iter(arms.values())).lines}
        truths = {name: truth for name, truth in asked.truths.items() if name in names}
        frames = frames_of_rows(results.judged, truths, words, work.settings.ground_every, margin)
        scored = scored_on(frames, arms, results.place, truths, asked.dataset) if frames else {}
        return cls(margin, frames, scored, words, True)

    def notes(self, total: int) -> list[str]:
        """What the frames are, or that there are none."""
        if not self.known or not self.words:
            return []
        by = f"by the words of {', '.join(self.words)}"
        if not self.frames:
            return [f"no frame is a similar-object frame: {by}, nothing scores within {self.margin:g} of the target"]
        share = sum(int(mask.sum()) for mask in self.frames.values())
        of_all = f"{counted(len(self.frames), 'sequence')} of {total}"
        return [
            f"similar-object frames: {share} frames of {of_all}, on which {by} another proposal scores at most "
            f"{self.margin:g} less than the target's"
        ]


def of_sequences(arms: Mapping[str, Evaluation], names: Collection[str]) -> dict[str, Evaluation]:
    """The arms on some of the sequences."""
    return {
        arm: replace(scores, lines=tuple(line for line in scores.lines if line.sequence in names))
        for arm, scores in arms.items()
    }


def text_rows(results: ArmResults, arms: Mapping[str, Evaluation], alike: SimilarFrames) -> list[Record]:
    """A row per sequence, arm and phrase: the words, whose they are, what the tracker was given, and the AUC."""
    scores = {arm: _aucs(of) for arm, of in arms.items()}
    similar = {arm: _aucs(of) for arm, of in alike.arms.items()}
    rows: list[Record] = []
    for row in results.judged:
        for arm, record in row["arms"].items():
            if row["sequence"] not in scores.get(arm, {}):
                continue
            told = {heard["start"]: heard["text"] for heard in record["heard"]}
            values = {
                "tracker was given": next(iter(told.values()), None),
                "from frame": next(iter(told), None),
                "AUC": scores[arm][row["sequence"]],
                "AUC similar": similar.get(arm, {}).get(row["sequence"]),
            }
            rows += [
                {"sequence": row["sequence"], "arm": arm, "start": phrase["start"], "text": phrase["text"]}
                | {"text of": record["text_of"]}
                | values
                for phrase in record["phrases"]
            ]
    return rows


def _aucs(scores: Evaluation) -> dict[str, float]:
    return {line.sequence: line.score.auc for line in scores.lines if line.score is not None}
