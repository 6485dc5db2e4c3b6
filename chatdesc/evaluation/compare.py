"""Tables of a comparison: arms that track with no text, the manual and the refined text, on the same sequences.

>>> rows = [{"sequence": "kite-1", "verified": {"refined": [0.5, 0.2, 0.8]}}]
>>> floor, ceiling = verification_rows(rows, {"kite-1"}, UsedGrounder("owlv2"))
>>> floor["reference"], round(floor["difference"], 3), ceiling["reference"], round(ceiling["difference"], 3)
('random', 0.3, 'oracle', -0.3)

The arms are result folders like any tracker's; ``arms.py`` makes them, or another tracker did. Every number rests on
the sequences that all arms have, and every row names its protocol and the grounder on key frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatdesc.evaluation.arm_rows import ArmRow
from chatdesc.evaluation.arm_texts import MANUAL, NO_TEXT, REFINED
from chatdesc.evaluation.evaluate import Evaluation, evaluate_folder
from chatdesc.evaluation.intervals import interval_columns, paired
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.tables import overall_row
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.paired import Interval, compare_pairs
from chatdesc.metrics.protocols import Rules
from chatdesc.names import SHOWN, counted
from chatdesc.rows.schema import Row
from chatdesc.tables import Record
from chatdesc.types import ChatdescError, one_line

SOURCES = (NO_TEXT, MANUAL, REFINED)
PAIRS = (
    (NO_TEXT, MANUAL),
    (NO_TEXT, REFINED),
    (MANUAL, REFINED),
    ("refined-random", REFINED),
    (REFINED, "refined-oracle"),
)


@dataclass(frozen=True, slots=True)
class UsedGrounder:
    """Who grounded texts on key frames; ``selector``: its feedback chose the texts, so it is no judge of them."""

    name: str
    selector: bool = False

    def columns(self) -> Record:
        """Its columns in a table."""
        return {"grounder": self.name, "selector": self.selector}


@dataclass(frozen=True, slots=True)
class ArmProblem:
    """Why a sequence has no track in an arm; without ``arm`` in all of them."""

    arm: str
    reason: str

    def __str__(self) -> str:
        return f"{self.arm}: {self.reason}" if self.arm else self.reason


Problems = Mapping[str, Sequence[ArmProblem]]  # by sequence


def scored(
    folders: Mapping[str, ResultFolder], truths: Mapping[str, Truth], dataset: str, rules: Rules
) -> dict[str, Evaluation]:
    """Every arm under one protocol; a sequence without a result has a line without a score."""
    return {
        arm: replace(evaluate_folder(folder, truths, dataset, rules, "skip"), tracker=arm)
        for arm, folder in folders.items()
    }


def common(
    arms: Mapping[str, Evaluation], problems: Problems | None = None, optional: Collection[str] = ()
) -> tuple[dict[str, Evaluation], list[str]]:
    """The arms on the sequences that all of them have, and notes on what was left out.

    An arm without any result is left out.

    Args:
        problems: reasons for missing sequences, in place of what the arms' own lines say.
        optional: arms that may lack sequences, which the others have all the same.

    Raises:
        ChatdescError: no sequence is in all arms.
    """
    names = {arm: {x.sequence for x in scores.lines if x.score is not None} for arm, scores in arms.items()}
    empty = {arm: next((x.notes for x in arms[arm].lines), ()) for arm, having in names.items() if not having}
    notes = [no_result(arm, "; ".join(why)) for arm, why in empty.items()]
    names = {arm: having for arm, having in names.items() if having}
    needed = {arm: having for arm, having in names.items() if arm not in optional}
    shared = set.intersection(*needed.values()) if needed else set()
    every = [line.sequence for line in next(iter(arms.values())).lines] if arms else []
    in_need = {arm: scores for arm, scores in arms.items() if arm not in optional}
    lost = _lost(in_need, [name for name in every if name not in shared], problems or {})
    if not shared:
        reasons = "".join(f"\n  {line}" for line in notes + lost)
        raise ChatdescError(f"no sequence has a result in every arm, so there is nothing to compare{reasons}")
    if lost:
        gone = len(every) - len(shared)
        of_all = f"of {counted(len(every), 'sequence')}"
        gone_ones = counted(gone, f"{of_all} is not in every arm and is", f"{of_all} are not in every arm and are")
        notes += [f"{gone_ones} left out of all:", *lost]
    kept = {arm: replace(arms[arm], lines=tuple(x for x in arms[arm].lines if x.sequence in shared)) for arm in names}
    return kept, notes


def no_result(arm: str, example: str) -> str:
    """A note on an arm that no sequence has."""
    return f"the arm {arm} has no result, for instance: {example}"


def _lost(arms: Mapping[str, Evaluation], names: list[str], problems: Problems) -> list[str]:
    """A line for each of the sequences, at most SHOWN: the arms in which it has no result, and why."""
    shown: dict[str, list[ArmProblem]] = {name: [] for name in names[:SHOWN]}
    for arm, scores in arms.items():
        for line in scores.lines:
            if line.sequence in shown and line.score is None:
                shown[line.sequence].append(ArmProblem(arm, "; ".join(line.notes)))
    more = [f"... and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return [f"{name}: {'; '.join(map(str, problems.get(name) or own))}" for name, own in shown.items()] + more


def arm_rows(
    arms: Mapping[str, Evaluation],
    grounder: UsedGrounder,
    count: int | None = None,
    names: Iterable[str] | None = None,
) -> list[Record]:
    """One row per arm: means over the same sequences, as fractions.

    Args:
        count: how many sequences were asked for; None: those that the arms have.
        names: arms that have a row in any case, without numbers if they have no result.
    """
    some_arm = next(iter(arms.values()))
    asked = len(some_arm.lines) if count is None else count
    empty = replace(some_arm, lines=())
    rows = []
    for arm in arms if names is None else names:
        scores = arms.get(arm, empty)
        mean = overall_row(scores)
        by = UsedGrounder("-") if arm == NO_TEXT else grounder
        rows.append(
            {"arm": arm, **by.columns(), "protocol": some_arm.rules.name}
            | {"sequences": f"{scores.counted()[0]}/{asked}"}
            | {key: mean[key] for key in ("AUC", "P", "PNorm", "OP50", "notes")}
        )
    return rows


def difference_rows(
    arms: Mapping[str, Evaluation], grounder: UsedGrounder, pairs: Iterable[tuple[str, str]] = PAIRS
) -> list[Record]:
    """Paired differences of AUC, P and PNorm (as the protocol defines them) between arms, with 95 % intervals."""
    rows = []
    for before, after in pairs:
        if before not in arms or after not in arms:
            continue
        values = zip(_values(arms[before]), _values(arms[after]), strict=True)
        for measure, (a, b) in zip(("AUC", "P", "PNorm"), values, strict=True):
            rows.append(
                {"before": before, "after": after, "measure": measure, **grounder.columns()}
                | {"protocol": arms[after].rules.name}
                | interval_columns(compare_pairs(a, b))
            )
    return rows


def _values(scores: Evaluation) -> list[list[float]]:
    """AUC, P and PNorm of all sequences, a list each."""
    known = [line.score for line in scores.lines if line.score is not None]
    values = [(score.auc, score.precision_score, score.norm_precision_score) for score in known]
    return [list(column) for column in zip(*values, strict=True)]


def verification_rows(rows: Iterable[ArmRow], names: Collection[str], grounder: UsedGrounder) -> list[Record]:
    """Mean IoU of the proposal chosen on key frames, of a random one (floor) and of the best one (ceiling)."""
    by_arm, table = [row["verified"] for row in rows if row["sequence"] in names], []
    for arm in (MANUAL, REFINED):
        known = [verified[arm] for verified in by_arm if _was_verified(verified, arm)]
        if not known:
            continue
        chosen, floor, ceiling = zip(*known, strict=True)
        for reference, values in (("random", floor), ("oracle", ceiling)):
            table.append(
                {"arm": arm, **grounder.columns(), "reference": reference}
                | _means("reference_iou", "chosen_iou", paired(zip(values, chosen, strict=True)))
            )
    return table


def _means(before: str, after: str, gap: Interval) -> Record:
    """Both means under these names, and the columns of their difference."""
    return {before: gap.before, after: gap.after} | interval_columns(gap)


def _was_verified(verified: Mapping[str, list[float | None]], arm: str) -> bool:
    return (verified.get(arm) or [None])[0] is not None


def same_texts(rows: Iterable[Row], names: Collection[str], arms: Mapping[str, Evaluation]) -> list[str]:
    """How many of the sequences have the same text in both arms, and whether their tracks are the same too."""
    same = {row["sequence"] for row in rows if row["sequence"] in names and _kept_manual(row)}
    if not same:
        return []
    kept = f"{len(same)} of {counted(len(names), 'sequence')} kept the manual text"
    scores = [{x.sequence: x.score for x in arms[arm].lines} for arm in (MANUAL, REFINED) if arm in arms]
    if len(scores) < 2:
        return [kept]
    values = [[(s.auc, s.precision_score) for n, s in of.items() if n in same and s is not None] for of in scores]
    differ = sum(a != b for a, b in zip(*values, strict=True))
    if not differ:
        return [f"{kept}: both arms are the same there"]
    return [f"{kept}; the results of both arms differ on {differ} of them all the same, which no text accounts for"]


def _kept_manual(row: Row) -> bool:
    return one_line(row["manual_text"] or "") == row["text"] and not row["ranges"]


def never_verified(
    rows: Iterable[Row], judged: Iterable[ArmRow], names: Collection[str], ground_every: int
) -> list[str]:
    """A note on sequences without any verified proposal, whose texts had no part in their tracks."""
    kept = [row for row in judged if row["sequence"] in names]
    without = {row["sequence"] for row in kept if not _was_verified(row["verified"], REFINED)}
    if not without:
        return []
    short = sum((row["num_frames"] or 0) <= ground_every for row in rows if row["sequence"] in without)
    note = f"{len(without)} of {counted(len(kept), 'sequence')} had no proposal verified in any frame"
    if short:
        too_short = counted(short, "of them is", "of them are")
        note += f" ({too_short} too short for a key frame, --ground-every {ground_every})"
    if len(without) < len(kept):
        return [f"{note}: there the texts had no part in the tracks"]
    return [f"warning: {note}: the texts had no part in the tracks, so equal arms say nothing of them"]


TRACKED = ("track", "track_test_split")  # scopes of texts that were chosen by the ground truth of their own tracks


def later_frames(rows: Iterable[Row], names: Collection[str], settings: Mapping[str, Any]) -> list[str]:
    """A note where texts were chosen with more than the first frame's box, which a tracker under test may not see."""
    asked = [row for row in rows if row["sequence"] in names]
    scopes = Counter(row["scope"] or "unknown" for row in asked)
    ranged = sum(row["scope"] == "range" or (row["scope"] in TRACKED and bool(row["ranges"])) for row in asked)
    notes = []
    if ranged:
        of_all = f"of {counted(len(names), 'sequence')}"
        notes.append(
            f"{counted(ranged, f'{of_all} has', f'{of_all} have')} a text per range "
            f"(--every {settings['every']}), each "
            "chosen with ground-truth boxes of its own frames, so a tracker is told of later frames"
        )
    if scopes["video"] or (scopes["range"] and settings["feedback"] != "first"):
        notes.append(
            f"the texts were chosen with boxes of later frames of these very sequences "
            f"(--feedback {settings['feedback']})"
        )
    if tracked := sum(scopes[scope] for scope in TRACKED):
        notes.append(
            f"{counted(tracked, 'text was', 'texts were')} chosen by what tracking gained from them, with ground-truth "
            f"boxes of these very sequences (--feedback {settings['feedback']}): their tracks have seen the answers"
        )
    if scopes["self"]:
        notes.append(
            f"{counted(scopes['self'], 'text was', 'texts were')} chosen by tracks over later frames "
            f"(--feedback {settings['feedback']}), without their ground truth"
        )
    return notes
