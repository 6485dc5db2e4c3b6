"""The texts that an audit is about: of a dataset, of a run, or of rows that were published.

>>> from tempfile import mkdtemp
>>> from chatdesc.synthetic import render
>>> root = mkdtemp()
>>> names = render(Path(root), count=2, frames=3)
>>> audited = subjects("synthetic", root)
>>> {subject.sequence for subject in audited.subjects} == set(names), audited.subjects[0].num_frames
(True, 3)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, cast, get_args

from chatdesc.checks.base import Subject
from chatdesc.loaders import NAMES
from chatdesc.loaders.base import Dataset
from chatdesc.names import near, some
from chatdesc.private import without_secrets
from chatdesc.rows.check import wrong_column
from chatdesc.rows.schema import COLUMNS, HEAVY, Row
from chatdesc.rows.selection import Selection, named_sequences
from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store, is_run
from chatdesc.types import ChatdescError, Sequence
from chatdesc.unused import refuse_unused

TextSource = Literal["manual", "refined"]
READ = tuple(name for name in COLUMNS if name not in (*HEAVY, "tracking"))  # what does not grow with the frames


@dataclass(frozen=True, slots=True)
class Audited:
    """What is audited.

    Attributes:
        place: the dataset's name and root, or the place of the rows.
        text_source: ``manual``, or ``refined`` for the texts to use.
        notes: what a reader must know.
    """

    place: str
    subjects: tuple[Subject, ...]
    text_source: TextSource = "manual"
    notes: tuple[str, ...] = ()


def subjects(
    source: str,
    root: str | None = None,
    chosen: Selection | None = None,
    *,
    text_root: str | None = None,
    config: str | None = None,
    text_source: str | None = None,
    needed: bool = True,
) -> Audited:
    """The texts of a dataset ``source`` at ``root``; without a root, those of a run, a dataset folder or a repository.

    Args:
        chosen: which sequences.
        text_root: another root that holds the dataset's texts.
        config: which of several datasets in one repository.
        text_source: of rows, ``manual`` or ``refined``; None takes the manual texts where there are any.
        needed: whether there must be a text.

    Raises:
        ChatdescError: nothing can be read there, no sequence has a needed text, or an argument takes no part.
    """
    chosen = chosen or Selection()
    if text_source not in (None, *get_args(TextSource)):
        raise ChatdescError(f"there is no text source {text_source!r}: say manual or refined")
    if root is not None:
        of_rows = {"config": config, "text_source": text_source}
        refuse_unused(of_rows, "for a dataset at ROOT, which has manual texts only")
        return _of_dataset(source, root, chosen, text_root, needed)
    refuse_unused({"text_root": text_root}, "for a run or a dataset folder, whose rows hold the texts")
    by_name: dict[str, Row] = {}
    rows = _rows(source, chosen, config)
    twice = [row["sequence"] for row in rows if by_name.setdefault(row["sequence"], row) is not row]
    found = _of_rows(source, tuple(by_name.values()), cast("TextSource | None", text_source), twice)
    if needed and not any(subject.text.strip() for subject in found.subjects):
        raise ChatdescError(f"{source}: no row has a {'manual text' if text_source == 'manual' else 'text'} to audit")
    return found


def _of_dataset(name: str, root: str, chosen: Selection, text_root: str | None, needed: bool) -> Audited:
    if is_run(name):
        raise ChatdescError(f"{name} is a run, whose rows hold its texts: leave ROOT out")
    data = chosen.open(name, root, text_root)
    found = tuple(map(of_sequence, data))
    if needed and not any(subject.text.strip() for subject in found):
        raise ChatdescError(f"{root}: {_why_none(data)}, so there is nothing to audit; a run has texts to audit")
    problems = tuple(f"dataset: {problem.kind}: {problem.message}" for problem in data.problems)
    return Audited(without_secrets(f"{name} at {data.root}"), found, notes=problems)


def _why_none(data: Dataset) -> str:
    return (
        f"no sequence has a text ({len(data)} looked at)" if data.has_texts else f"{data.dataset} comes without texts"
    )


def of_sequence(sequence: Sequence) -> Subject:
    """A sequence's own text."""
    return Subject(
        sequence.name,
        sequence.manual_text or "",
        sequence.category,
        len(sequence),
        sequence.status,
        tuple(problem.message for problem in sequence.problems),
    )


def _rows(source: str, chosen: Selection, config: str | None) -> Iterable[Row]:
    if is_run(source):
        return Store(Path(source)).rows(chosen.of(Path(source)))
    if source in NAMES and not Path(source).exists():
        raise ChatdescError(f"to audit a dataset, say where it is: chatdesc audit {source} ROOT")
    refuse_unused({"split_file": chosen.split_file}, "for a dataset folder or a repository: name a --split")
    return islice(_named(source, read_rows(source, chosen.split, config, READ), chosen.sequences), chosen.limit)


def _named(source: str, rows: Iterable[Row], listed: str | None) -> Iterator[Row]:
    """The rows of the sequences in a list, which must all be there."""
    names = named_sequences(listed)
    seen: set[str] = set()
    for row in rows:
        if wrong := wrong_column(row, READ):
            raise ChatdescError(f"{source}: row {row.get('sequence')}: column {wrong} has another type than chatdesc's")
        seen.add(row["sequence"])
        if names is None or row["sequence"] in names:
            yield row
    if lacking := sorted(set(names or ()) - seen):
        raise ChatdescError(f"{source} has no sequence {lacking[0]!r}{near(lacking[0], seen)}")


def _of_rows(source: str, rows: Collection[Row], text_source: TextSource | None, twice: list[str]) -> Audited:
    manual = any((row.get("manual_text") or "").strip() for row in rows)
    used: TextSource = text_source or ("manual" if manual else "refined")
    notes = ["no row has a manual text: the texts to use are audited"] if text_source is None and not manual else []
    notes += [f"rows of sequences that another row has are left out: {some(twice)}"] if twice else []
    return Audited(source, tuple(of_row(row, used) for row in rows), used, tuple(notes))


def of_row(row: Row, text_source: TextSource = "manual") -> Subject:
    """A row's manual text, or its text to use; of a published dataset columns may be missing."""
    text = row.get("manual_text") if text_source == "manual" else row.get("text")
    return Subject(
        row["sequence"],
        text or "",
        row.get("category"),
        row.get("num_frames"),
        row.get("status") or "ok",
        tuple(row.get("problems") or ()),
        row,
        ranges=() if text_source == "manual" else _ranges(row),
    )


def _ranges(row: Row) -> tuple[tuple[int, int], ...]:
    """The ranges of frames that have the row's text to use; empty where the whole video has."""
    return tuple((part["start"], part["stop"]) for part in row.get("ranges") or () if part["text"] == row.get("text"))
