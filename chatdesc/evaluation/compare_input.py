"""What a comparison is about: sequences with their texts and ground truth, of a run or of a dataset alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chatdesc.evaluation.parts import open_for
from chatdesc.evaluation.truths import Truth, rules_for
from chatdesc.loaders.base import Dataset
from chatdesc.metrics.protocols import Rules
from chatdesc.names import some
from chatdesc.rows.schema import Row, slim
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import Store, dataset_of, read_config
from chatdesc.stages.sequence import sequence_row
from chatdesc.types import ChatdescError, first_alone
from chatdesc.unused import refuse_unused

NOT_TRACKED = "without ROOT, as nothing is tracked then"


@dataclass(frozen=True, slots=True)
class CompareInput:
    """Rows with a text, as far as they were asked for, their ground truth, and whose rules score them.

    Attributes:
        run: the folder of the run, or of a comparison without one.
        names: the sequences that were ``chosen``, those without a text too.
        notes: what a reader must know before all else.
        settings: how the run chose its texts; empty without a run.
    """

    run: Path
    dataset: str
    rules: Rules
    chosen: Selection
    names: list[str]
    rows: list[Row]
    truths: dict[str, Truth]
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, run: Path, chosen: Selection, protocol: str | None = None) -> CompareInput:
        """A run's rows that have a text, without what grows with frames, and their ground truth.

        Args:
            protocol: whose rules; None takes the dataset's own.

        Raises:
            ChatdescError: no such run, sequence or protocol, there is no text, or no published ground truth of one.
        """
        dataset = dataset_of(run)
        rules, warning = rules_for(dataset, protocol)
        names = chosen.of(run)
        rows, truths = _with_truth(row for row in Store(run).rows(sorted(names)) if row["text"] is not None)
        if not rows:
            raise ChatdescError(
                f"{run} has no sequence with a text yet among the {len(names)} asked for; run `chatdesc annotate` first"
            )
        notes = (f"warning: {warning}",) if warning else ()
        return cls(run, dataset, rules, chosen, names, rows, truths, notes, read_config(run)["settings"])

    @classmethod
    def of_dataset(cls, data: Dataset, chosen: Selection, place: Path, protocol: str | None = None) -> CompareInput:
        """A dataset's sequences, whose first frame and target are there, with the texts that it came with.

        Args:
            data: all sequences from which texts may be shuffled; ``chosen`` are compared.
            place: where the tracks are kept.

        Raises:
            ChatdescError: no such sequence or protocol, none can be tracked, or no ground truth of one is published.
        """
        rules, warning = rules_for(data.dataset, protocol)
        names = chosen.among(data.names, str(data.root))
        every = {name: data[name] for name in names}
        rows, truths = _with_truth(sequence_row(every[name]) for name in names if every[name].usable)
        unusable = [f"{name}: {every[name].status}" for name in names if not every[name].usable]
        if not rows:
            raise ChatdescError(f"{data.root}: none of the sequences can be tracked: {some(unusable)}")
        notes = [f"warning: {warning}"] if warning else []
        notes += [f"sequences that cannot be tracked are left out: {some(unusable)}"] if unusable else []
        return cls(place, data.dataset, rules, chosen, list(names), rows, truths, tuple(notes))

    def open(self, root: str | Path | None, text_root: str | None) -> Dataset | None:
        """The dataset, to track its frames and to know its attributes; None without a root."""
        if root is None:
            refuse_unused({"text_root": text_root}, NOT_TRACKED)
            return None
        return open_for(self.run, self.names, str(root), self.chosen, text_root)


def _with_truth(rows: Iterable[Row]) -> tuple[list[Row], dict[str, Truth]]:
    """Rows without what grows with frames, and the ground truth of each.

    Raises:
        ChatdescError: only the first box of one is published.
    """
    kept: list[Row] = []
    truths: dict[str, Truth] = {}
    for row in rows:
        boxes = np.asfortranarray(row["boxes"], np.float64).reshape(-1, 4, order="A")
        visible = np.asarray(row["visible"], np.bool_) if row["visible"] else None
        truths[row["sequence"]] = Truth(boxes, visible)
        kept.append(slim(row))
    if withheld := [name for name, truth in truths.items() if first_alone(truth.boxes)]:
        raise ChatdescError(
            f"only the first box of {some(withheld)} is published, so no track of them can be scored; "
            "choose the other splits with --split, or sequences with --sequences"
        )
    return kept, truths
