"""``chatdesc.evaluate``: trackers' result files scored under a named protocol, as tables.

>>> from pathlib import Path
>>> from tempfile import TemporaryDirectory
>>> with TemporaryDirectory() as place:
...     for file in ("truth/kite-1.txt", "mine/kite-1.txt"):
...         Path(place, file).parent.mkdir()
...         _ = Path(place, file).write_text("10,10,20,20\\n12,10,20,20")
...     scored = evaluate("folder", f"{place}/truth", [f"{place}/mine"], protocol="otb")
>>> scored.rows[0]["tracker"], scored.rows[0]["P20"], scored.rows[0]["sequences"]
('mine', 1.0, '1/1')
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from chatdesc.drawing.figures import NO_PLOTS
from chatdesc.evaluation.evaluate import Evaluation, Missing, Refused, evaluate_trackers
from chatdesc.evaluation.pictures import write_latex, write_plots
from chatdesc.evaluation.results import MatchedFolder, result_folders
from chatdesc.evaluation.steps import Steps
from chatdesc.evaluation.tables import group_rows, groups_of, protocol_rows, said_once, sequence_rows
from chatdesc.evaluation.truths import Truth, about_flags, about_truths, read_truths, rules_for
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import PROTOCOLS, Rules
from chatdesc.rows.selection import Selection
from chatdesc.tables import Progress, Record, Tables, Tabular
from chatdesc.types import ChatdescError

By = Literal["attribute", "category", "sequence"]
NOTES = 10  # notes on sequences that are kept


@dataclass(frozen=True, slots=True)
class EvaluationResult(Tabular):
    """Scores of trackers, as fractions, unrounded.

    Attributes:
        dataset: the dataset's name.
        protocols: names of the protocols.
        rows: one per tracker and protocol; ``table()`` has these.
        by: what ``grouped`` is grouped by, or None.
        grouped: one row per tracker, protocol and attribute, category or sequence.
        means: mean scores with their curves, by tracker and protocol.
        notes: what a reader must know of the numbers.
        written: files, and folders of plots, that were written.
    """

    dataset: str
    protocols: tuple[str, ...]
    rows: list[Record]
    by: By | None
    grouped: list[Record]
    means: dict[str, dict[str, Score]]
    notes: tuple[str, ...]
    written: tuple[Path, ...]

    def records(self) -> list[Record]:
        return self.rows

    @property
    def about(self) -> str:
        """Dataset and protocol, for a title."""
        return _about(self.dataset, self.protocols)


def evaluate(
    dataset: str,
    root: str | Path,
    results: Sequence[str],
    *,
    protocol: str | None = None,
    split: str | None = None,
    sequences: str | None = None,
    split_file: str | None = None,
    by: By | None = None,
    missing: Missing = "error",
    compare_protocols: bool = False,
    out: Path | str | None = None,
    progress: Progress | None = None,
) -> EvaluationResult:
    """Score trackers' result files under a named protocol, equal to the toolkit that it is named after.

    Args:
        dataset: ``lasot``, ``lasot_ext``, ``tnl2k``, ``otb-lang``, ``trackingnet``, ``got10k``, or ``folder`` (one
            ground-truth file per sequence).
        root: the dataset's folder, an archive, or any fsspec URL.
        results: ``DIR`` or ``DIR=NAME`` per tracker, a folder or a zip; ``DIR/*`` for all in it.
        protocol: whose rules; None takes the dataset's own.
        split: ``train`` or ``test``; None takes all that the folder holds.
        sequences: only these: names with commas, or a file of names.
        split_file: a file of sequence names.
        by: a second table, by group or by sequence.
        missing: a sequence without a result that can be scored is left out (``skip``), counts as nothing but misses
            (``zero``), or is an ``error``.
        compare_protocols: score every tracker under all protocols.
        out: a folder for tables (CSV, Markdown, LaTeX) and plots (PNG, PDF, SVG); None writes nothing.
        progress: called with sequences done, all sequences of all trackers, and a note.

    Raises:
        ChatdescError: a place cannot be read or written, a name is not known, or a result is missing or refused.
    """
    _refuse_unknown("by", by, (None, *get_args(By)))
    _refuse_unknown("missing", missing, get_args(Missing))
    data = Selection(split, sequences, split_file=split_file).open(dataset, str(root))
    folders = result_folders(results)
    rules, warning = rules_for(dataset, protocol) if protocol or not compare_protocols else (None, "")
    protocols = tuple(PROTOCOLS.values()) if rules is None or compare_protocols else (rules,)
    groups = groups_of(data, by) if by in ("attribute", "category") else {}
    several = len(protocols) > 1
    with Tables(None if out is None else Path(out)) as tables:
        truths = read_truths(data)
        whole = not (split or sequences or split_file)
        job = EvaluationJob(dataset, truths, protocols, missing, by, groups, whole)
        scores = job.run([MatchedFolder.of(folder, tuple(truths)) for folder in folders], tables, progress)
        tables.add("protocols" if several else "overall", scores.rows)
        tables.add(f"by_{by}", scores.grouped if groups else [])
    notes = [*scores.all_notes(), *([f"warning: {warning}"] if warning else [])]
    notes += about_flags(dataset, truths, protocols) + about_truths(truths)
    names, written = tuple(rules.name for rules in protocols), list(tables.paths)
    if out is not None:
        written.append(write_latex(scores.rows, Path(out), _about(data.dataset, names), several))
        try:
            written += write_plots(scores.means, Path(out), data.dataset, several)
        except ModuleNotFoundError:
            notes.append(NO_PLOTS)
    return EvaluationResult(
        data.dataset, names, scores.rows, by, scores.grouped, scores.means, tuple(notes), tuple(written)
    )


def _about(dataset: str, protocols: Sequence[str]) -> str:
    return f"{dataset}, {'every protocol' if len(protocols) > 1 else f'protocol {protocols[0]}'}"


def _refuse_unknown(name: str, value: str | None, known: Sequence[str | None]) -> None:
    if value not in known:
        raise ChatdescError(f"{name} is one of {', '.join(map(str, known))}, not {value!r}")


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """Scores hold no cycles; to look through hundreds of thousands of them for some takes a fifth of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """The ground truth, and what is asked of every tracker.

    Attributes:
        whole: the truths are the whole dataset, so that other files belong to no sequence.
    """

    dataset: str
    truths: Mapping[str, Truth]
    protocols: Sequence[Rules]
    missing: Missing = "error"
    by: By | None = None
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)
    whole: bool = True

    def run(self, folders: Sequence[MatchedFolder], tables: Tables, progress: Progress | None = None) -> TrackerScores:
        """Score every tracker under all protocols; the rows of its sequences go to ``tables`` at once.

        Raises:
            ChatdescError: no folder is of this dataset, or one is not and what is missing is an error, or a result
                is missing or refused under all protocols and that is an error.
        """
        foreign = [matched for matched in folders if not matched.files]
        if foreign and (self.missing == "error" or len(foreign) == len(folders)):
            raise ChatdescError(foreign[0].folder.foreign(foreign[0].names))
        scores, steps = TrackerScores(), Steps(len(folders) * len(self.truths), progress)
        each = evaluate_trackers(folders, self.truths, self.dataset, self.protocols, self.missing, steps.add)
        with _no_search_for_cycles():
            for matched, scored in zip(folders, each, strict=True):
                scores.rows += self._rows(matched, scored)
                evaluations = [one for one in scored if isinstance(one, Evaluation)]
                for evaluation in evaluations:
                    self._keep(evaluation, scores, tables)
                if matched.files:
                    scores.note(evaluations)
        return scores

    def _rows(self, matched: MatchedFolder, scored: list[Evaluation | Refused]) -> list[Record]:
        rows = protocol_rows(matched.folder.name, self.protocols, scored)
        unread = matched.about_unread(self.whole)
        return [row | {"notes": (unread, *row["notes"])} for row in rows] if unread else rows

    def _keep(self, evaluation: Evaluation, scores: TrackerScores, tables: Tables) -> None:
        rows = sequence_rows(evaluation)
        tables.add("per_sequence", rows)
        scores.grouped += rows if self.by == "sequence" else group_rows(evaluation, self.groups)
        if mean := evaluation.overall():
            scores.means.setdefault(evaluation.tracker, {})[evaluation.rules.name] = mean


@dataclass(slots=True)
class TrackerScores:
    """What is kept of trackers that are scored: a mean and a row of each; a sequence's row only if it is asked for.

    Attributes:
        rows: one per tracker and protocol.
        grouped: one per tracker, protocol and group or sequence.
        means: by tracker and protocol.
        notes: on sequences, the first NOTES of them; ``more_notes`` counts the others.
    """

    rows: list[Record] = field(default_factory=list)
    grouped: list[Record] = field(default_factory=list)
    means: dict[str, dict[str, Score]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    more_notes: int = 0

    def note(self, evaluations: list[Evaluation]) -> None:
        """Keep the notes on one tracker's sequences under all protocols, each once, while there is room."""
        for lines in zip(*(evaluation.lines for evaluation in evaluations), strict=True):
            if not any(line.notes for line in lines):
                continue
            notes = {e.rules.name: line.notes for e, line in zip(evaluations, lines, strict=True)}
            for text in said_once(notes):
                if len(self.notes) < NOTES:
                    self.notes.append(f"{evaluations[0].tracker}: {lines[0].sequence}: {text}")
                else:
                    self.more_notes += 1

    def all_notes(self) -> list[str]:
        """Notes on sequences, then those of every tracker's rows."""
        notes = list(self.notes)
        if self.more_notes:
            notes.append(f"... and {self.more_notes} more; per_sequence.csv of --out has them all")
        for tracker, rows in groupby(self.rows, key=lambda row: row["tracker"]):
            by_protocol = {row["protocol"]: row["notes"] for row in rows}
            notes += [f"{tracker}: {text}" for text in said_once(by_protocol)]
        return notes
