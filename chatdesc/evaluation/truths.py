"""Ground truth of a dataset, and the protocol that scores it.

>>> rules, warning = rules_for("tnl2k", "ostrack")
>>> rules.name, warning.partition(":")[0]
('ostrack', "ostrack is not tnl2k's own protocol (tnl2k)")
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.loaders.base import Dataset
from chatdesc.metrics.protocols import PROTOCOLS, Rules
from chatdesc.names import SHOWN, counted
from chatdesc.types import ChatdescError

Floats = NDArray[np.float64]

# The protocol of those who published the dataset.
OWN = {
    "lasot": "lasot",
    "lasot_ext": "lasot",
    "tnl2k": "tnl2k",
    "otb-lang": "otb",
    "trackingnet": "trackingnet",
    "synthetic": "lasot",
}


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A sequence's ground truth.

    Attributes:
        boxes: [N, 4] xywh, pixels.
        visible: bool [N], or None where the dataset does not mark absence.
        problems: what was wrong with the files.
    """

    boxes: Floats
    visible: NDArray[np.bool_] | None
    problems: tuple[str, ...] = ()


def read_truths(dataset: Dataset) -> dict[str, Truth]:
    """The ground truth of all sequences by name, boxes in float64 as written.

    Raises:
        ChatdescError: a sequence has no boxes, or its first alone, or a line of them cannot be read.
    """
    truths: dict[str, Truth] = {}
    for annotation in dataset.annotations():
        if not len(annotation.boxes):
            raise ChatdescError(
                f"{annotation.name}: its ground truth cannot be read, or is empty; --split or --sequences leaves it out"
            )
        if dataset.entry(annotation.name).split in dataset.withheld and len(annotation.boxes) == 1:
            raise ChatdescError(
                f"{annotation.name}: only the first boxes of {dataset.dataset}'s test set are published, its server "
                "scores results: `chatdesc submit` writes the zip for it; --split train evaluates here"
            )
        unread = [problem.message for problem in annotation.problems if problem.kind == "bad_boxes"]
        if unread:
            raise ChatdescError(f"the ground truth of {annotation.name} cannot be trusted: {unread[0]}")
        # Number by number, as scoring reads them; asfortranarray takes twice as long.
        boxes = annotation.boxes.T.astype(np.float64, order="C", copy=False).T
        truths[annotation.name] = Truth(boxes, annotation.visible, tuple(p.message for p in annotation.problems))
    return truths


def rules_for(dataset: str, protocol: str | None) -> tuple[Rules, str]:
    """The rules of ``protocol``, or the dataset's own for None; and a warning where they are not the dataset's own.

    Raises:
        ChatdescError: no such protocol, or none was named for a dataset that has none of its own.
    """
    own = OWN.get(dataset)
    known = ", ".join(PROTOCOLS)
    if protocol is None and own is None:
        raise ChatdescError(f"{dataset} has no protocol of its own; add --protocol with one of: {known}")
    chosen = protocol or str(own)
    if chosen not in PROTOCOLS:
        raise ChatdescError(f"there is no protocol {chosen!r}; known are {known}")
    rules = PROTOCOLS[chosen]
    if own is None or own == chosen:
        return rules, ""
    return rules, (
        f"{chosen} is not {dataset}'s own protocol ({own}): these numbers do not compare with those of "
        f"{PROTOCOLS[own].source}"
    )


def about_flags(dataset: str, truths: dict[str, Truth], protocols: Sequence[Rules]) -> list[str]:
    """A note where protocols ignore the marks of absence that a dataset has."""
    blind = [rules.name for rules in protocols if not rules.on(dataset).absent_is_miss]
    if not blind or all(t.visible is None for t in truths.values()):
        return []
    read = "read" if len(blind) > 1 else "reads"
    return [f"{', '.join(blind)} {read} no marks of absence on {dataset}: absent frames are scored as they stand"]


def about_truths(truths: dict[str, Truth]) -> list[str]:
    """Notes on problems of the ground truth, and on sequences that alone lack marks of absence."""
    problems = [problem for truth in truths.values() for problem in truth.problems]
    notes = problems[:SHOWN]
    if len(problems) > SHOWN:
        notes.append(f"... and {len(problems) - SHOWN} more remarks on the ground truth")
    bare = [name for name, truth in truths.items() if truth.visible is None]
    if bare and len(bare) < len(truths):
        names = ", ".join(bare[:SHOWN]) + (" ..." if len(bare) > SHOWN else "")
        of_all = f"of {len(truths)} sequences"
        notes.append(
            f"{counted(len(bare), f'{of_all} has', f'{of_all} have')} no marks of absence, unlike the others: {names}"
        )
    return notes
