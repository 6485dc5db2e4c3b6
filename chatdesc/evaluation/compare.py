"""What a text is worth: tracking without a text, with the manual and with the refined one, on the same sequences.

>>> arms = scored({"no-text": ResultFolder("a"), "refined": ResultFolder("b")}, truths, "lasot", rules)
... # doctest: +SKIP
>>> kept, left_out = common(arms)                                                            # doctest: +SKIP
>>> difference_rows(kept)[0]                                                                  # doctest: +SKIP
{'before': 'no-text', 'after': 'refined', 'measure': 'AUC', 'sequences': 70, 'difference': 0.031, 'low': 0.012, ...}

The arms are result folders like any tracker's; ``compare_tracks.py`` makes them, or another tracker did. Every number
rests on the sequences that all arms have, and every row names its protocol and who grounded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from chatdesc.evaluation.alignment import alignment_rows
from chatdesc.evaluation.evaluate import Evaluation, Truth, evaluate
from chatdesc.evaluation.results import ResultFolder
from chatdesc.evaluation.tables import PERCENT, overall_row
from chatdesc.metrics.alignment import Interval, known_mean, paired_bootstrap
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import Rules
from chatdesc.rows.schema import slim
from chatdesc.rows.store import Store
from chatdesc.tables import Record, percent, show
from chatdesc.types import ChatdescError, one_line

NO_TEXT, MANUAL, REFINED = "no-text", "manual", "refined"
SOURCES = (NO_TEXT, MANUAL, REFINED)
PAIRS = (
    (NO_TEXT, MANUAL),
    (NO_TEXT, REFINED),
    (MANUAL, REFINED),
    ("refined-random", REFINED),
    (REFINED, "refined-oracle"),
)
PART = "took part in choosing"
SHOWN = 5  # names in a message
SELECTED = " (chose the texts)"


def read_run(run: Path, names: Collection[str] | None = None) -> tuple[list[Record], dict[str, Truth]]:
    """A run's rows that have a text (of ``names``), without what grows with frames, and their ground truth.

    Raises:
        ChatdescError: there is none.
    """
    store = Store(run)
    rows, truths = [], {}
    for row in store.rows(store.names()):
        if row["text"] is not None and (names is None or row["sequence"] in names):
            boxes = np.asfortranarray(row["boxes"], np.float64).reshape(-1, 4, order="A")
            truths[row["sequence"]] = Truth(boxes, np.asarray(row["visible"], np.bool_) if row["visible"] else None)
            rows.append(slim(row))
    if not rows:
        among = f" among the {len(names)} asked for" if names else ""
        raise ChatdescError(f"{run} has no sequence with a text yet{among}; run `chatdesc annotate` first")
    return rows, truths


def external(specs: Iterable[str]) -> dict[str, ResultFolder]:
    """``DIR=manual``, ``DIR=refined`` and ``DIR=no-text`` as folders by arm.

    Raises:
        ChatdescError: another name, a name twice, or one of the two texts without results.
    """
    folders: dict[str, ResultFolder] = {}
    for spec in specs:
        name = spec.rpartition("=")[2] if "=" in spec else ""
        if name not in SOURCES or name in folders:
            wrong = f"{name} is named twice" if name in folders else f"{spec} does not say which text it was made with"
            raise ChatdescError(f"{wrong}: --results DIR=manual --results DIR=refined --results DIR=no-text")
        folders[name] = ResultFolder(spec)
    for text in (MANUAL, REFINED):
        if text not in folders:
            raise ChatdescError(f"the results with the {text} text are missing: add --results DIR={text}")
    return {name: folders[name] for name in SOURCES if name in folders}


def scored(
    folders: dict[str, ResultFolder], truths: dict[str, Truth], dataset: str, rules: Rules
) -> dict[str, Evaluation]:
    """Every arm under one protocol; a sequence without a result has a line that says so."""
    return {
        arm: replace(evaluate(folder, truths, dataset, rules, "skip"), tracker=arm) for arm, folder in folders.items()
    }


def common(
    arms: dict[str, Evaluation], why: Mapping[str, list[str]] | None = None
) -> tuple[dict[str, Evaluation], list[str]]:
    """The arms on the sequences that all of them have, and what was left out. Arms without any result are left out.

    Args:
        why: per sequence what is said where it is left out, instead of what the arms' own lines say.

    Raises:
        ChatdescError: no sequence is in all arms.
    """
    names = {arm: {x.sequence for x in one.lines if x.score is not None} for arm, one in arms.items()}
    empty = {arm: next((x.notes for x in arms[arm].lines), ()) for arm, there in names.items() if not there}
    said = [f"the arm {arm} has no result, for instance: {'; '.join(notes)}" for arm, notes in empty.items()]
    names = {arm: there for arm, there in names.items() if there}
    shared = set.intersection(*names.values()) if names else set()
    every = [line.sequence for line in next(iter(arms.values())).lines] if arms else []
    lost = _lost(arms, [name for name in every if name not in shared], why or {})
    if not shared:
        reasons = "".join(f"\n  {line}" for line in said + lost)
        raise ChatdescError(f"no sequence has a result in every arm, so there is nothing to compare{reasons}")
    if lost:
        gone = len(every) - len(shared)
        said += [f"{gone} of {len(every)} sequences are not in every arm and are left out of all:", *lost]
    kept = {arm: replace(arms[arm], lines=tuple(x for x in arms[arm].lines if x.sequence in shared)) for arm in names}
    return kept, said


def _lost(arms: dict[str, Evaluation], names: list[str], why: Mapping[str, list[str]]) -> list[str]:
    """A line for each of the sequences, at most SHOWN: in which arm it has no result, and why."""
    shown = set(names[:SHOWN])
    notes: dict[str, list[str]] = {name: [] for name in names[:SHOWN]}
    for arm, one in arms.items():
        for line in one.lines:
            if line.sequence in shown and line.score is None:
                notes[line.sequence].append(f"{arm}: {'; '.join(line.notes)}")
    more = [f"... and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return [f"{name}: {'; '.join(why.get(name) or said)}" for name, said in notes.items()] + more


def arm_rows(
    arms: dict[str, Evaluation], grounder: str, count: int | None = None, names: Iterable[str] | None = None
) -> list[Record]:
    """One row per arm: means over the same sequences, as fractions.

    Args:
        count: how many sequences were asked for; None: those that the arms have.
        names: arms that have a row in any case, without numbers if they have no result.
    """
    some_arm = next(iter(arms.values()))
    of = len(some_arm.lines) if count is None else count
    empty = replace(some_arm, lines=())
    rows = []
    for arm in arms if names is None else names:
        row = overall_row(arms.get(arm, empty))
        rows.append(
            {"arm": arm, "grounder": "-" if arm == NO_TEXT else grounder, "protocol": some_arm.rules.name}
            | {"sequences": f"{row['sequences'].partition('/')[0]}/{of}"}
            | {k: row[k] for k in ("AUC", "P", "PNorm", "OP50")}
            | {"notes": row["notes"]}
        )
    return rows


def difference_rows(arms: dict[str, Evaluation], grounder: str = "-") -> list[Record]:
    """Paired differences of AUC, P and PNorm (as the protocol defines them) between arms, with 95 % intervals."""
    rows = []
    for before, after in PAIRS:
        if before not in arms or after not in arms:
            continue
        for measure, (a, b) in _values(arms[before], arms[after]).items():
            rows.append(
                {"before": before, "after": after, "measure": measure, "grounder": grounder}
                | {"protocol": arms[after].rules.name}
                | _interval(paired_bootstrap(a, b))
            )
    return rows


def _values(before: Evaluation, after: Evaluation) -> dict[str, tuple[list[float], list[float]]]:
    def of(one: Evaluation) -> list[tuple[float, float, float]]:
        scores: list[Score] = [line.score for line in one.lines if line.score is not None]
        return [(s.auc, s.precision_score, s.norm_precision_score) for s in scores]

    a, b = list(zip(*of(before), strict=True)), list(zip(*of(after), strict=True))
    return {name: (list(a[k]), list(b[k])) for k, name in enumerate(("AUC", "P", "PNorm"))}


def _interval(gap: Interval) -> Record:
    return {
        "sequences": gap.count, "difference": gap.mean, "low": gap.low, "high": gap.high,
        "better": gap.better, "worse": gap.worse,
    }  # fmt: skip


def verification_rows(rows: Iterable[Record], names: set[str], grounder: str) -> list[Record]:
    """Mean IoU of the proposal chosen on key frames, of a random one (floor) and of the best one (ceiling)."""
    kept, found = [r for r in rows if r["sequence"] in names], []
    for arm in (MANUAL, REFINED):
        known = [r["verified"][arm] for r in kept if (r["verified"].get(arm) or [None])[0] is not None]
        if not known:
            continue
        chosen, floor, ceiling = zip(*known, strict=True)
        for name, values in (("random", floor), ("oracle", ceiling)):
            found.append(
                {"arm": arm, "grounder": grounder, "reference": name}
                | {"reference_iou": known_mean(values), "chosen_iou": known_mean(chosen)}
                | _interval(paired_bootstrap(values, chosen))
            )
    return found


def judge_rows(rows: list[Record], names: set[str], judged: Iterable[Record] = (), judge: str = "") -> list[Record]:
    """What others say of the two texts, and whether they took part in choosing.

    Args:
        rows: the run's; their grounding is by the grounder that chose, their alignment by encoders.
        judged: rows with the grounding of another grounder, ``judge``.
    """
    kept = [row for row in rows if row["sequence"] in names]
    selector = next((r["grounding"]["grounder"] for r in kept if r["grounding"]), "")
    pairs = [(r["grounding"]["manual_iou"], r["grounding"]["iou"]) for r in kept if r["grounding"]]
    found = [_judged(selector, "grounding IoU", "yes: it chose the texts", pairs)] if pairs else []
    if judge:
        pairs = [(r["grounding"].get(MANUAL), r["grounding"].get(REFINED)) for r in judged if r["sequence"] in names]
        found.append(_judged(judge, "grounding IoU", "no", pairs))
    for row in alignment_rows(kept):
        family = row["encoder"].partition(":")[0] == selector.partition(":")[0]
        part = "partly: the same measurements" if family else "no"
        numbers = {
            k: row[k] for k in ("manual", "refined", "sequences", "difference", "low", "high", "better", "worse")
        }
        found.append({"judge": row["encoder"], "measure": row["measure"], PART: part} | numbers)
    return found


def _judged(judge: str, measure: str, part: str, pairs: list[tuple[float | None, float | None]]) -> Record:
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    gap = paired_bootstrap([a for a, _ in both], [b for _, b in both])
    return (
        {"judge": judge, "measure": measure, PART: part}
        | {"manual": known_mean(a for a, _ in both), "refined": known_mean(b for _, b in both)}
        | _interval(gap)
    )


def same_texts(rows: Iterable[Record], names: set[str], arms: dict[str, Evaluation]) -> list[str]:
    """How many of the sequences have the same text in both arms, and whether their tracks are the same too."""
    same = {row["sequence"] for row in rows if row["sequence"] in names and _kept_manual(row)}
    if not same:
        return []
    said = f"{len(same)} of {len(names)} sequences kept the manual text"
    found = [{x.sequence: x.score for x in arms[arm].lines} for arm in (MANUAL, REFINED) if arm in arms]
    if len(found) < 2:
        return [said]
    values = [[(s.auc, s.precision_score) for n, s in of.items() if n in same and s is not None] for of in found]
    differ = sum(a != b for a, b in zip(*values, strict=True))
    if not differ:
        return [f"{said}: both arms are the same there"]
    return [f"{said}; the results of both arms differ on {differ} of them all the same, which no text accounts for"]


def _kept_manual(row: Record) -> bool:
    return one_line(row["manual_text"] or "") == row["text"] and not row["ranges"]


def never_verified(rows: Iterable[Record], judged: Iterable[Record], names: set[str], ground_every: int) -> list[str]:
    """What is to be said where language had no say: sequences without any proposal verified."""
    kept = [row for row in judged if row["sequence"] in names]
    without = {row["sequence"] for row in kept if (row["verified"].get(REFINED) or [None])[0] is None}
    if not without:
        return []
    short = sum(row["num_frames"] <= ground_every for row in rows if row["sequence"] in without)
    said = f"{len(without)} of {len(kept)} sequences had no proposal verified in any frame"
    said += f" ({short} of them are too short for a key frame, --ground-every {ground_every})" if short else ""
    if len(without) < len(kept):
        return [f"{said}: there the texts had no part in the tracks"]
    return [f"warning: {said}: the texts had no part in the tracks, so equal arms say nothing of them"]


def shown_arms(rows: list[Record]) -> list[Record]:
    """Rows of arms for a terminal: shares in per cent; the title says who grounded, and under which protocol."""
    hidden = ("grounder", "protocol", "notes")
    return [{k: percent(v) if k in PERCENT else v for k, v in row.items() if k not in hidden} for row in rows]


def shown_differences(rows: list[Record], scale: float = 100.0, digits: int = 2) -> list[Record]:
    """Rows with an interval for a terminal: the gain and its interval in one cell."""
    hidden = {"difference", "low", "high", "better", "worse", "sequences", "grounder", "protocol"}
    plain = [{k: _number(v, digits) for k, v in row.items() if k not in hidden} for row in rows]
    return [
        short
        | {"n": str(row["sequences"]), "gain (95 %)": _gain(row, scale, digits)}
        | {"better/ worse": f"{row['better']}/{row['worse']}" if row["low"] is not None else "-"}
        for short, row in zip(plain, rows, strict=True)
    ]


def shown_verification(rows: list[Record]) -> list[Record]:
    """Verification for a terminal, under short headings."""
    short = {"reference_iou": "its IoU", "chosen_iou": "chosen"}
    return shown_differences([{short.get(k, k): v for k, v in row.items()} for row in rows], 1, 3)


def shown_judges(rows: list[Record]) -> list[Record]:
    """Judges for a terminal: ``chose`` is yes, partly or no."""
    short = [
        {("chose" if k == PART else k): v.partition(":")[0] if k == PART else v for k, v in row.items()} for row in rows
    ]
    return shown_differences(short, 1, 2)


def _gain(row: Record, scale: float, digits: int) -> str:
    gain, low, high = (row[k] for k in ("difference", "low", "high"))
    if gain is None or np.isnan(gain):
        return "-"
    return f"{scale * gain:+.{digits}f} ({scale * low:.{digits}f}..{scale * high:.{digits}f})"


def _number(value: Any, digits: int) -> str:
    return show(value, digits) if isinstance(value, float) or value is None else str(value)
