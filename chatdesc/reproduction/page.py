"""The page of a reproduction: the method's tables in Markdown, filled by one run, beside published figures.

The sections have the numbers by which this project knows the paper's tables. Its own values stand where a copy could be
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from chatdesc.evaluation.ablation import AblationResult
from chatdesc.evaluation.alignment import shown_alignment
from chatdesc.evaluation.comparison import ComparisonResult
from chatdesc.evaluation.intervals import MDE
from chatdesc.evaluation.score import Scores
from chatdesc.reports.ablation import shown_choice_differences, shown_choices
from chatdesc.reports.compare import shown_arms, shown_differences
from chatdesc.tables import Record, markdown_line, percent, plain, show

PAGE = "reproduction.md"
UNREAD = "The paper's own values of this table are in no copy that could be read."
PLOTS = ("tables/compare_success.png", "tables/compare_differences.png")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reader must know of the run.

    Attributes:
        sequences, with_text: how many, and how many of them have a text.
        splits: the splits that they are of.
        models: role -> model.
        feedback: the frames that gave feedback.
        version: of the package.
    """

    dataset: str
    sequences: int
    with_text: int
    splits: tuple[str, ...]
    models: Mapping[str, str]
    feedback: str
    version: str


@dataclass(frozen=True, slots=True)
class Found:
    """All that the page shows."""

    benchmark: list[Record]
    scores: Scores
    comparison: ComparisonResult
    ablation: AblationResult
    rounds: list[Record]


def page(found: Found, facts: Facts, files: Sequence[PurePath]) -> str:
    """The whole page.

    Args:
        files: what else was written, relative to the page.
    """
    compared, ablated = found.comparison, found.ablation
    about = f"Protocol {compared.protocol}, in per cent."
    parts = [
        f"# {facts.dataset}: the tables of ChatTracker, by chatdesc {facts.version}\n",
        _about(facts),
        _section(
            "Table 1: tracking on the benchmark",
            f"{about} Published figures are of other trackers and all test sequences: compare them with this run only "
            "where models, sequences and protocol are the same.",
            [_benchmark(row) for row in found.benchmark],
        ),
        _section(
            "Table 3: what a text is worth to the tracker",
            f"{about} {UNREAD}",
            shown_arms(compared.arms),
            shown_differences(compared.differences),
            notes=(f"Differences are paired, in points, with 95 % intervals; {MDE}.", *compared.notes),
            plots=[plot for plot in PLOTS if PurePath(plot) in files],
        ),
        _section(
            "Table 4: alignment of texts and targets",
            f"Cosine x 100 of text and target, and its margin over the strongest distractor. {UNREAD}",
            shown_alignment(found.scores.alignment),
            notes=found.scores.notes,
        ),
        _section(
            "Table 7: verification",
            f"Closed loop in per cent, then the same proposals. {UNREAD}",
            shown_arms(ablated.arms),
            shown_choices(ablated.choices),
            shown_choice_differences(ablated.choice_differences),
            notes=ablated.notes,
        ),
        _section(
            "Table 8: reflection",
            f"The best text up to each round, as the grounder that gave the feedback sees it; `asked` counts the "
            f"sequences for which the round was needed. {UNREAD}",
            [_round(row) for row in found.rounds],
        ),
        _files(files),
    ]
    return "\n".join(parts)


def _about(facts: Facts) -> str:
    rows = [
        {"": "sequences", "value": f"{facts.sequences}, {facts.with_text} of them with a text"},
        {"": "splits", "value": ", ".join(facts.splits)},
        *({"": role, "value": model} for role, model in facts.models.items()),
        {"": "feedback", "value": facts.feedback},
    ]
    return _table(rows)


def _files(files: Sequence[PurePath]) -> str:
    """Links to the tables with every digit, and to the plots in one format."""
    shown = [path.as_posix() for path in files if path.suffix in (".csv", ".pdf")]
    return "## Files\n\n" + "".join(f"- [{path}]({path})\n" for path in shown)


def _section(
    title: str, about: str, *tables: list[Record], notes: Iterable[str] = (), plots: Sequence[str] = ()
) -> str:
    parts = [f"## {title}\n", f"{about}\n", *(_table(rows) for rows in tables if rows)]
    parts += [f"![{title}]({plot})\n" for plot in plots]
    said = "".join(f"- {note}\n" for note in notes)
    return "\n".join([*parts, said] if said else parts)


def _table(rows: list[Record]) -> str:
    columns = list(rows[0])
    lines = [columns, ["---"] * len(columns), *(list(map(plain, row.values())) for row in rows)]
    return "".join(map(markdown_line, lines))


def _benchmark(row: Record) -> Record:
    return {key: percent(value) for key, value in row.items()}


def _round(row: Record) -> Record:
    return row | {
        "grounding_iou": show(row["grounding_iou"], 3),
        "margin": show(row["margin"], 3),
        "accepted": percent(row["accepted"]),
    }
