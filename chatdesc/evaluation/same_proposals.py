"""Verifiers compared on the same key frames: each chooses on all of them, whoever's track they come from.

>>> boxes = np.array([[60, 10, 20, 20], [10, 10, 20, 20]], np.float32)
>>> e = Evidence(*[boxes, *[boxes[:, 0] / 100] * 4], boxes[:0], boxes[:0, 0], boxes[1], truth=boxes[0])
>>> from chatdesc.backends import create
>>> judged = judge([("kite-1", e)], {name: create("verifier", name) for name in ("random", "oracle")})
>>> [row["IoU"] for row in choice_rows(judged)][-1]
1.0
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from chatdesc.evaluation.resampled import DOUBTFUL, Drawn, figure_differences, samples, sequences_about
from chatdesc.evaluation.steps import Steps
from chatdesc.evidence import Choice, Evidence
from chatdesc.protocols import Verifier
from chatdesc.stages.track import ORACLE
from chatdesc.tables import Progress, Record
from chatdesc.types import Verify
from chatdesc.verification.figures import Judged
from chatdesc.verification.recorded import Seen

REFERENCES = ("random", ORACLE)  # their doubt says nothing, or all
TOLD = 256  # key frames after which progress is told
MEASURES = ("IoU", "share", "lost", *DOUBTFUL)


@dataclass(frozen=True, slots=True, eq=False)
class SameProposals:
    """N key frames, and what each verifier's choices on them are worth.

    Attributes:
        sequences: [N] the sequence of each key frame.
        by: by verifier.
    """

    sequences: NDArray[np.str_]
    by: Mapping[str, Judged]

    def of(self, names: Collection[str]) -> SameProposals:
        """The key frames of these sequences."""
        rows = np.isin(self.sequences, list(names))
        return SameProposals(self.sequences[rows], {name: one.rows(rows) for name, one in self.by.items()})


def once(key_frames: Iterable[tuple[str, Seen]]) -> list[tuple[str, Evidence]]:
    """Evidence by sequence; what several arms met in the same state, as on their first key frame, counts once."""
    found: dict[tuple[object, ...], tuple[str, Evidence]] = {}
    for name, seen in key_frames:
        e = seen.evidence
        state = (e.since, *(part.tobytes() for part in (e.boxes, e.previous, e.template, e.recent)))
        found.setdefault((name, seen.frame, *state), (name, e))
    return list(found.values())


def judge(
    key_frames: Sequence[tuple[str, Evidence]], verifiers: Mapping[str, Verifier], progress: Progress | None = None
) -> SameProposals:
    """Let every verifier choose on all key frames; only ``oracle`` is shown the truth.

    Args:
        progress: called with choices made, all that are to be made, and the verifier.

    Raises:
        ChatdescError: a verifier fails.
    """
    evidence, by = [e for _, e in key_frames], {}
    steps = Steps(len(evidence) * len(verifiers), progress)
    for name, verifier in verifiers.items():
        parts = (evidence[start : start + TOLD] for start in range(0, len(evidence), TOLD))
        choices: list[Choice] = []
        for part in parts:
            choices += _choices(name, verifier, part)
            steps.add(len(part), f"same proposals: {name}")
        by[name] = Judged.of(evidence, choices)
    return SameProposals(np.array([name for name, _ in key_frames], np.str_), by)


def _choices(name: str, verifier: Verifier, evidence: Sequence[Evidence]) -> list[Choice]:
    shown = evidence if name == ORACLE else [replace(e, truth=None) for e in evidence]
    requests = [Verify(name, e) for e in shown]
    found: list[Choice] = []
    for start in range(0, len(requests), verifier.max_batch):
        for answer in verifier.choose(requests[start : start + verifier.max_batch]):
            if isinstance(answer, Exception):
                raise answer
            found.append(answer)
    return found


def choice_rows(same: SameProposals) -> list[Record]:
    """A row per verifier; shares are those of the gap between random and oracle. None where there is no such frame."""
    return [{"verifier": name, **figures(judged, name)} for name, judged in same.by.items()]


def figures(judged: Judged, name: str) -> Record:
    """What choices are worth: over all key frames with a visible target, where the tracker is lost, and *none*."""
    values = {"IoU": judged.iou(), "share": judged.share(), "lost": judged.share(judged.lost)}
    tells = {"none_auc": judged.none_auc(), "balanced": judged.balanced(), "calibration": judged.calibration()}
    tells = dict.fromkeys(DOUBTFUL, float("nan")) if name in REFERENCES else tells
    return {
        "key_frames": len(judged.chosen),
        **{key: None if np.isnan(value) else value for key, value in (values | tells).items()},
    }


def choice_difference_rows(same: SameProposals, pairs: Sequence[tuple[str, str]]) -> list[Record]:
    """Differences of the figures in ``choice_rows``, with intervals from sequences drawn anew."""
    counts = samples(same.sequences)
    drawn = {name: Drawn.of(same.by[name], same.sequences, counts) for name in dict.fromkeys(chain(*pairs))}
    rows = []
    for before, after in pairs:
        measures = [m for m in MEASURES if before not in REFERENCES or m not in DOUBTFUL]
        counted = sequences_about(same.by[after], same.sequences)
        found = figure_differences(drawn[before], drawn[after], measures, counted)
        rows += [{"before": before, "after": after, **row} for row in found]
    return rows


def attribute_rows(
    same: SameProposals, groups: Mapping[str, Collection[str]], aucs: Mapping[str, Mapping[str, float | None]]
) -> list[Record]:
    """A row per attribute and arm: AUC in closed loop, and the figures on the same proposals.

    Args:
        groups: sequences by attribute.
        aucs: AUC by attribute and arm.
    """
    empty = figures(next(iter(same.of(()).by.values())), "")
    rows = []
    for attribute, names in groups.items():
        part = same.of(names)
        for arm, auc in aucs[attribute].items():
            found = figures(part.by[arm], arm) if arm in part.by else empty
            rows.append({"attribute": attribute, "sequences": len(names), "arm": arm, "AUC": auc, **found})
    return rows
