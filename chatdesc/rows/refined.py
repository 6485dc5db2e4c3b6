"""Refined texts with the frames and boxes of a local copy of their dataset.

>>> from pathlib import Path
>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.rows.store import Store
>>> from chatdesc.synthetic import render
>>> copy, run = Path(mkdtemp()), Path(mkdtemp()) / "run"
>>> name, *_ = render(copy, count=1, frames=2)
>>> with Store.open(run, {"dataset": "synthetic"}) as store:
...     store.save(empty_row() | {"sequence": name, "dataset": "synthetic", "text": "a red kite"})
>>> refined = load_refined(run, root=copy)
>>> sequence = refined[name]
>>> sequence.frames[0].shape, sequence.boxes.shape, sequence.text
((240, 320, 3), (2, 4), 'a red kite')

Names and texts come from the rows; frames, boxes and absence from the copy in ``root``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from chatdesc.loaders import load
from chatdesc.loaders.base import Dataset
from chatdesc.names import counted, some
from chatdesc.rows.schema import Row
from chatdesc.rows.sources import read_rows
from chatdesc.types import ChatdescError, Problem, Sequence

COLUMNS = ("sequence", "dataset", "split", "num_frames", "text")
MISSING = ("error", "skip")


class Refined:
    """Sequences with their refined text, by number or by name; each is read when it is asked for.

    Attributes:
        names: the sequences' names, in the rows' order.
        problems: one per row that was left out, and one for the sequences of ``root`` without a row.
    """

    def __init__(self, rows: dict[str, Row], copies: dict[str, Dataset], problems: tuple[Problem, ...]) -> None:
        self._rows, self._copies, self.problems = rows, copies, problems
        self.names = tuple(rows)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Sequence]:
        return (self[name] for name in self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __getitem__(self, which: int | str) -> Sequence:
        """One sequence; its ``text`` is None where the row has none.

        Raises:
            IndexError, ChatdescError: no such number or name.
            ChatdescError: the copy has another number of frames than the row, so the text may be of another video.
        """
        name = which if isinstance(which, str) else self.names[which]
        if name not in self._rows:
            raise ChatdescError(f"there is no row of a sequence {name!r}; .names has those that there are")
        row, sequence = self._rows[name], self._copies[name][name]
        if row["num_frames"] not in (None, len(sequence)):
            raise ChatdescError(
                f"{name}: the row is about {row['num_frames']} annotated frames, the copy has {len(sequence)}; "
                "is it the same version of the dataset?"
            )
        return replace(sequence, text=row["text"])


def load_refined(
    source: str | os.PathLike[str],
    name: str | None = None,
    split: str | None = None,
    *,
    root: str | os.PathLike[str],
    missing: str = "error",
    **options: Any,
) -> Refined:
    """Attach the rows of a run, a dataset folder or a Hub repository to a local copy of the frames.

    Args:
        source: a run, a dataset folder, or ``user/name`` on the Hub.
        name: which dataset of a repository that holds several (its configuration).
        split: only this split.
        root: where your copy of the source dataset is, as for ``chatdesc.load``.
        missing: rows whose sequence is not under ``root``: ``error``, or ``skip`` them with a problem each. Sequences
            under ``root`` without a row are left out, and one problem names them.
        options: for ``chatdesc.load``: ``texts``, ``cache``, ``storage_options``.

    Raises:
        ChatdescError: there are no rows or no such root, they are of several datasets, a sequence comes twice, or
            sequences are missing; the message says what to do.
    """
    if missing not in MISSING:
        raise ChatdescError(f"missing={missing!r} is not known; choose {' or '.join(MISSING)}")
    return attached(read_rows(os.fspath(source), split, name, COLUMNS), source, root=root, missing=missing, **options)


def attached(
    of: Iterable[Row],
    source: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str],
    missing: str = "error",
    **options: Any,
) -> Refined:
    """The same for rows that were read already; ``source`` says in errors where they come from.

    Raises:
        ChatdescError: as ``load_refined``.
    """
    rows = _by_name(of)
    dataset = _dataset(rows, os.fspath(source))
    copies, without_row = _copies(rows, dataset, root, options)
    absent = [sequence for sequence in rows if sequence not in copies]
    if len(absent) == len(rows) or (absent and missing == "error"):
        raise ChatdescError(_advice(absent, len(rows), dataset, root))
    problems = [Problem("missing_frames", f"{root}: has no sequence {name}; its row is left out") for name in absent]
    if without_row:
        count = counted(len(without_row), "sequence without a row is", "sequences without a row are")
        why = f"{root}: {count} left out ({some(without_row, 3)}); the rows are those of {os.fspath(source)}"
        problems.append(Problem("no_row", why))
    return Refined({name: row for name, row in rows.items() if name in copies}, copies, tuple(problems))


def _by_name(rows: Iterable[Row]) -> dict[str, Row]:
    by_name: dict[str, Row] = {}
    for row in rows:
        if by_name.setdefault(row["sequence"], row) is not row:
            raise ChatdescError(f"{row['sequence']} has two rows; choose one split=")
    return by_name


def _dataset(rows: dict[str, Row], source: str) -> str:
    names = sorted({row.get("dataset") or "" for row in rows.values()})
    if not rows:
        raise ChatdescError(f"{source}: has no row")
    if len(names) > 1 or not names[0]:
        raise ChatdescError(f"{source}: its rows do not name one source dataset but {names}; choose one name=")
    return names[0]


def _copies(
    rows: dict[str, Row], dataset: str, root: str | os.PathLike[str], options: dict[str, Any]
) -> tuple[dict[str, Dataset], list[str]]:
    """The opened dataset that has each row's sequence, and the names that have no row."""
    by_split: defaultdict[str | None, list[str]] = defaultdict(list)
    for name, row in rows.items():
        by_split[row.get("split")].append(name)
    copies: dict[str, Dataset] = {}
    without: set[str] = set()
    for split, names in by_split.items():
        copy = _open(dataset, root, split, options)
        copies |= {name: copy for name in names if name in copy}
        without |= set(copy.names) - set(rows) if copy.split == split else set()
    return copies, sorted(without)


def _open(dataset: str, root: str | os.PathLike[str], split: str | None, options: dict[str, Any]) -> Dataset:
    """The copy's own split, or all of a copy that knows no splits (a few sequences, unpacked side by side)."""
    try:
        return load(dataset, root, split=split, **options)
    except ChatdescError:
        if split is None:
            raise
        return load(dataset, root, **options)


def _advice(absent: list[str], count: int, dataset: str, root: str | os.PathLike[str]) -> str:
    if len(absent) == count:
        return f"{root}: has no sequence of these rows ({count}); is it the root of {dataset}?"
    gone = counted(len(absent), f"of {count} sequences is not there", f"of {count} sequences are not there")
    return f'{root}: {gone} ({some(absent, 3)}); complete the copy of {dataset}, or leave them out with missing="skip"'
