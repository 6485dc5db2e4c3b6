"""``oracle-words``: of all texts of a sequence, that with which tracking was best by the ground truth.

It says how much a perfect choice among the texts at hand would bring. It is no bound on what other texts could do, and
it is optimistic: the best of several tracks of the same video is chosen with the luck that it had there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chatdesc.evaluation.arm_rows import ArmRecord, Candidate, phrase_records, phrases_of
from chatdesc.metrics.overlap import iou
from chatdesc.stages.track import Phrase
from chatdesc.types import Boxes, Sequence

Candidates = Mapping[tuple[Phrase, ...], str]


def mean_overlap(boxes: Boxes, sequence: Sequence) -> float:
    """Mean IoU of a track [N, 4] over the frames after the first in which the target is there; 0 without one."""
    later = sequence.valid()
    later[0] = False
    return float(np.mean(iou(boxes, sequence.boxes)[later])) if later.any() else 0.0


@dataclass(slots=True)
class WordChoice:
    """The choice for one sequence.

    Attributes:
        wanted: the texts, with where each is from.
        known: the mean IoU of those that were tracked, by text.
    """

    wanted: Candidates
    known: dict[tuple[Phrase, ...], float]

    @classmethod
    def of(cls, wanted: Candidates, before: ArmRecord | None) -> WordChoice:
        """The choice, with what an earlier one knows."""
        records = before.get("candidates", []) if before else []
        values = {phrases_of(record["phrases"]): record["iou"] for record in records}
        return cls(wanted, {text: values[text] for text in wanted if text in values})

    @property
    def unknown(self) -> list[tuple[Phrase, ...]]:
        """The texts without a track."""
        return [text for text in self.wanted if text not in self.known]

    def add(self, text: tuple[Phrase, ...], boxes: Boxes, sequence: Sequence) -> None:
        """A text was tracked."""
        self.known[text] = mean_overlap(boxes, sequence)

    def best(self) -> tuple[Phrase, ...]:
        """The text with the best track, the first of several."""
        return max(self.wanted, key=lambda text: self.known[text])

    def records(self) -> list[Candidate]:
        """All texts as a row keeps them."""
        return [
            {"source": source, "phrases": phrase_records(text), "iou": self.known[text]}
            for text, source in self.wanted.items()
        ]


def same_candidates(record: ArmRecord, wanted: Candidates) -> bool:
    """Whether an earlier choice was among these texts."""
    return {phrases_of(one["phrases"]) for one in record.get("candidates", [])} == set(wanted)
