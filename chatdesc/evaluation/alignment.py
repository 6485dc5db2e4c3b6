"""Alignment of texts and targets, by encoders: a run's texts scored anew, or the manual texts of a dataset.

>>> manual = {"encoder": "clip", "manual": 20.0, "refined": 26.0, "manual_margin": 1.0, "refined_margin": 2.0}
>>> entry = manual | {"frames": 4, "manual_truncated": True, "truncated": False}
>>> cosine, margin = alignment_rows([{"dataset": "lasot", "alignment": [entry]}])
>>> cosine["difference"], cosine["manual_truncated"], margin["refined"]
(6.0, 1.0, 2.0)
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from chatdesc.backends import create
from chatdesc.config import Settings
from chatdesc.engine.models import Models
from chatdesc.engine.schedule import Scheduler
from chatdesc.evaluation.intervals import (
    better_cell,
    cut_cell,
    detectable_cell,
    fitting_digits,
    gain_cell,
    paired_means,
)
from chatdesc.evaluation.phrases import phrases
from chatdesc.evaluation.steps import Steps
from chatdesc.loaders.base import Dataset
from chatdesc.metrics.paired import known_mean
from chatdesc.rows.schema import AlignmentRecord, Row
from chatdesc.rows.store import Store, read_config
from chatdesc.stages.align import Ratings, Wording, alignment_column, frames_of, rate
from chatdesc.stages.track import Phrase
from chatdesc.tables import Record, show
from chatdesc.types import ChatdescError, Sequence, one_line

IN_FLIGHT = 8
MOST_FRAMES = 32  # of a sequence, where a source has a text for each of many ranges: they are all kept in memory

Texts = dict[str, Wording]  # by the text's name: manual, refined, or that of a source


class AlignedRow(TypedDict):
    """What alignment tables need of a row."""

    dataset: str
    alignment: list[AlignmentRecord]


class ScoredRow(AlignedRow):
    """One sequence with its texts scored; without ``alignment`` it has no score, and ``problems`` may say why."""

    sequence: str
    category: str | None
    manual_text: str | None
    text: str | None
    problems: list[str]


@dataclass(frozen=True, slots=True)
class AlignmentModels:
    """How texts are scored.

    Attributes:
        encoders: encoders as in ``create("encoder", ...)``.
        grounder: the grounder that finds distractors, or ``none``.
        frames: frames over which alignment is averaged.
        device: where models run.
    """

    encoders: tuple[str, ...] = ("attributes",)
    grounder: str = "attributes"
    frames: int = 4
    device: str = "auto"

    @property
    def settings(self) -> Settings:
        """The settings of the stage that scores."""
        return Settings(encoders=self.encoders, alignment_frames=self.frames)

    def load(self) -> Models:
        """The models.

        Raises:
            ChatdescError: no backend has such a name, or its model cannot be loaded.
        """
        grounder = None if self.grounder == "none" else create("grounder", self.grounder, device=self.device)
        encoders = {spec: create("encoder", spec, device=self.device) for spec in self.encoders}
        return Models(grounder=grounder, encoders=encoders)


def recorded_rows(run: Path, names: Iterable[str]) -> list[Row]:
    """A run's rows of ``names``, scored as the run recorded it.

    Raises:
        ChatdescError: the folder is no run, or has none of them.
    """
    read_config(run)
    rows = list(Store(run).rows(names))
    if not rows:
        raise ChatdescError(f"{run} has no finished sequence yet; run `chatdesc annotate` first")
    return rows


def rescored_rows(
    run: Path, names: Collection[str], data: Dataset, models: AlignmentModels, steps: Steps | None = None
) -> list[ScoredRow]:
    """A run's rows of ``names``, scored on the frames of ``data``; rows without a text come last, without a score.

    Raises:
        ChatdescError: the folder is no run, or has none of them, or a model cannot be loaded.
    """
    recorded = recorded_rows(run, names)
    texts = {row["sequence"]: texts_of_row(row) for row in recorded if row["text"] is not None}
    scored = score_texts(data, {name: texts[name] for name in data.names if name in texts}, models, steps)
    return scored + [_without_score(row) for row in recorded if row["text"] is None]


def _without_score(row: Row) -> ScoredRow:
    return {
        "sequence": row["sequence"],
        "dataset": row["dataset"],
        "category": row["category"],
        "alignment": [],
        "manual_text": row["manual_text"],
        "text": row["text"],
        "problems": row["problems"],
    }


def texts_of_row(row: Row) -> Texts:
    """A row's texts by name; empty ones are left out."""
    manual = manual_text(row["manual_text"])
    refined = tuple(phrase for phrase in phrases(row, "refined") if phrase.text)
    return manual | ({"refined": refined} if refined else {})


def manual_text(text: str | None) -> Texts:
    """A manual text, in one line; nothing where it is empty."""
    said = one_line(text or "")
    return {"manual": (Phrase(0, said),)} if said else {}


def score_texts(
    data: Dataset, texts: dict[str, Texts | None], models: AlignmentModels, steps: Steps | None = None
) -> list[ScoredRow]:
    """Score the manual and the refined texts of sequences as ``rate_texts`` does, as rows have it."""
    return [_scored_row(rated) for rated in rate_texts(data, texts, models, steps)]


@dataclass(frozen=True, slots=True)
class Rated:
    """One sequence whose texts were measured together.

    Attributes:
        texts: by name.
        ratings: empty where nothing could be measured; ``problems`` may say why.
    """

    sequence: str
    dataset: str
    category: str | None
    texts: Texts
    ratings: Ratings
    problems: tuple[str, ...] = ()


def rate_texts(
    data: Dataset,
    texts: Mapping[str, Texts | None],
    models: AlignmentModels,
    steps: Steps | None = None,
    more: Mapping[str, Texts] | None = None,
) -> list[Rated]:
    """Measure texts of sequences with every encoder and the grounder, in the order in which they are done.

    All texts of a sequence are measured in one pass over its frames, each of which is decoded once.

    Args:
        texts: sequence -> its texts; None takes the manual text of the dataset.
        more: sequence -> texts of other sources beside them.

    Raises:
        ChatdescError: a model cannot be loaded.
    """
    settings, loaded = models.settings, models.load()
    threshold = None if loaded.grounder is None else loaded.threshold(settings)

    def job(name: str, given: Texts | None) -> Generator[Any, Any, Rated]:
        sequence = data[name]
        words = (manual_text(sequence.manual_text) if given is None else given) | (more or {}).get(name, {})
        about = name, data.dataset, sequence.category, words
        if not sequence.usable:
            problems = tuple(problem.message for problem in sequence.problems if problem.fatal)
            return Rated(*about, Ratings([], []), problems)
        most = max(models.frames, MOST_FRAMES)
        _keep_frames(sequence, max(models.frames, len(frames_of(sequence, words, models.frames, most))) * IN_FLIGHT)
        return Rated(*about, (yield from rate(sequence, words, settings, threshold, most)))

    rows: list[Rated] = []
    for name, result in Scheduler(loaded.lanes(), IN_FLIGHT).run((name, job(name, of)) for name, of in texts.items()):
        why = f"{type(result).__name__}: {result}"
        broke = isinstance(result, Exception)
        rows.append(Rated(name, data.dataset, None, {}, Ratings([], []), (why,)) if broke else result)
        if steps:
            steps.add()
    return rows


def _scored_row(rated: Rated) -> ScoredRow:
    return {
        "sequence": rated.sequence,
        "dataset": rated.dataset,
        "category": rated.category,
        "alignment": alignment_column(rated.ratings.alignments),
        "manual_text": first_text(rated.texts, "manual"),
        "text": first_text(rated.texts, "refined"),
        "problems": list(rated.problems),
    }


def first_text(texts: Texts, name: str) -> str | None:
    """The text from frame 0 on."""
    return texts[name][0].text if name in texts else None


def _keep_frames(sequence: Sequence, frames: int) -> None:
    """Room in the cache for ``frames``: every encoder looks at the same frames in its turn."""
    cache = sequence.frames.cache
    if cache is not None:
        cache.max_items = max(cache.max_items, frames)


def alignment_rows(rows: Iterable[AlignedRow]) -> list[Record]:
    """Dataset x encoder x measure: mean cosine x 100 and margin per text, and their paired difference (COLUMNS).

    Means rest on the ``pairs`` that have both numbers, of ``sequences``; where no sequence has both, each text has the
    mean of its own.
    """
    groups: dict[tuple[str, str], list[AlignmentRecord]] = {}
    for row in rows:
        for entry in row["alignment"] or []:
            groups.setdefault((row.get("dataset") or "", entry["encoder"]), []).append(entry)
    table: list[Record] = []
    for (dataset, encoder), entries in groups.items():
        cosines = [(entry["manual"], entry["refined"]) for entry in entries]
        margins = [(entry["manual_margin"], entry["refined_margin"]) for entry in entries]
        truncated = {
            "manual_truncated": known_mean(entry["manual_truncated"] for entry in entries),
            "refined_truncated": known_mean(entry["truncated"] for entry in entries),
        }
        for measure, pairs in (("cosine", cosines), ("margin", margins)):
            named = {"dataset": dataset, "encoder": encoder, "measure": measure, "sequences": len(pairs)}
            table.append(named | paired_means(pairs) | truncated)
    return table


def shown_alignment(rows: list[Record]) -> list[Record]:
    """Rows of ``alignment_rows`` for a terminal, in fewer columns; the dataset only where there are several."""
    several = len({row["dataset"] for row in rows}) > 1
    kept = ("run", *(["dataset"] if several else []))
    return [{key: row[key] for key in kept if key in row} | _shown(row) for row in rows]


def _shown(row: Record) -> Record:
    digits = fitting_digits(row, least=1)
    return {
        "encoder": row["encoder"],
        "measure": row["measure"],
        "n": str(row["pairs"] or row["sequences"]),
        "manual": show(row["manual"], digits),
        "refined": show(row["refined"], digits),
        "gain (95 %)": gain_cell(row, least=1),
        "MDE": detectable_cell(row, least=1),
        "better/ worse": better_cell(row),
        "cut, %": cut_cell(row),
    }
