"""A small dataset, a run on it that nothing disturbs, and the comparison of rows with those of that run."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.fuzz.command import command
from tests.makers.full_rows import same

QUICK = ("--tracker", "none", "--alignment-frames", "1", "--rounds", "1")
Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Scene:
    """A dataset at ``root``, the undisturbed run ``run`` on it, and that run's published rows by sequence."""

    root: Path
    run: Path
    rows: Rows

    def annotate(self, out: Path, *options: object) -> list[object]:
        """The command line of the run, into another folder."""
        return ["annotate", "lasot", self.root, "--out", out, *QUICK, *options]


@cache
def scratch() -> Path:
    """A folder that goes with this process."""
    folder = tempfile.TemporaryDirectory(prefix="chatdesc-rig-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def fresh() -> Path:
    """A new empty folder that goes with this process."""
    return Path(tempfile.mkdtemp(dir=scratch()))


@cache
def scene(count: int = 4, frames: int = 2, seed: int = 11) -> Scene:
    """The synthetic scene of a seed, rendered and annotated once."""
    folder = fresh()
    render(folder / "data", count=count, frames=frames, seed=seed)
    made = Scene(folder / "data", folder / "run", {})
    done = command(*made.annotate(made.run))
    assert done.code == 0, done
    made.rows.update(published(made.run / "dataset"))
    assert len(made.rows) == count
    return made


def published(dataset: Path) -> Rows:
    """The rows of a dataset folder by sequence, read without chatdesc."""
    from pyarrow import parquet

    rows = (
        row for file in sorted((dataset / "data").glob("*.parquet")) for row in parquet.read_table(file).to_pylist()
    )
    return {row["sequence"]: row for row in rows}


def finished(run: Path) -> Rows:
    """The rows of a run folder that can be read back, by sequence."""
    store = Store(run)
    rows = (store._read(path) for path in sorted(store.rows_dir.glob("*.json")))
    return {row["sequence"]: dict(row) for row in rows if row is not None}


def lost(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The sequences of ``before`` that are missing in ``after`` or have another row there."""
    return [name for name, row in before.items() if name not in after or not same(row, after[name])]


def difference(expected: Rows, found: Rows) -> str:
    """How rows differ from those of the undisturbed run, in words; empty where they are equal in every field."""
    missing, more = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    fields = [
        f"{name}.{key}"
        for name in sorted(expected.keys() & found.keys())
        for key in sorted(expected[name].keys() | found[name].keys())
        if not same(expected[name].get(key), found[name].get(key))
    ]
    said = {"missing": missing, "too many": more, "differing": fields}
    return "; ".join(f"{what}: {', '.join(names[:5])}" for what, names in said.items() if names)


def first(reasons: Iterable[str]) -> str:
    """The first reason that is not empty."""
    return next(filter(None, reasons), "")
