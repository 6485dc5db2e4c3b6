"""``chatdesc.apply``: decisions as rows, and as a patch of the dataset's own files. The source stays as it is."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdesc.atomic import aside, make_folder, recover, swap_in, write_atomic, writing
from chatdesc.checks.fix import outside
from chatdesc.decisions.decided_row import decided_row, text_after
from chatdesc.decisions.decision import Decision, key_of, refuse_twins
from chatdesc.decisions.journal import Journal
from chatdesc.decisions.outcome import Outcome, settle
from chatdesc.decisions.own_files import FileChange, change, commands
from chatdesc.decisions.review import folder_of
from chatdesc.loaders import Dataset, load
from chatdesc.names import some
from chatdesc.page.material import StrPath, whole
from chatdesc.rows.schema import Row
from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store, is_run, read_config
from chatdesc.share.dataset import write_dataset
from chatdesc.tables import Record, Tabular
from chatdesc.types import ChatdescError

PATCH = "texts.patch"


@dataclass(frozen=True, slots=True)
class Applied(Tabular):
    """What ``apply`` made of decisions.

    Attributes:
        out: a run folder where the source is one; ``dataset`` in it is the refined dataset.
        outcomes: what the decisions about each row come to.
        rows: how many rows there are, decided or not.
        patch: the patch of the dataset's own files; None without a root, or where no file changes.
        files: how many files it changes.
        command, undo: what applies the patch, and takes it back.
        unwritten: why a decided text is not in the patch, per sequence.
        left_out: why a row is not in the dataset, per sequence: it holds a path of this machine or a token.
    """

    out: Path
    outcomes: tuple[Outcome, ...]
    rows: int
    patch: Path | None = None
    files: int = 0
    command: str = ""
    undo: str = ""
    unwritten: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """How many rows have each verdict, and how many stay as they are because of their state."""
        return dict(Counter(o.by.verdict if o.by else o.state for o in self.outcomes))

    def records(self) -> list[Record]:
        """One record per row about which a decision stands."""
        return [
            {
                "sequence": outcome.sequence,
                "state": outcome.state,
                "verdict": outcome.by.verdict if outcome.by else None,
                "kind": (outcome.by.kind or None) if outcome.by else None,
                "reviewers": outcome.reviewers,
                "before": outcome.row["text"] if outcome.row else None,
                "after": decided_row(outcome.row, outcome.by)["text"] if outcome.row and outcome.by else None,
                "reason": (outcome.by.reason or None) if outcome.by else None,
            }
            for outcome in self.outcomes
        ]


def apply(
    source: StrPath,
    out: StrPath,
    *,
    decisions: StrPath | None = None,
    root: StrPath | None = None,
    reviewer: str | None = None,
    latest: bool = False,
    split: str | None = None,
    config: str | None = None,
    text_root: str | None = None,
) -> Applied:
    """Make new rows of decisions and, with ``root``, a patch of the dataset's own text files.

    Args:
        source: the run, dataset folder or Hub repository that was reviewed; it stays as it is.
        out: a new folder, complete or absent.
        decisions: the folder of decisions; None takes ``RUN/review`` of a run.
        root: the dataset; it stays as it is until you apply the patch.
        reviewer: only this reviewer's decisions count.
        latest: where reviewers differ, the decision that was made last counts; else such rows stay as they are.
        split, config: as for ``chatdesc.review``.
        text_root: otb-lang: where the ``OTB_query_*`` folders are.

    Raises:
        ChatdescError: there is no decision, none of ``reviewer``, a source cannot be read, or ``out`` exists.
    """
    folder = folder_of(source, decisions)
    made = Journal(folder).read()
    _refuse_none(made, folder, reviewer)
    rows = [whole(row) for row in read_rows(os.fspath(source), split, config)]
    refuse_twins(rows)
    dataset = _dataset_of(rows, os.fspath(source))
    data = load(dataset, root, texts=text_root) if root is not None else None
    target = outside((data.source, data.text_source) if data else (), Path(out))
    outcomes = settle(rows, made, reviewer, latest)
    changes, unwritten = _changes(data, outcomes) if data else ([], {})
    left_out = _write(target, Path(source).expanduser(), dataset, _decided(rows, outcomes), changes)
    patch = target / PATCH if changes else None
    apply_it, take_back = commands(data, patch, any(one.packed for one in changes)) if data and patch else ("", "")
    return Applied(target, tuple(outcomes), len(rows), patch, len(changes), apply_it, take_back, unwritten, left_out)


def _refuse_none(made: Iterable[Decision], folder: Path, reviewer: str | None) -> None:
    names = sorted({one.reviewer for one in made})
    if not names:
        raise ChatdescError(f"{folder}: holds no decision; `chatdesc review` makes them, or name their folder")
    if reviewer is not None and reviewer not in names:
        raise ChatdescError(f"{folder}: holds no decision of {reviewer!r}; it has those of {some(names)}")


def _dataset_of(rows: list[Row], source: str) -> str:
    names = sorted({row["dataset"] or "" for row in rows})
    if len(names) != 1 or not names[0]:
        raise ChatdescError(f"{source}: its rows do not name one source dataset but {names}; choose one with --config")
    return names[0]


def _decided(rows: Iterable[Row], outcomes: Iterable[Outcome]) -> Iterator[Row]:
    by = {key_of(o.row): o.by for o in outcomes if o.row and o.by}
    for row in rows:
        made = by.get(key_of(row))
        yield decided_row(row, made) if made else row


def _changes(data: Dataset, outcomes: Iterable[Outcome]) -> tuple[list[FileChange], dict[str, str]]:
    changes, unwritten = [], {}
    for outcome in outcomes:
        if outcome.row and outcome.by and outcome.by.verdict in ("accept", "edit"):
            try:
                changes.append(change(data, outcome.row, text_after(outcome.row, outcome.by)))
            except ChatdescError as error:
                unwritten[outcome.sequence] = str(error)
    return [made for made in changes if made], unwritten


def _write(out: Path, source: Path, dataset: str, rows: Iterable[Row], changes: Iterable[FileChange]) -> dict[str, str]:
    """Write all of it beside ``out`` and swap it in; why rows are not in the dataset."""
    new = aside(out, "new")
    make_folder(out.parent)
    recover(out)
    try:
        with writing(out):
            made = list(rows)
            if is_run(source):
                _write_run(new, source, made)
            written = write_dataset(made, new / "dataset", dataset=dataset)
            if content := b"".join(one.patch for one in changes):
                write_atomic(new / PATCH, content)
            if out.exists():
                out.rmdir()
            swap_in(out)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    return written.left_out


def _write_run(new: Path, source: Path, rows: Iterable[Row]) -> None:
    """A run of its own, which ``annotate`` does not continue: its texts are people's."""
    config: dict[str, Any] = read_config(source) | {"reviewed": True}
    with Store.open(new, config) as store:
        for row in rows:
            store.save(row)
    if (source / "evidence").is_dir():
        shutil.copytree(source / "evidence", new / "evidence")
