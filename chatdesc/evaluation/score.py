"""``chatdesc.score``: how well texts align with their targets, and what the texts are like.

``score("runs/otb")`` takes what the run recorded; with ``encoders`` or of a dataset texts are scored anew, on frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatdesc.backends import encoder_spec
from chatdesc.evaluation.alignment import (
    AlignmentModels,
    ScoredRow,
    alignment_rows,
    recorded_rows,
    rescored_rows,
    score_texts,
)
from chatdesc.evaluation.steps import Steps
from chatdesc.evaluation.text_statistics import statistics_rows
from chatdesc.loaders.base import Dataset
from chatdesc.names import SHOWN, counted, some
from chatdesc.rows.schema import BROKEN, Row
from chatdesc.rows.selection import Selection, refuse_other_data
from chatdesc.rows.store import dataset_of, is_run
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import ChatdescError
from chatdesc.unused import refuse_unused

DEFAULT_ENCODERS = ("attributes",)  # of a dataset's texts
NOTHING = "there is no text, or no frame with a visible target"
RECORDED = "where a run's recorded numbers are shown; --encoder NAME scores anew, on ROOT's frames"
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
    """

    alignment: list[Record]
    statistics: list[Record]
    left_out: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    failed: int = 0

    def records(self) -> list[Record]:
        return self.alignment


def score(
    source: str | Path,
    root: str | Path | None = None,
    *,
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
    progress: Progress | None = None,
) -> Scores:
    """Score how well texts align with their targets, per encoder and text source, and measure the texts.

    Args:
        source: a run's folder, or a dataset's name.
        root: the dataset's root; for a run only with ``encoders``.
        runs: more runs in the same tables, as they recorded it.
        split: ``train`` or ``test``; None takes all that the folder holds.
        sequences: only these: names with commas, or a file of names.
        limit: only the first so many sequences.
        split_file: a file of sequence names.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.
        encoders: ``attributes``, an open_clip model such as ``ViT-B-32-quickgelu/openai``, or a folder. Without any a
            run's recorded numbers are taken, and a dataset is scored by ``attributes``.
        grounder: finds the distractors, or ``none``.
        alignment_frames: frames over which alignment is averaged.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1`` ...
        progress: called with sequences done, all sequences, and a note.

    Raises:
        ChatdescError: a place cannot be read, a sequence or split is not there, an argument takes no part, a sequence
            would count twice, or no sequence can be scored.
    """
    specs = tuple(map(encoder_spec, encoders)) or DEFAULT_ENCODERS
    models = AlignmentModels(specs, grounder, alignment_frames, device)
    _check(str(source), root, bool(encoders), text_root)
    if runs:
        refuse_unused({"sequences": sequences, "split_file": split_file}, ONE_RUN)
    chosen = Selection(split, sequences, limit, split_file)
    first = _part(source, root, chosen, text_root, bool(encoders))
    parts = [first, *(Part(str(run), dataset_of(Path(run)), chosen.of(Path(run)), Path(run)) for run in runs)]
    refuse_twice(parts)
    steps = Steps(len(first.names) if first.data is not None else 0, progress)
    notes = list(first.notes)
    if runs and encoders:
        notes.insert(0, f"--run: what those runs recorded; --encoder is for {source} alone")
    if overlap(parts):
        return side_by_side({part.place: scores_of(list(part.rows(models, steps))) for part in parts}, notes)
    return scores_of([row for part in parts for row in part.rows(models, steps)], notes)


def _check(source: str, root: str | Path | None, anew: bool, text_root: str | None) -> None:
    """Refuse a source without the frames that it needs, and frames that would not be looked at."""
    if not is_run(source):
        if root is None:
            raise ChatdescError(f"{source!r} is no run folder; to score a dataset: chatdesc score NAME ROOT")
    elif anew:
        if root is None:
            raise ChatdescError("other encoders need the frames: chatdesc score RUN ROOT --encoder ...")
    else:
        refuse_unused({"root": root, "text_root": text_root}, RECORDED)


@dataclass(frozen=True, slots=True)
class Part:
    """Sequences of one run or dataset that go into the tables.

    Attributes:
        place: the run's folder or the dataset's name.
        run: the run, or None for the manual texts of a dataset.
        data: the frames, where texts are scored anew.
    """

    place: str
    dataset: str
    names: Sequence[str]
    run: Path | None = None
    data: Dataset | None = None
    notes: tuple[str, ...] = ()

    def rows(self, models: AlignmentModels, steps: Steps) -> Iterable[ScoredRow | Row]:
        """The rows: as the run recorded it, or scored by ``models``."""
        if self.data is None:
            assert self.run is not None
            return recorded_rows(self.run, self.names)
        if self.run is None:
            return score_texts(self.data, dict.fromkeys(self.names), models, steps)
        return rescored_rows(self.run, self.names, self.data, models, steps)


def _part(source: str | Path, root: str | Path | None, chosen: Selection, text_root: str | None, anew: bool) -> Part:
    """The sequences of ``source`` that were chosen, with their frames where texts are scored anew."""
    if not is_run(source):
        data = chosen.open(str(source), str(root), text_root)
        return Part(str(source), str(source), data.names, data=data)
    run = Path(source)
    names = chosen.of(run)
    if not anew:
        return Part(str(run), dataset_of(run), names, run)
    data = open_for(run, names, str(root), chosen, text_root)
    held, asked = set(data.names), set(names)
    lacking = [name for name in names if name not in held]
    of_run = f"of the run's {counted(len(names), 'sequence')}"
    note = f"{data.root} does not hold {len(lacking)} {of_run}: {some(lacking)}"
    chosen_names = [name for name in data.names if name in asked]
    return Part(str(run), dataset_of(run), chosen_names, run, data, (note,) if lacking else ())


def open_for(run: Path, names: Sequence[str], root: str, chosen: Selection, text_root: str | None) -> Dataset:
    """The dataset of a run, to look at the frames of its sequences ``names``.

    Raises:
        ChatdescError: it cannot be opened, holds none of them, or not one that was asked for by name.
    """
    data = Selection(chosen.split, split_file=chosen.split_file).open(dataset_of(run), root, text_root)
    refuse_other_data(data, names, run, named=bool(chosen.sequences))
    return data


def refuse_twice(parts: Sequence[Part]) -> None:
    """Refuse to count a sequence twice.

    Raises:
        ChatdescError: two parts are the same run.
    """
    places = [Path(part.place).resolve() for part in parts if part.run is not None]
    twice = [place for place in places if places.count(place) > 1]
    if twice:
        raise ChatdescError(f"{twice[0]} is named twice, and a sequence counts once: leave it out")


def overlap(parts: Sequence[Part]) -> bool:
    """Whether a sequence is in two parts, which are then no sample of one kind: intervals over all would shrink."""
    keys = [(part.dataset, name) for part in parts for name in part.names]
    return len(set(keys)) < len(keys)


def side_by_side(scores: Mapping[str, Scores], notes: Iterable[str] = ()) -> Scores:
    """Tables of several runs of the same sequences as one, with the run in the first column."""
    return Scores(
        [{"run": place} | row for place, of in scores.items() for row in of.alignment],
        [{"run": place} | row for place, of in scores.items() for row in of.statistics],
        tuple((f"{place}: {name}", why) for place, of in scores.items() for name, why in of.left_out),
        tuple(notes),
        sum(of.failed for of in scores.values()),
    )


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
        reasons = "".join(f"\n  {name}: {why}" for name, why in left_out[:SHOWN])
        more = f"\n  ... and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        raise ChatdescError(f"no sequence has a text and a visible target to score{reasons}{more}")
    by_dataset: dict[str, list[ScoredRow | Row]] = {}
    for row in rows:
        by_dataset.setdefault(row["dataset"] or "", []).append(row)
    statistics = [{"dataset": name} | line for name, of in by_dataset.items() for line in statistics_rows(of)]
    failed = sum(not row["alignment"] and _failed(row) for row in rows)
    return Scores(alignment, statistics, left_out, tuple(notes), failed)


def _failed(row: ScoredRow | Row) -> bool:
    """Whether a row lacks a score through a failure: a run's row says so, another has a problem."""
    status = row.get("status")
    return bool(row["problems"]) if status is None else status in BROKEN
