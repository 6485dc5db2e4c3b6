"""Texts without a run: those of ``--texts`` and those that a dataset came with, tracked by a preset's models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from chatdesc.config import preset
from chatdesc.evaluation.arm_models import models_of, named, refuse_no_tracker, refuse_oracle
from chatdesc.evaluation.arms import Comparison
from chatdesc.loaders.base import Dataset
from chatdesc.rows.schema import Row
from chatdesc.stages.sequence import sequence_row


class TextsAlone(Comparison):
    """A comparison whose rows are the dataset's own: they have no refined text and no background phrases."""

    @classmethod
    def by(
        cls,
        data: Dataset,
        place: Path,
        preset_name: str,
        judge: str | None = None,
        tracker: str | None = None,
        encoder: str | None = None,
        device: str = "auto",
        verifier: str | None = None,
    ) -> TextsAlone:
        """The models of a preset, with others where they are named; tracks are kept in ``place``.

        Raises:
            ChatdescError: no such preset or model, no tracker, or a verifier that looks at the ground truth.
        """
        settings = named(preset(preset_name).settings, judge, tracker, encoder, verifier)
        refuse_oracle(place, settings, named_so=verifier is not None)
        refuse_no_tracker(place, settings)
        return cls(place, data, settings, models_of(settings, {settings.verifier}, device), selecting=False)

    def every_row(self) -> Iterator[Row]:
        assert self.data is not None
        return self.rows(self.data.names)

    def rows(self, names: Iterable[str]) -> Iterator[Row]:
        """The dataset's own rows of sequences that can be tracked."""
        assert self.data is not None
        sequences = (self.data[name] for name in names)
        return (sequence_row(sequence) for sequence in sequences if sequence.usable)
