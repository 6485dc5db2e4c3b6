"""The runs and datasets that ``score`` puts into its tables, with the sequences that were chosen of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatdesc.evaluation.alignment import AlignmentModels, ScoredRow, recorded_rows, rescored_rows, score_texts
from chatdesc.evaluation.steps import Steps
from chatdesc.loaders.base import Dataset
from chatdesc.names import counted, some
from chatdesc.rows.schema import Row
from chatdesc.rows.selection import Selection, refuse_other_data
from chatdesc.rows.store import dataset_of, is_run
from chatdesc.texts.named import RESERVED
from chatdesc.types import ChatdescError


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


def part_of(source: str | Path, root: str | Path | None, chosen: Selection, text_root: str | None, anew: bool) -> Part:
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


def labels(runs: Sequence[Path]) -> list[str]:
    """A name for each run: its folder's, with the folder above it where two are called the same.

    >>> labels([Path("runs/qwen"), Path("runs/intern")]), labels([Path("a/run"), Path("b/run"), Path("manual")])
    (['qwen', 'intern'], ['a/run', 'b/run', 'run-manual'])
    """
    names = [run.resolve().name for run in runs]
    longer = [f"{run.resolve().parent.name}/{name}" for run, name in zip(runs, names, strict=True)]
    unique = [more if names.count(name) > 1 else name for name, more in zip(names, longer, strict=True)]
    return [f"run-{name}" if name in RESERVED else name for name in unique]
