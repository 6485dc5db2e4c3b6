"""The command ``evaluate``: its options, and what it prints. The scoring is in ``evaluate.py``.

chatdesc evaluate lasot /data/LaSOT --split test --results results/mine --results results/other.zip=other
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count, groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdesc.cli.console import Exit
from chatdesc.rows.selection import Selection

if TYPE_CHECKING:
    from chatdesc.evaluation.evaluate import Evaluation, Missing, Truth
    from chatdesc.evaluation.results import ResultFolder
    from chatdesc.evaluation.tables import Row
    from chatdesc.metrics.ope import Score
    from chatdesc.metrics.protocols import Rules
    from chatdesc.tables import Tables


NOTES = 10  # lines of notes on a terminal


class By(StrEnum):
    attribute = "attribute"
    category = "category"
    sequence = "sequence"


class Policy(StrEnum):
    skip = "skip"
    zero = "zero"
    error = "error"


def evaluate(
    dataset: Annotated[
        str, typer.Argument(help="lasot, lasot_ext, tnl2k, otb-lang, or folder: one ground-truth .txt per sequence")
    ],
    root: Annotated[str, typer.Argument(help="the dataset's folder, an archive, or any fsspec URL")],
    results: Annotated[
        list[str], typer.Option(help="DIR or DIR=NAME: a tracker's folder or zip; 'DIR/*' for all in it; repeatable")
    ],
    protocol: Annotated[str | None, typer.Option(help="whose rules; without it the dataset's own")] = None,
    split: Annotated[str | None, typer.Option(help="train or test; without it, all that the folder holds")] = None,
    sequences: Annotated[str | None, typer.Option(help="only these: names with commas, or a file of names")] = None,
    split_file: Annotated[str | None, typer.Option(help="a file of sequence names")] = None,
    by: Annotated[By | None, typer.Option(help="a second table, by group or by sequence")] = None,
    missing: Annotated[
        Policy, typer.Option(help="a sequence without a result that can be scored: left out, all misses, or an error")
    ] = Policy.error,
    compare_protocols: Annotated[
        bool, typer.Option("--compare-protocols", help="every tracker under all protocols")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="a folder for tables (CSV, Markdown, LaTeX) and plots (PNG, SVG)")
    ] = None,
) -> None:
    """Score trackers' result files under a named protocol, equal to the toolkit that it is named after.

    Protocols: lasot, tnl2k, otb, pytracking, ostrack, pysot, pysot-toolkit, got10k, trackingnet, tnl2kpy.

    Examples:

      chatdesc evaluate lasot /data/LaSOT --split test --results results/mine --out scores

      chatdesc evaluate folder annos --results KCF --results SRDCF.zip=srdcf --protocol otb --by sequence

      chatdesc evaluate tnl2k /data/TNL2K --split test --results results/mine --compare-protocols
    """
    from rich.console import Console

    from chatdesc.evaluation import evaluate as scoring
    from chatdesc.evaluation.results import result_folders
    from chatdesc.evaluation.tables import groups_of
    from chatdesc.metrics.protocols import PROTOCOLS
    from chatdesc.tables import Tables

    console = Console()
    data = Selection(split, sequences, split_file=split_file).open(dataset, root)
    folders = result_folders(results)
    rules, warning = scoring.rules_for(dataset, protocol) if protocol or not compare_protocols else (None, "")
    rules_of = list(PROTOCOLS.values()) if rules is None or compare_protocols else [rules]
    groups = groups_of(data, by.value) if by in (By.attribute, By.category) else {}
    with Tables(out) as tables:
        truths = scoring.read_truths(data)
        whole = not (split or sequences or split_file)
        work = Work(dataset, truths, rules_of, missing.value, by, groups, tables, whole)
        _with_progress(work, folders, console)
        tables.add("protocols" if len(rules_of) > 1 else "overall", work.rows)
        tables.add(f"by_{by}", work.grouped if groups else [])
    _print(
        work, f"{data.dataset}, {'every protocol' if len(rules_of) > 1 else f'protocol {rules_of[0].name}'}", console
    )
    remarks = [f"warning: {warning}"] if warning else []
    for line in remarks + scoring.about_flags(dataset, truths, rules_of) + scoring.about_truths(truths):
        console.print(line, style="yellow", highlight=False, markup=False)
    for path in [*tables.paths, *_pictures(work, data.dataset, out, console)] if out else []:
        console.print(f"written: {path}", highlight=False, soft_wrap=True)
    raise typer.Exit(Exit.DONE)


@dataclass(slots=True)
class Work:
    """What is asked of every tracker, and what is kept of it: means, and no line of a sequence unless it is shown."""

    dataset: str
    truths: dict[str, Truth]
    rules: list[Rules]
    missing: Missing
    by: By | None
    groups: dict[str, frozenset[str]]
    tables: Tables
    whole: bool = True  # the truths are the whole dataset, so that other files belong to nothing
    rows: list[Row] = field(default_factory=list)
    grouped: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    more_notes: int = 0
    means: dict[str, dict[str, Score]] = field(default_factory=dict)  # of a tracker: protocol -> mean

    def score(self, folders: list[ResultFolder], on_sequences: Any) -> None:
        """Score every tracker under all protocols."""
        from chatdesc.evaluation.evaluate import evaluate_trackers
        from chatdesc.evaluation.tables import protocol_rows
        from chatdesc.types import ChatdescError

        each = evaluate_trackers(folders, self.truths, self.dataset, self.rules, self.missing, on_sequences)
        names = list(self.truths)
        for folder, found in zip(folders, each, strict=True):
            rows = protocol_rows(folder.name, self.rules, found)
            if unread := folder.about_unread(names, self.whole):
                rows = [row | {"notes": "; ".join(filter(None, (unread, row["notes"])))} for row in rows]
            self.rows += rows
            scored = [one for one in found if not isinstance(one, ChatdescError)]
            for one in scored:
                self._keep(one)
            if folder.match(names, required=False):
                self._note(scored)

    def _keep(self, one: Evaluation) -> None:
        from chatdesc.evaluation.tables import group_rows, sequence_rows

        rows = sequence_rows(one)
        self.tables.add("per_sequence", rows)
        self.grouped += rows if self.by is By.sequence else []
        self.grouped += group_rows(one, self.groups)
        if mean := one.overall():
            self.means.setdefault(one.tracker, {})[one.rules.name] = mean

    def _note(self, scored: list[Evaluation]) -> None:
        """Keep what is to be said of one tracker's sequences, as long as there is room for it."""
        from chatdesc.evaluation.tables import said_once

        for lines in zip(*(one.lines for one in scored), strict=True):
            notes = {one.rules.name: line.notes for one, line in zip(scored, lines, strict=True)}
            for text in said_once(notes):
                if len(self.notes) < NOTES:
                    self.notes.append(f"{scored[0].tracker}: {lines[0].sequence}: {text}")
                else:
                    self.more_notes += 1


def _with_progress(work: Work, folders: list[ResultFolder], console: Any) -> None:
    from chatdesc.cli.console import progress_bar, steps

    with progress_bar(console, "evaluate", transient=True) as progress:
        advance = steps(progress, len(folders) * len(work.truths))
        names = list(work.truths)
        foreign = [folder for folder in folders if not folder.match(names, required=False)]
        if foreign and (work.missing == "error" or len(foreign) == len(folders)):
            foreign[0].match(names)  # which is an error, before any work is done
        work.score(folders, lambda count: advance(by=count))


def _print(work: Work, about: str, console: Any) -> None:
    """Tables, and what was noticed."""
    from chatdesc.evaluation.tables import said_once

    _table(work.rows, f"{about}, in %", console)
    if work.by is not None:
        _table(work.grouped, f"{about}, by {work.by.value}, in %", console)
    notes = [*work.notes]
    if work.more_notes:
        notes.append(f"... and {work.more_notes} more; per_sequence.csv of --out has them all")
    for tracker, rows in groupby(work.rows, key=lambda row: row["tracker"]):
        of = {row["protocol"]: row["notes"].split("; ") if row["notes"] else () for row in rows}
        notes += [f"{tracker}: {text}" for text in said_once(of)]
    for line in notes:
        console.print(line, style="yellow", highlight=False, markup=False)


def _table(rows: list[Row], title: str, console: Any) -> None:
    """Rows on the terminal; where it is too narrow for them, only names of things are broken."""
    from chatdesc.evaluation.tables import shown
    from chatdesc.tables import plain_table

    table = plain_table(shown(rows, console.width), title)
    for column in table.columns:
        column.no_wrap = column.header not in ("tracker", "sequence", "group")
    console.print(table)


def _pictures(work: Work, dataset: str, out: Path, console: Any) -> list[Path]:
    """The LaTeX table, and plots where matplotlib is there."""
    from chatdesc.atomic import writing
    from chatdesc.evaluation.tables import latex

    several = len(work.rules) > 1
    name = "every protocol" if several else f"protocol {work.rules[0].name}"
    table = out / ("protocols.tex" if several else "overall.tex")
    try:
        with writing(out):
            table.write_text(latex(work.rows, f"{dataset}, {name}, in %"), encoding="utf-8")
            return [table, *_plots(work, dataset, out)]
    except ModuleNotFoundError:
        console.print("no plots: they need matplotlib (pip install 'chatdesc[plots]')", style="yellow", markup=False)
        return [table]


def _plots(work: Work, dataset: str, out: Path) -> list[Path]:
    """What was written: plots of all trackers, or a folder per tracker with plots of its curves under all protocols."""
    from chatdesc.evaluation.plots import draw

    if not work.means:
        return []
    if len(work.rules) == 1:
        [protocol] = {name for of in work.means.values() for name in of}
        means = {tracker: of[protocol] for tracker, of in work.means.items()}
        return draw(means, out, f"{dataset}, protocol {protocol}")
    folders = [out / name for name in _folder_names(work.means)]
    for folder, (tracker, of) in zip(folders, work.means.items(), strict=True):
        draw(of, folder, f"{tracker} on {dataset}")
    return folders


def _folder_names(trackers: Iterable[str]) -> list[str]:
    """A folder's name per tracker, no two alike, in capitals or not."""
    names: list[str] = []
    for tracker in trackers:
        plain = name = re.sub(r"[^\w.+-]+|^\.+", "_", tracker) or "_"
        taken = {other.casefold() for other in names}
        numbers = count(2)
        while name.casefold() in taken:
            name = f"{plain}-{next(numbers)}"
        names.append(name)
    return names
