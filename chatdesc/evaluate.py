"""``chatdesc evaluate``: trackers' result folders scored under a named protocol.

>>> truths = read_truths(chatdesc.load("lasot", root, split="test"))                          # doctest: +SKIP
>>> one = evaluate(ResultFolder("results/mine"), truths, "lasot", PROTOCOLS["lasot"])          # doctest: +SKIP
>>> overall_row(one)["AUC"]                                                                   # doctest: +SKIP
0.4902

The arithmetic is ``metrics/ope.py``; here results meet their sequences. Whatever had to be mended, was refused or is
missing is said: in a note of the sequence, and in how many sequences a number rests on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.ope import Score, mean_score, score_sequence
from chatdesc.metrics.protocols import PROTOCOLS, Rules
from chatdesc.results import Found, ResultFolder, parse_results
from chatdesc.types import ChatdescError

Floats = NDArray[np.float64]
Row = dict[str, Any]
Missing = Literal["skip", "zero", "error"]

# The protocol of those who published the dataset.
OWN = {"lasot": "lasot", "lasot_ext": "lasot", "tnl2k": "tnl2k", "otb-lang": "otb", "synthetic": "lasot"}
MEASURES = ("AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75")
PERCENT = (*MEASURES, "P", "PNorm")
CHUNK = 64  # files parsed in one call
SHOWN = 5  # names in a message


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A sequence's boxes [N, 4] xywh and visibility [N], None where that is not known."""

    boxes: Floats
    visible: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One sequence of one tracker. Without a score it is missing or was refused; ``notes`` say why."""

    sequence: str
    score: Score | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One tracker under one protocol: a line per sequence, in the dataset's order."""

    tracker: str
    rules: Rules
    lines: tuple[Line, ...]
    missing: Missing

    def overall(self, names: frozenset[str] | None = None) -> Score | None:
        """The mean over the sequences (of ``names``), None where none was scored."""
        lines = [line for line in self.lines if names is None or line.sequence in names]
        scores = [line.score for line in lines if line.score is not None]
        if not scores:
            return None
        mean = mean_score(scores, self.rules)
        if self.missing != "zero" or len(scores) == len(lines):
            return mean
        # Zeros by weight: as curves of their own some protocols would leave them out of the mean again.
        share = len(scores) / len(lines)
        success, precision, norm = mean.success * share, mean.precision * share, mean.norm_precision * share
        return replace(mean, success=success, precision=precision, norm_precision=norm)

    def rests_on(self, names: frozenset[str] | None = None) -> str:
        """How many sequences the mean rests on, of how many: ``98/100``."""
        lines = [line for line in self.lines if names is None or line.sequence in names]
        count = len(lines) if self.missing == "zero" else sum(line.score is not None for line in lines)
        return f"{count}/{len(lines)}"


def rules_for(dataset: str, protocol: str | None) -> tuple[Rules, str]:
    """The rules asked for, or the dataset's own; and a warning where they are not the dataset's own.

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


def about_flags(dataset: str, truths: dict[str, Truth], rules: Rules | None) -> list[str]:
    """A line where a protocol reads no marks of absence from a dataset that has them."""
    if rules is None or rules.on(dataset).absent_is_miss or all(t.visible is None for t in truths.values()):
        return []
    return [f"{rules.name} reads no marks of absence on {dataset}: absent frames are scored as they stand"]


def read_truths(dataset: Any) -> dict[str, Truth]:
    """Boxes and visibility of all sequences.

    Raises:
        ChatdescError: a sequence has no boxes.
    """
    truths: dict[str, Truth] = {}
    for annotation in dataset.annotations():
        if not len(annotation.boxes):
            raise ChatdescError(f"{annotation.name}: its ground truth cannot be read, or is empty")
        visible = annotation.visible
        truths[annotation.name] = Truth(np.asarray(annotation.boxes, np.float64), visible)
    return truths


def compare_protocols(
    folder: ResultFolder, truths: dict[str, Truth], dataset: str, missing: Missing = "error"
) -> list[Row]:
    """``overall_row`` under every protocol; one that refuses the results has no numbers and says why.

    Raises:
        ChatdescError: no protocol can score them.
    """
    rows, last = [], None
    for name, rules in PROTOCOLS.items():
        try:
            rows.append(overall_row(evaluate(folder, truths, dataset, rules, missing)))
        except ChatdescError as error:
            last, why = error, str(error).splitlines()
            empty = dict.fromkeys((*MEASURES, "P", "PNorm"))
            notes = why[1].strip() if len(why) > 1 else why[0]
            rows.append({"tracker": folder.name, "protocol": name, "sequences": "-", **empty, "notes": notes})
    if last is not None and not any(row["AUC"] is not None for row in rows):
        raise last
    return rows


def evaluate(
    folder: ResultFolder,
    truths: dict[str, Truth],
    dataset: str,
    rules: Rules,
    missing: Missing = "error",
    on_sequence: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Score a tracker's results.

    Args:
        missing: a sequence without a result, or with one that is refused, is left out (``skip``), counts as nothing
            but misses (``zero``), or is an ``error``.
        on_sequence: called after each.

    Raises:
        ChatdescError: nothing matches, or a result is missing or refused and that is an error.
    """
    names, found = list(truths), folder.match(list(truths))
    here = rules.on(dataset)
    lines: list[Line] = []
    for start in range(0, len(names), CHUNK):
        for line in _chunk(folder, names[start : start + CHUNK], found, truths, here):
            lines.append(line)
            on_sequence()
    lost = [line for line in lines if line.score is None]
    if lost and missing == "error":
        shown = "\n  ".join("; ".join(line.notes) for line in lost[:SHOWN])
        more = f"\n  ... and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        raise ChatdescError(
            f"{folder.name}: {len(lost)} of {len(lines)} sequences have no result that {rules.name} can score:"
            f"\n  {shown}{more}\n--missing skip leaves them out, --missing zero counts them as misses"
        )
    return Evaluation(folder.name, here, tuple(lines), missing)


def _chunk(
    folder: ResultFolder, names: list[str], found: dict[str, Found], truths: dict[str, Truth], rules: Rules
) -> Iterator[Line]:
    data = {n: folder.read(found[n].path) for n in names if n in found and not found[n].error}
    readable = {name: content for name, content in data.items() if content is not None}
    parsed = dict(zip(readable, parse_results(list(readable.values())), strict=True))
    for name in names:
        place = f"{folder.path}/{found[name].path}" if name in found else folder.path
        if name not in found:
            yield Line(name, None, (f"{place}: there is no {name}.txt",))
        elif name not in parsed:
            yield Line(name, None, (found[name].error or f"{place}: cannot be read",))
        elif parsed[name].error:
            separator = ":" if parsed[name].error[0].isdigit() else ": "
            yield Line(name, None, (f"{place}{separator}{parsed[name].error}",))
        else:
            yield _score(name, place, parsed[name].boxes, truths[name], rules, found[name].notes)


def _score(name: str, place: str, track: Floats, truth: Truth, rules: Rules, notes: tuple[str, ...]) -> Line:
    said = [*notes]
    truth, moved = _from_start(name, len(track), truth, rules)
    track, mended = _one_short(track, truth.boxes, rules)
    said += [note for note in (moved, mended) if note]
    try:
        score = score_sequence(track, truth.boxes, truth.visible, rules)
    except ValueError as error:
        return Line(name, None, (*said, f"{place}: {error}"))
    return Line(name, score, (*said, *_counts(score, int(np.isnan(track).any(1).sum()))))


def _from_start(name: str, rows: int, truth: Truth, rules: Rules) -> tuple[Truth, str]:
    first = rules.starts.get(name.lower(), 1)
    if first == 1 or rows != len(truth.boxes) - first + 1:
        return truth, ""
    visible = None if truth.visible is None else truth.visible[first - 1 :]
    return Truth(truth.boxes[first - 1 :], visible), f"starts at frame {first}, as {rules.name} has it"


def _one_short(track: Floats, truth: Floats, rules: Rules) -> tuple[Floats, str]:
    """A result that lacks one row: its first, unless it begins with the true box."""
    if rules.short != "refused" or len(track) != len(truth) - 1 or not len(track):
        return track, ""
    if np.abs(track[0] - truth[0]).max() <= 1:  # trackers that write whole pixels
        blank = np.concatenate([track, np.zeros((1, 4))])
        return blank, "one row short: the last frame has no box"
    return np.concatenate([truth[:1], track]), "one row short: the given box was put before the first row"


def _counts(score: Score, not_numbers: int) -> list[str]:
    said = []
    if score.repaired:
        said.append(f"{score.repaired} boxes without a size or a number took the one before")
    elif not_numbers:
        said.append(f"{not_numbers} rows with NaN are misses")
    if score.cut:
        said.append(f"{score.cut} surplus rows were cut")
    if score.lacking:
        filled = {"zeros": "filled up with empty boxes", "truth is cut": "left out of the denominator"}
        said.append(f"{score.lacking} rows short: {filled.get(score.rules.short, 'counted as misses')}")
    return said


def measures(score: Score | None) -> Row:
    """The columns of MEASURES as fractions; None throughout where there is no score."""
    if score is None:
        return dict.fromkeys(MEASURES)
    values = (
        score.auc,
        score.precision_at_20,
        score.norm_precision_at_20,
        score.norm_precision_auc,
        score.op50,
        score.op75,
    )
    return dict(zip(MEASURES, values, strict=True))


def overall_row(one: Evaluation) -> Row:
    """Tracker, protocol, the mean's columns, what the protocol itself calls P and P_Norm, and what there is to know."""
    score = one.overall()
    own = {"P": score and score.precision_score, "PNorm": score and score.norm_precision_score}
    return {
        "tracker": one.tracker,
        "protocol": one.rules.name,
        "sequences": one.rests_on(),
        **measures(score),
        **own,
        "notes": "; ".join(overall_notes(one)),
    }


def overall_notes(one: Evaluation) -> list[str]:
    """Counts of what was mended, missing or left out."""
    scores = [line.score for line in one.lines if line.score is not None]
    lost = len(one.lines) - len(scores)
    said = [f"{lost} sequences without a score count as misses" if one.missing == "zero" else f"{lost} left out"]
    noted = sum(bool(line.notes) for line in one.lines if line.score is not None)
    hopeless = Counter(
        what
        for score in scores
        for what, curve in (("success", score.success), ("precision", score.precision))
        if one.rules.drop_zero_curves and curve.sum() <= np.finfo(np.float64).eps
    )
    return [
        *(said if lost else []),
        *([f"sequences with a note: {noted}"] if noted else []),
        *(f"{count} without any {what} are no part of its mean" for what, count in hopeless.items()),
    ]


def sequence_rows(one: Evaluation) -> list[Row]:
    """One row per sequence, as fractions, with its notes."""
    return [
        {
            "tracker": one.tracker,
            "sequence": line.sequence,
            **measures(line.score if line.score is not None or one.missing != "zero" else _nothing(one.rules)),
            "protocol": one.rules.name,
            "frames": line.score.frames if line.score else 0,
            "notes": "; ".join(line.notes),
        }
        for line in one.lines
    ]


def _nothing(rules: Rules) -> Score:
    zeros = (np.zeros(len(t)) for t in (rules.success_thresholds, rules.precision_thresholds, rules.norm_thresholds))
    success, precision, norm = zeros
    return Score(rules, success, precision, norm, frames=0)


def group_rows(one: Evaluation, groups: dict[str, frozenset[str]]) -> list[Row]:
    """One row per group of sequences: an attribute or a category."""
    return [
        {
            "tracker": one.tracker,
            "group": group,
            "protocol": one.rules.name,
            "sequences": one.rests_on(names),
            **measures(one.overall(names)),
        }
        for group, names in groups.items()
    ]


def groups_of(dataset: Any, by: str) -> dict[str, frozenset[str]]:
    """Names of sequences per attribute or category.

    Raises:
        ChatdescError: the dataset has none.
    """
    found: dict[str, set[str]] = {}
    for name in dataset.names:
        sequence = dataset[name]
        category = [sequence.category] if sequence.category else []
        has = category if by == "category" else [a for a, yes in sequence.attributes.items() if yes]
        for group in has:
            found.setdefault(group, set()).add(name)
    if not found:
        raise ChatdescError(f"{dataset.root}: no sequence has an {by}; choose another --by".replace("an cat", "a cat"))
    return {group: frozenset(names) for group, names in sorted(found.items())}


def shown(rows: list[Row]) -> list[Row]:
    """Rows for a terminal: shares in per cent, the area that TrackingNet calls precision only where it is asked for."""
    area = any(row["protocol"] == "trackingnet" for row in rows)
    # Beside that column there is no room for the last one on 80 characters.
    left = {"notes", "PNorm", "frames", "OP75" if area else "P"}
    return [{k: percent(v) if k in PERCENT else v for k, v in row.items() if k not in left} for row in rows]


def write(rows: dict[str, list[Row]], folder: Path) -> list[Path]:
    """``STEM.csv`` with every digit and ``STEM.md`` in per cent, for each stem."""
    from chatdesc.report import write_table

    return [path for stem, table in rows.items() for path in write_table(table, folder, stem, percent)]


def percent(value: Any) -> str:
    """A share as a table shows it: in per cent, ``-`` where there is none; other values as they are."""
    return "-" if value is None else f"{100 * value:.2f}" if isinstance(value, float) else str(value)
