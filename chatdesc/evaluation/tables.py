"""Tables of an evaluation: rows as fractions, and the same in per cent for a terminal and for LaTeX.

>>> from chatdesc.metrics.protocols import PROTOCOLS
>>> rules = PROTOCOLS["lasot"]
>>> missed = Evaluation("mine", rules, (SequenceScore("kite-1", None, ("there is no kite-1.txt",)),), "skip")
>>> row = overall_row(missed)
>>> row["sequences"], row["AUC"], row["notes"]
('0/1', None, ('1 left out',))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal

import numpy as np

from chatdesc.evaluation.evaluate import Evaluation, Refused, SequenceScore, no_hits
from chatdesc.loaders.base import Dataset
from chatdesc.metrics.ope import Score, measure_many
from chatdesc.metrics.protocols import Rules
from chatdesc.names import counted
from chatdesc.tables import Record, percent
from chatdesc.types import ChatdescError

MEASURES = ("AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75")
PERCENT = (*MEASURES, "P", "PNorm")
SPARE = ("OP75", "OP50", "PNormAUC")  # left out in turn where a terminal is narrow
HEADINGS = {"sequences": "seqs"}


def measures(score: Score | None) -> Record:
    """The columns of MEASURES as fractions; None throughout where there is no score."""
    return dict.fromkeys(MEASURES) if score is None else _measures([score])[0]


def _measures(scores: Sequence[Score]) -> list[Record]:
    """The columns of MEASURES of scores by one protocol."""
    return [dict(zip(MEASURES, row, strict=True)) for row in measure_many(scores).tolist()] if scores else []


def overall_row(evaluation: Evaluation) -> Record:
    """Tracker, protocol, the mean's columns, what the protocol itself calls P and PNorm, and notes as a tuple."""
    score = evaluation.overall()
    own = {"P": score and score.precision_score, "PNorm": score and score.norm_precision_score}
    return {
        "tracker": evaluation.tracker,
        "protocol": evaluation.rules.name,
        "sequences": rests_on(evaluation),
        **measures(score),
        **own,
        "notes": overall_notes(evaluation),
    }


def rests_on(evaluation: Evaluation, names: frozenset[str] | None = None) -> str:
    """How many sequences (of ``names``) the mean rests on, of how many: ``98/100``."""
    return "{}/{}".format(*evaluation.counted(names))


def protocol_rows(tracker: str, rules: Sequence[Rules], scored: Sequence[Evaluation | Refused]) -> list[Record]:
    """``overall_row`` per protocol; one that refuses the results has a row without numbers, with the reason.

    Raises:
        Refused: no protocol can score them.
    """
    refused = [one for one in scored if isinstance(one, Refused)]
    if len(refused) == len(scored):
        raise refused[-1]
    return [
        _refused_row(tracker, of, one) if isinstance(one, Refused) else overall_row(one)
        for of, one in zip(rules, scored, strict=True)
    ]


def _refused_row(tracker: str, rules: Rules, error: Refused) -> Record:
    empty: Record = dict.fromkeys(PERCENT)
    return {"tracker": tracker, "protocol": rules.name, "sequences": "-", **empty, "notes": error.reason}


def overall_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """Counts of sequences that were repaired, missing or left out of a mean."""
    scores = [line.score for line in evaluation.lines if line.score is not None]
    lost = len(evaluation.lines) - len(scores)
    what_of_lost = (
        counted(lost, "sequence without a score counts as misses", "sequences without a score count as misses")
        if evaluation.missing == "zero"
        else f"{lost} left out"
    )
    noted = sum(bool(line.notes) for line in evaluation.lines if line.score is not None)
    hopeless = _hopeless(scores) if evaluation.rules.drop_zero_curves and scores else {}
    return (
        *([what_of_lost] if lost else []),
        *([f"sequences with a note: {noted}"] if noted else []),
        *(f"{count} without any {what} are no part of its mean" for what, count in hopeless.items() if count),
    )


def _hopeless(scores: Sequence[Score]) -> dict[str, int]:
    """How many curves are zero throughout, of success and of precision."""
    curves = {"success": [s.success for s in scores], "precision": [s.precision for s in scores]}
    zero = np.finfo(np.float64).eps
    return {what: int(np.count_nonzero(np.array(of).sum(1) <= zero)) for what, of in curves.items()}


def said_once(notes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Notes by protocol as lines: each note once, with the protocols that it holds for unless these are all."""
    holds: dict[str, list[str]] = {}
    for protocol, said in notes.items():
        for note in dict.fromkeys(said):
            holds.setdefault(note, []).append(protocol)
    for protocols, alike in groupby(holds, key=lambda note: holds[note]):
        yield "; ".join(alike) + ("" if len(protocols) == len(notes) else f" ({', '.join(protocols)})")


def sequence_rows(evaluation: Evaluation) -> list[Record]:
    """One row per sequence, as fractions, with its notes as a tuple."""
    scores = [_counted_score(evaluation, line) for line in evaluation.lines]
    found = iter(_measures([score for score in scores if score is not None]))
    none: Record = dict.fromkeys(MEASURES)
    return [
        {
            "tracker": evaluation.tracker,
            "sequence": line.sequence,
            **(none if score is None else next(found)),
            "protocol": evaluation.rules.name,
            "frames": line.score.frames if line.score else 0,
            "notes": line.notes,
        }
        for line, score in zip(evaluation.lines, scores, strict=True)
    ]


def _counted_score(evaluation: Evaluation, line: SequenceScore) -> Score | None:
    """A sequence's score as it counts in the mean: all misses where it has none and that counts as zero."""
    return no_hits(evaluation.rules) if line.score is None and evaluation.missing == "zero" else line.score


def group_rows(evaluation: Evaluation, groups: Mapping[str, frozenset[str]]) -> list[Record]:
    """One row per group of sequences: an attribute or a category."""
    return [
        {
            "tracker": evaluation.tracker,
            "group": group,
            "protocol": evaluation.rules.name,
            "sequences": rests_on(evaluation, names),
            **measures(evaluation.overall(names)),
        }
        for group, names in groups.items()
    ]


def groups_of(dataset: Dataset, by: Literal["attribute", "category"]) -> dict[str, frozenset[str]]:
    """Names of sequences per attribute or category, in alphabetical order.

    Raises:
        ChatdescError: the dataset has none.
    """
    groups: dict[str, set[str]] = {}
    for name in dataset.names:
        sequence = dataset[name]
        category = [sequence.category] if sequence.category else []
        has = category if by == "category" else [a for a, yes in sequence.attributes.items() if yes]
        for group in has:
            groups.setdefault(group, set()).add(name)
    if not groups:
        article = "an" if by == "attribute" else "a"
        raise ChatdescError(f"{dataset.root}: no sequence has {article} {by}; choose another --by")
    return {group: frozenset(names) for group, names in sorted(groups.items())}


def shown(rows: list[Record], width: int) -> list[Record]:
    """Rows for a terminal of ``width`` characters: shares in per cent, without the columns for which room lacks.

    P, the protocol's own precision, is shown only where TrackingNet is among the protocols, which alone has another.
    """
    if not rows:
        return []
    left = {"notes", "PNorm", "frames"} | (set() if any(row["protocol"] == "trackingnet" for row in rows) else {"P"})
    if len({row["protocol"] for row in rows}) == 1:
        left.add("protocol")  # the title names it
    cells = [
        {HEADINGS.get(k, k): percent(v) if k in PERCENT else str(v) for k, v in row.items() if k not in left}
        for row in rows
    ]
    room = {k: 2 + max(len(k), *(len(row[k]) for row in cells)) for k in cells[0]}
    while sum(room.values()) > width and (spare := next((k for k in SPARE if k in room), "")):
        del room[spare]
    return [{k: row[k] for k in room} for row in cells]


def latex(rows: list[Record], caption: str = "") -> str:
    """Rows as a LaTeX table that needs no packages, in per cent; the best tracker under each protocol is bold."""
    columns = [k for k in rows[0] if k != "notes" and not _said_already(k, rows)]

    def cell(key: str, row: Record) -> str:
        value = _plain(percent(row[key]))
        return f"\\textbf{{{value}}}" if key in PERCENT and _best(key, row, rows) else value

    align = "".join("r" if key in PERCENT else "l" for key in columns)
    lines = [" & ".join(map(_plain, columns)), *(" & ".join(cell(k, row) for k in columns) for row in rows)]
    body = " \\\\\n".join([f"{lines[0]} \\\\\n\\hline\n{lines[1]}", *lines[2:]])
    table = f"\\begin{{tabular}}{{{align}}}\n\\hline\n{body} \\\\\n\\hline\n\\end{{tabular}}\n"
    return f"\\begin{{table}}\n\\centering\n\\caption{{{_plain(caption)}}}\n{table}\\end{{table}}\n"


def _best(key: str, row: Record, rows: list[Record]) -> bool:
    """Whether no other tracker has more under the same protocol; numbers of two protocols do not compare."""
    rivals = [r[key] for r in rows if r["protocol"] == row["protocol"]]
    return len(rivals) > 1 and row[key] is not None and row[key] == max(v for v in rivals if v is not None)


def _said_already(column: str, rows: list[Record]) -> bool:
    """Whether the protocols' own P or PNorm is the same number as one of the others throughout."""
    others = {"P": ("P20",), "PNorm": ("PNorm20", "PNormAUC")}.get(column, ())
    return any(all(row[column] == row[other] for row in rows) for other in others)


def _plain(text: str) -> str:
    """Text in which LaTeX's special characters are escaped."""
    words = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "|": "bar", "<": "less", ">": "greater"}
    named = {sign: f"\\text{word}{{}}" for sign, word in words.items()}
    return "".join(named.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)
