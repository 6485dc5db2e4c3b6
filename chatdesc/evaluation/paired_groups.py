"""Where a text helps and where it does not: differences of two arms per sequence, and per attribute and category.

Every difference is of AUC, the later arm minus the earlier one, on the same sequences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from chatdesc.evaluation.arm_texts import MANUAL, NO_TEXT, REFINED
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.evaluation.intervals import interval_columns, paired
from chatdesc.loaders.base import Dataset
from chatdesc.rows.schema import Row
from chatdesc.tables import Record

ASKED = ((MANUAL, REFINED), (NO_TEXT, REFINED))  # the first of them that both arms of it have


class Group(NamedTuple):
    """Sequences that have something in common; ``kind`` is attribute or category."""

    kind: str
    name: str
    sequences: frozenset[str]


def asked_pair(arms: Collection[str]) -> tuple[str, str] | None:
    """The arms whose difference answers whether the refined texts help; None without such a pair."""
    return next((pair for pair in ASKED if set(pair) <= set(arms)), None)


def sequence_differences(arms: Mapping[str, Evaluation]) -> list[Record]:
    """AUC of both arms and their difference per sequence, the greatest gain first."""
    if (pair := asked_pair(arms)) is None:
        return []
    before, after = (_aucs(arms[arm]) for arm in pair)
    rows: list[Record] = [
        {"sequence": name, "before": pair[0], "after": pair[1], "AUC before": before[name], "AUC after": after[name]}
        | {"difference": after[name] - before[name]}
        for name in before
    ]
    return sorted(rows, key=lambda row: (-row["difference"], row["sequence"]))


def group_differences(arms: Mapping[str, Evaluation], groups: Iterable[Group]) -> list[Record]:
    """The mean difference per group with its interval, attributes first, the greatest gain first."""
    if (pair := asked_pair(arms)) is None:
        return []
    before, after = (_aucs(arms[arm]) for arm in pair)
    rows: list[Record] = []
    for group in groups:
        gap = paired((before[name], after[name]) for name in sorted(group.sequences) if name in before)
        if gap.count:
            about = {"kind": group.kind, "group": group.name, "before": pair[0], "after": pair[1]}
            rows.append(about | interval_columns(gap))
    return sorted(rows, key=lambda row: (row["kind"], -row["difference"], row["group"]))


def groups_in(rows: Iterable[Row], data: Dataset | None) -> list[Group]:
    """Sequences by category, as the rows have it, and by attribute, which only the dataset's files have."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row["category"]:
            found["category", row["category"]].add(row["sequence"])
        attributes = data[row["sequence"]].attributes if data is not None and row["sequence"] in data else {}
        for attribute, has in attributes.items():
            if has:
                found["attribute", attribute].add(row["sequence"])
    return [Group(kind, name, frozenset(names)) for (kind, name), names in sorted(found.items())]


def _aucs(scores: Evaluation) -> dict[str, float]:
    return {line.sequence: line.score.auc for line in scores.lines if line.score is not None}
