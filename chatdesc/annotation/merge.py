"""``chatdesc.merge``: runs of parts of a dataset as one run, with a look at what is there twice and what is missing.

Rows are read one at a time, so memory does not grow with the number of sequences.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from os import PathLike
from pathlib import Path

from chatdesc.atomic import write_atomic
from chatdesc.engine import budget
from chatdesc.engine.run import failed
from chatdesc.names import counted, natural, some
from chatdesc.rows import evidence
from chatdesc.rows.schema import Row
from chatdesc.rows.shard import kept
from chatdesc.rows.store import Store, dataset_of, read_config, refuse_difference
from chatdesc.share.dataset import write_dataset
from chatdesc.tables import Progress
from chatdesc.types import ChatdescError


@dataclass(frozen=True, slots=True)
class Merged:
    """What ``merge`` did.

    Attributes:
        out: the new run.
        dataset: its refined dataset.
        sequences: how many rows it has.
        twice: sequences that several runs have, with equal rows, or with one row that did not fail.
        failed: sequences without a text, or whose work broke off.
        missing: sequences of the shards without a row.
        shards: shards that no run is, such as ``3/8``.
        left_out: why a row is not in the dataset, per sequence.
    """

    out: Path
    dataset: Path
    sequences: int
    twice: tuple[str, ...]
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    shards: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)


def merge(
    runs: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    allow_gaps: bool = False,
    progress: Progress | None = None,
) -> Merged:
    """Merge runs with the same configuration into a new run, and write its dataset.

    The runs stay as they are. The same call continues where it was stopped, and takes new rows of the runs.

    Args:
        runs: run folders, such as those of ``annotate(..., shard="1/8")`` and its siblings.
        out: the new run's folder.
        allow_gaps: merge although shards or sequences are missing, or failed.
        progress: called with (rows done, all rows, a note).

    Raises:
        ChatdescError: two runs differ in their configuration or in a row of the same sequence, a row cannot be read
            back, or something is missing.
    """
    places = [Path(run) for run in runs]
    target = Path(out)
    config = _common_config(places, target)
    found = _survey(places)
    gaps = _gaps(places, found)
    if not allow_gaps and (gaps.shards or gaps.missing or found.failed):
        raise ChatdescError(_said(gaps, found))
    with Store.open(target, config) as store:
        for done, (name, place) in enumerate(sorted(found.best.items(), key=lambda item: natural(item[0])), 1):
            _copy(store, place, name)
            if progress:
                progress(done, len(found.best), "")
        names = sorted(store.names(), key=natural)
        used = sum((budget.kept(place) for place in places), budget.Account())
        budget.keep(target, used)
        written = write_dataset(
            store.rows(names), target / "dataset", dataset=dataset_of(target), account=used.sentence()
        )
    return Merged(
        target, target / "dataset", len(names), tuple(found.twice), tuple(found.failed), gaps.missing, gaps.shards,
        written.left_out,
    )  # fmt: skip


@dataclass(slots=True)
class _Found:
    """Which run has the row to take of each sequence; what is there twice, and what failed in all runs."""

    best: dict[str, Path] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Gaps:
    shards: tuple[str, ...]
    missing: tuple[str, ...]


def _common_config(places: Sequence[Path], target: Path) -> dict[str, object]:
    if not places:
        raise ChatdescError("name the runs to merge: chatdesc merge RUN RUN --out RUN")
    where = [place.resolve() for place in places]
    if twice := [place for place, full in zip(places, where, strict=True) if where.count(full) > 1]:
        raise ChatdescError(f"{twice[0]} is named twice; leave it out")
    if target.resolve() in where:
        raise ChatdescError(f"--out {target} is one of the runs; choose a new folder")
    config = read_config(places[0])
    for place in places[1:]:
        try:
            refuse_difference(places[0], config, read_config(place))
        except ChatdescError as error:
            lines = [line for line in str(error).splitlines() if line.startswith("  ")]
            raise ChatdescError(
                f"{places[0]} and {place} were made with different configurations (was: the first, now: the second):\n"
                + "\n".join(lines)
                + "\nOnly runs with one configuration can be merged."
            ) from None
    return config


def _survey(places: Sequence[Path]) -> _Found:
    """Look at all rows once; of two rows of one sequence the one that did not fail counts."""
    found, known, differing = _Found(), dict[str, tuple[bool, bytes]](), list[str]()
    for place in places:
        for row in _rows(place):
            name, ok, content = row["sequence"], not failed(row), _hash(row)
            if name not in known:
                found.best[name], known[name] = place, (ok, content)
                continue
            found.twice.append(name)
            before, same = known[name][0], known[name][1] == content
            if ok and not before:
                found.best[name], known[name] = place, (ok, content)
            elif ok and before and not same:
                differing.append(f"{name} ({found.best[name]}, {place})")
    if differing:
        raise ChatdescError(
            f"{counted(len(differing), 'sequence has', 'sequences have')} another row in another run: "
            f"{some(differing)}; remove the row file of one of them"
        )
    found.failed = sorted((name for name, (ok, _) in known.items() if not ok), key=natural)
    return found


def _rows(place: Path) -> Iterator[Row]:
    store = Store(place)
    return store.rows(sorted(store.names(), key=natural))


def _hash(row: Row) -> bytes:
    return sha256(json.dumps(row, sort_keys=True).encode("utf-8", "surrogatepass")).digest()


def _gaps(places: Sequence[Path], found: _Found) -> _Gaps:
    """Shards that no run is, and sequences of shards without a row.

    Raises:
        ChatdescError: the shards are of different counts.
    """
    shards = [(place, known) for place in places if (known := kept(place)) is not None]
    counts = {known.shard.count for _, known in shards}
    if len(counts) > 1:
        named = ", ".join(f"{place} is {known.shard}" for place, known in shards[:4])
        raise ChatdescError(f"the runs are shards of different counts: {named}; merge those of one count")
    present = {known.shard.number for _, known in shards}
    total = next(iter(counts), 0)
    missing = {name for _, known in shards for name in known.sequences} - found.best.keys()
    return _Gaps(
        tuple(f"{number}/{total}" for number in range(1, total + 1) if number not in present),
        tuple(sorted(missing, key=natural)),
    )


def _said(gaps: _Gaps, found: _Found) -> str:
    lines = []
    if gaps.shards:
        lines.append(f"no run is shard {some(gaps.shards)}")
    if gaps.missing:
        lines.append(f"{counted(len(gaps.missing), 'sequence has', 'sequences have')} no row: {some(gaps.missing)}")
    if found.failed:
        lines.append(f"{counted(len(found.failed), 'sequence', 'sequences')} failed: {some(found.failed)}")
    return "\n".join([*lines, "Repeat the commands of those shards, or merge what is there with --allow-gaps."])


def _copy(store: Store, place: Path, name: str) -> None:
    """Take a row, and its evidence before it; nothing is written where both are there already."""
    row = Store(place).load(name)
    assert row is not None
    source, target = evidence.place_of(place, name), evidence.place_of(store.root, name)
    if source.is_file():
        content = source.read_bytes()
        if not target.is_file() or target.read_bytes() != content:
            write_atomic(target, content)
    else:
        target.unlink(missing_ok=True)
    there = store.finished(name)
    if there is None or _hash(there) != _hash(row):
        store.save(row)
