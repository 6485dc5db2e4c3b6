"""``chatdesc.score``: how well texts align with their targets, and what the texts are like.

``score("runs/otb")`` takes what the run recorded; with ``encoders`` or ``texts``, or of a dataset, texts are scored
anew, on frames.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chatdesc.backends import encoder_spec
from chatdesc.config import Resources, Settings
from chatdesc.evaluation.alignment import AlignmentModels, ScoredRow, alignment_rows
from chatdesc.evaluation.by_source import TABLES, differences, means, together
from chatdesc.evaluation.gathered import NOTHING, Gathered, of_runs, source_names, with_named
from chatdesc.evaluation.measured_part import MeasuredPart, measure_part
from chatdesc.evaluation.measuring import MeasureModels
from chatdesc.evaluation.parts import Part, overlap, part_of, refuse_twice
from chatdesc.evaluation.readings import MANUAL, with_words
from chatdesc.evaluation.steps import Steps
from chatdesc.evaluation.text_statistics import statistics_rows
from chatdesc.measures.registry import chosen as chosen_measures
from chatdesc.names import SHOWN
from chatdesc.rows.schema import BROKEN, Row
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import dataset_of, is_run
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.texts.named import NamedTexts, read_all
from chatdesc.types import ChatdescError
from chatdesc.unused import refuse_unused

DESCRIBER = "attributes"  # which answers no questions, so measures that ask are refused with a remedy
DEFAULT_ENCODERS = ("attributes",)  # of a dataset's texts
NOTHING_AT_ALL = "no sequence has a text and a visible target to score"
RECORDED = "where a run's recorded numbers are shown; --encoder NAME scores anew, on ROOT's frames"
ONE_SOURCE = "without --texts, and without runs of the same sequences"
TEXTS_OR_RUNS = "with --texts: name each run there, --texts NAME=RUN"
ONE_RUN = "with --run, as its names are of one run: score the runs one at a time"


@dataclass(frozen=True, slots=True)
class Scores(Tabular):
    """Alignment and statistics of texts, unrounded.

    Attributes:
        alignment: one row per dataset, encoder and measure; ``table()`` has these.
        statistics: one row per dataset and measure.
        left_out: sequences without a score, with the reason.
        notes: what a reader must know of the numbers.
        failed: how many of ``left_out`` have no score because something failed; the others have no text by themselves.
        sources: with texts of several sources their names; ``alignment`` and ``statistics`` then have one column each.
        grounding: the same for what the grounder found; only with ``sources``.
        differences: one row per measure and source: its paired difference from ``baseline``; only with ``sources``.
        baseline: the source that differences are from.
        measures: with ``measures``, a row per measure and text, with its paired difference from the baseline.
    """

    alignment: list[Record]
    statistics: list[Record]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    failed: int = 0
    sources: tuple[str, ...] = ()
    grounding: list[Record] = field(default_factory=list)
    differences: list[Record] = field(default_factory=list)
    baseline: str = ""
    measures: list[Record] = field(default_factory=list)

    def records(self) -> list[Record]:
        return self.alignment


def score(
    source: str | Path,
    root: str | Path | None = None,
    *,
    texts: Sequence[str] = (),
    baseline: str | None = None,
    runs: Sequence[str | Path] = (),
    split: str | None = None,
    sequences: str | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    encoders: Sequence[str] = (),
    grounder: str = "attributes",
    alignment_frames: int = 4,
    device: str = "auto",
    measures: Sequence[str] = (),
    measure_frames: int = 8,
    describer: str | None = None,
    base_url: str | None = None,
    progress: Progress | None = None,
) -> Scores:
    """Score how well texts align with their targets, per encoder and text source, and measure the texts.

    Args:
        source: a run's folder, or a dataset's name.
        root: the dataset's root; for a run only with ``encoders`` or ``texts``.
        texts: texts of other sources, ``NAME=SOURCE`` each; every table then has a column per source.
        baseline: the source that all others are compared with; None takes ``manual``.
        runs: more runs in the same tables; those of the same sequences have a column each.
        split: ``train`` or ``test``; None takes all that the folder holds.
        sequences: only these: names with commas, or a file of names.
        limit: only the first so many sequences.
        split_file: a file of sequence names.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.
        encoders: ``attributes``, an open_clip model such as ``ViT-B-32-quickgelu/openai``, or a folder. Without any a
            run's recorded numbers are taken, and texts that are scored anew are scored by ``attributes``.
        grounder: finds the distractors, or ``none``.
        alignment_frames: frames over which alignment is averaged.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        measures: names of further measures of all texts, as of ``annotate``; those of a run are put into its rows.
        measure_frames: frames on which ``measures`` look at a text.
        describer: asked by the measures ``vqa`` and ``questions``.
        base_url: URL of the model server for ``openai:MODEL``.
        progress: called with sequences done, all sequences, and a note.

    Raises:
        ChatdescError: a place cannot be read, a sequence or split is not there, an argument takes no part, a run is
            named twice, a name of ``texts`` is taken, or no sequence can be scored.
    """
    anew, further = bool(encoders or texts), chosen_measures(measures)
    models = AlignmentModels(tuple(map(encoder_spec, encoders)) or DEFAULT_ENCODERS, grounder, alignment_frames, device)
    _check(str(source), root, anew or bool(further), text_root)
    refuse_unused({"run": runs or None} if texts else {}, TEXTS_OR_RUNS)
    if runs:
        refuse_unused({"sequences": sequences, "split_file": split_file}, ONE_RUN)
    named = read_all(texts)
    chosen = Selection(split, sequences, limit, split_file)
    first = part_of(source, root, chosen, text_root, anew or bool(further))
    parts = [first, *(Part(str(run), dataset_of(Path(run)), chosen.of(Path(run)), Path(run)) for run in runs)]
    refuse_twice(parts)
    if named or further or overlap(parts):
        _refuse_baseline(baseline, source_names(parts, named))
    measured = None
    if further:
        asking = Settings(describer or DESCRIBER, grounder, encoders=models.encoders, measure_frames=measure_frames)
        resources = Resources(device=device, base_url=base_url)
        counted = Steps(len(first.names), progress)
        measured = measure_part(first, named, further, MeasureModels(asking, resources), counted, baseline)
        if first.run is not None and not anew:
            parts[0] = replace(first, data=None)
    tables = _tables(parts, named, models, baseline, bool(encoders), progress, bool(further))
    return tables if measured is None else _with_measures(tables, measured)


def _tables(
    parts: Sequence[Part],
    named: Sequence[NamedTexts],
    models: AlignmentModels,
    baseline: str | None,
    encoders: bool,
    progress: Progress | None,
    measured: bool,
) -> Scores:
    """The tables of alignment, grounding and words."""
    first = parts[0]
    steps = Steps(len(first.names) if first.data is not None else 0, progress)
    if named:
        return compared(with_named(first, named, models, steps), baseline)
    if overlap(parts):
        return compared(of_runs(parts, models, steps), baseline)
    if not measured:
        refuse_unused({"baseline": baseline}, ONE_SOURCE)
    notes = list(first.notes)
    if len(parts) > 1 and encoders:
        notes.insert(0, f"--run: what those runs recorded; --encoder is for {first.place} alone")
    return scores_of([row for part in parts for row in part.rows(models, steps)], notes)


def _with_measures(scores: Scores, measured: MeasuredPart) -> Scores:
    return replace(
        scores,
        measures=measured.rows,
        notes=scores.notes + measured.notes,
        left_out=scores.left_out + measured.left_out,
        failed=scores.failed + len(measured.left_out),
    )


def _check(source: str, root: str | Path | None, anew: bool, text_root: str | None) -> None:
    """Refuse a source without the frames that it needs, and frames that would not be looked at."""
    if not is_run(source):
        if root is None:
            raise ChatdescError(f"{source!r} is no run folder; to score a dataset: chatdesc score NAME ROOT")
    elif anew:
        if root is None:
            raise ChatdescError("other encoders and texts need the frames: chatdesc score RUN ROOT")
    else:
        refuse_unused({"root": root, "text_root": text_root}, RECORDED)


def _refuse_baseline(baseline: str | None, names: Collection[str]) -> None:
    if baseline is not None and baseline not in names:
        raise ChatdescError(f"--baseline {baseline}: is none of the sources: {', '.join(names)}")


def compared(gathered: Gathered, baseline: str | None = None) -> Scores:
    """The tables of texts of several sources, with one column per source.

    Raises:
        ChatdescError: no text has a number, or ``baseline`` is none of the sources.
    """
    names = gathered.names
    against = baseline or (MANUAL if MANUAL in names else names[0])
    _refuse_baseline(against, names)
    readings = [with_words(one) for one in gathered.readings]
    alignment, grounding, words = (means(readings, names, table) for table in TABLES)
    if not alignment and not grounding:
        raise ChatdescError(f"{NOTHING_AT_ALL}{_reasons(gathered.left_out)}")
    gaps = [row for table in TABLES for row in differences(readings, names, against, table)]
    statistics = words + together(readings, names)
    return Scores(
        alignment, statistics, gathered.left_out, gathered.notes, gathered.failed, names, grounding, gaps, against
    )  # fmt: skip


def scores_of(rows: Sequence[ScoredRow | Row], notes: Iterable[str] = ()) -> Scores:
    """The tables of rows whose texts are scored.

    Raises:
        ChatdescError: no row is; the message has the reasons of the first few.
    """
    left_out = tuple(
        (row["sequence"], why) for row in rows if not row["alignment"] for why in row["problems"] or [NOTHING]
    )
    alignment = alignment_rows(rows)
    if not alignment:
        raise ChatdescError(f"{NOTHING_AT_ALL}{_reasons(left_out)}")
    by_dataset: dict[str, list[ScoredRow | Row]] = {}
    for row in rows:
        by_dataset.setdefault(row["dataset"] or "", []).append(row)
    statistics = [{"dataset": name} | line for name, of in by_dataset.items() for line in statistics_rows(of)]
    failed = sum(not row["alignment"] and _failed(row) for row in rows)
    return Scores(alignment, statistics, left_out, tuple(notes), failed)


def _reasons(left_out: Sequence[tuple[str, str]]) -> str:
    """The first few reasons, a line each."""
    more = f"\n  ... and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
    return "".join(f"\n  {name}: {why}" for name, why in left_out[:SHOWN]) + more


def _failed(row: ScoredRow | Row) -> bool:
    """Whether a row lacks a score through a failure: a run's row says so, another has a problem."""
    status = row.get("status")
    return bool(row["problems"]) if status is None else status in BROKEN
