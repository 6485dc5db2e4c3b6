"""``chatdesc.ablate_verification``: what verification is worth, in closed loop and on the same proposals.

In closed loop each verifier's choice restarts the tracker, so that all that follows differs. Then the key frames of all
arms are put together, and every verifier chooses on all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatdesc.evaluation.ablation_arms import RANDOM, TRAINING_FREE, Ablation
from chatdesc.evaluation.arm_rows import ArmRow
from chatdesc.evaluation.arm_texts import NO_TEXT
from chatdesc.evaluation.compare import UsedGrounder, difference_rows
from chatdesc.evaluation.compare_input import CompareInput
from chatdesc.evaluation.evaluate import Evaluation
from chatdesc.evaluation.same_proposals import (
    REFERENCES,
    SameProposals,
    attribute_rows,
    choice_difference_rows,
    choice_rows,
    judge,
    once,
)
from chatdesc.evaluation.scored_arms import ArmResults, score_arms
from chatdesc.evaluation.tracking import track_pending
from chatdesc.names import counted
from chatdesc.rows.selection import Selection
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import ChatdescError


@dataclass(frozen=True, slots=True)
class AblationResult(Tabular):
    """What verification is worth; shares are fractions, nothing is rounded.

    Attributes:
        dataset, protocol: what was tracked, and whose rules score it.
        grounder: who grounded the text on key frames.
        arms: closed loop, one row per arm; ``table()`` has these.
        differences: paired differences between arms, in closed loop.
        choices: one row per verifier, on the same proposals.
        choice_differences: paired differences between verifiers by sequence, on the same proposals.
        attributes: both by attribute, where the dataset has attributes.
        notes: what a reader must know of the numbers.
        failures: problems of the sequences that this call tracked; where it tracked none, of those tracked before.
    """

    dataset: str
    protocol: str
    grounder: UsedGrounder
    arms: list[Record]
    differences: list[Record]
    choices: list[Record]
    choice_differences: list[Record]
    attributes: list[Record]
    notes: tuple[str, ...]
    failures: tuple[str, ...] = ()

    def records(self) -> list[Record]:
        return self.arms


def ablate_verification(
    run: str | Path,
    root: str | Path | None = None,
    *,
    verifiers: Sequence[str] = (),
    judge: str | None = None,
    protocol: str | None = None,
    tracker: str | None = None,
    encoder: str | None = None,
    sequences: str | None = None,
    limit: int | None = None,
    split: str | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    sequences_in_flight: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
) -> AblationResult:
    """Compare verifiers on a run's refined texts: the tracker alone, random, similarity, ``verifiers``, the oracle.

    Args:
        run: a run's folder.
        root: the dataset's root; None only compares what was tracked before.
        verifiers: ``NAME`` or ``NAME:MODEL@REVISION``; none named takes ``learned``. The run's own takes part, too.
        judge: another grounder than the run's.
        protocol, tracker, encoder, sequences, limit, split, split_file, texts, sequences_in_flight, device:
            as in ``compare``.
        progress: as in ``compare``; then with choices made on the same proposals, all of them, and the verifier.

    Raises:
        ChatdescError: as ``compare``; or no sequence has a key frame.
        Stopped: Ctrl-C while tracking.
    """
    asked = CompareInput.read(Path(run), Selection(split, sequences, limit, split_file), protocol)
    work = Ablation.between(asked.run, asked.open(root, text_root), verifiers, judge, tracker, encoder, device)
    failures = track_pending(work, asked.names, sequences_in_flight, progress)
    return _compared(asked, work, failures, progress)


def _compared(
    asked: CompareInput, work: Ablation, failures: tuple[str, ...], progress: Progress | None
) -> AblationResult:
    """Both tables on the sequences that have all arms."""
    results = ArmResults.of(work, asked)
    arms, names, rows, notes = score_arms(asked, results)
    found = once(work.key_frames(names))
    if not found:
        raise ChatdescError(f"{asked.run}: no sequence has a key frame, so nothing was verified: are they too short?")
    same, pairs = judge(found, work.verifiers, progress), list(_pairs(work.verifiers))
    groups = _groups(results.judged, names)
    return AblationResult(
        asked.dataset,
        asked.rules.name,
        results.grounder,
        rows,
        difference_rows(arms, results.grounder, pairs),
        choice_rows(same),
        choice_difference_rows(same, [pair for pair in pairs if NO_TEXT not in pair]),
        attribute_rows(same, groups, {group: _aucs(arms, of) for group, of in groups.items()}),
        (*notes, _counted(same, names)),
        failures or results.failures,
    )


def _pairs(verifiers: Iterable[str]) -> Iterable[tuple[str, str]]:
    """Each verifier against the tracker alone, a random choice and the training-free verifier."""
    for after in verifiers:
        if after not in REFERENCES:
            yield from ((before, after) for before in (NO_TEXT, RANDOM, TRAINING_FREE) if before != after)


def _groups(rows: Iterable[ArmRow], names: Collection[str]) -> dict[str, frozenset[str]]:
    """Sequences by attribute, in alphabetical order."""
    groups: dict[str, set[str]] = {}
    for row in rows:
        for attribute in row.get("attributes", ()) if row["sequence"] in names else ():
            groups.setdefault(attribute, set()).add(row["sequence"])
    return {attribute: frozenset(of) for attribute, of in sorted(groups.items())}


def _aucs(arms: Mapping[str, Evaluation], names: frozenset[str]) -> dict[str, float | None]:
    scores = {arm: evaluation.overall(names) for arm, evaluation in arms.items()}
    return {arm: score.auc if score else None for arm, score in scores.items()}


def _counted(same: SameProposals, names: Collection[str]) -> str:
    """What the figures on the same proposals rest on."""
    some = next(iter(same.by.values()))
    among = len(set(same.sequences.tolist()))
    return (
        f"same proposals: {counted(len(same.sequences), 'key frame')} of {among} of "
        f"{counted(len(names), 'sequence')}, from the tracks of all arms; the target is visible in "
        f"{int(some.visible.sum())}, the tracker has lost it in "
        f"{int(some.lost.sum())}, none of the proposals is right in {int(some.none.sum())}"
    )
