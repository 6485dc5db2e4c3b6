"""Tables of an evaluation: rows as fractions, the same in per cent for people, files as they grow.

>>> overall_row(evaluate(ResultFolder("results/mine"), truths, "lasot", PROTOCOLS["lasot"]))["AUC"]   # doctest: +SKIP
0.4902
>>> with Tables(Path("scores")) as tables:                                                # doctest: +SKIP
...     tables.add("per_sequence", sequence_rows(one))

``Tables`` writes rows as they come, so that what is kept in memory does not grow with the number of trackers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from chatdesc.evaluation.evaluate import Evaluation, no_hits
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import Rules
from chatdesc.tables import Record, percent
from chatdesc.types import ChatdescError

MEASURES = ("AUC", "P20", "PNorm20", "PNormAUC", "OP50", "OP75")
PERCENT = (*MEASURES, "P", "PNorm")
SPARE = ("OP75", "OP50", "PNormAUC")  # left out in turn where a terminal is narrow
HEADINGS = {"sequences": "seqs"}


def measures(score: Score | None) -> Record:
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


def overall_row(one: Evaluation) -> Record:
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


def protocol_rows(tracker: str, rules: Sequence[Rules], found: Sequence[Evaluation | ChatdescError]) -> list[Record]:
    """``overall_row`` per protocol; one that refuses the results has no numbers and says why.

    Raises:
        ChatdescError: no protocol can score them.
    """
    errors = [one for one in found if isinstance(one, ChatdescError)]
    if len(errors) == len(found):
        raise errors[-1]
    return [
        _refused_row(tracker, of, one) if isinstance(one, ChatdescError) else overall_row(one)
        for of, one in zip(rules, found, strict=True)
    ]


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


def said_once(notes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Notes by protocol as lines: each note once, with the protocols that it holds for unless these are all."""
    holds: dict[str, list[str]] = {}
    for protocol, said in notes.items():
        for note in dict.fromkeys(said):
            holds.setdefault(note, []).append(protocol)
    for protocols, alike in groupby(holds, key=lambda note: holds[note]):
        yield "; ".join(alike) + ("" if len(protocols) == len(notes) else f" ({', '.join(protocols)})")


def sequence_rows(one: Evaluation) -> list[Record]:
    """One row per sequence, as fractions, with its notes."""
    return [
        {
            "tracker": one.tracker,
            "sequence": line.sequence,
            **measures(line.score if line.score is not None or one.missing != "zero" else no_hits(one.rules)),
            "protocol": one.rules.name,
            "frames": line.score.frames if line.score else 0,
            "notes": "; ".join(line.notes),
        }
        for line in one.lines
    ]


def group_rows(one: Evaluation, groups: dict[str, frozenset[str]]) -> list[Record]:
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


def shown(rows: list[Record], width: int) -> list[Record]:
    """Rows for a terminal of ``width`` characters: shares in per cent, without what there is no room for.

    The area that TrackingNet calls precision is shown only where it is asked for.
    """
    if not rows:
        return []
    left = {"notes", "PNorm", "frames"} | (set() if any(row["protocol"] == "trackingnet" for row in rows) else {"P"})
    if len({row["protocol"] for row in rows}) == 1:
        left.add("protocol")  # the title names it
    told = [
        {HEADINGS.get(k, k): percent(v) if k in PERCENT else str(v) for k, v in row.items() if k not in left}
        for row in rows
    ]
    room = {k: 2 + max(len(k), *(len(row[k]) for row in told)) for k in told[0]}
    while sum(room.values()) > width and (spare := next((k for k in SPARE if k in room), "")):
        del room[spare]
    return [{k: row[k] for k in room} for row in told]


def latex(rows: list[Record], caption: str = "") -> str:
    """Rows as a LaTeX table without packages, in per cent; the best tracker under each protocol is bold."""
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
    """Text with what LaTeX would take as its own."""
    words = {"\\": "backslash", "~": "asciitilde", "^": "asciicircum", "|": "bar", "<": "less", ">": "greater"}
    named = {sign: f"\\text{word}{{}}" for sign, word in words.items()}
    return "".join(named.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def _refused_row(tracker: str, rules: Rules, error: ChatdescError) -> Record:
    """``overall_row`` of a protocol that cannot score the results: no numbers, and why."""
    why = str(error).splitlines()
    empty: Record = dict.fromkeys(PERCENT)
    notes = why[1].strip() if len(why) > 1 else why[0]
    return {"tracker": tracker, "protocol": rules.name, "sequences": "-", **empty, "notes": notes}
