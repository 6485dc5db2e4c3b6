"""A run: a dataset, settings, models and a folder; sequences in, rows out."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from chatdesc.config import Resources, Settings
from chatdesc.engine.models import Models
from chatdesc.engine.schedule import Scheduler
from chatdesc.names import natural
from chatdesc.rows.schema import Provenance, Row, empty_row
from chatdesc.rows.store import Store
from chatdesc.stages.describe import prompt_hashes
from chatdesc.stages.sequence import annotate_sequence, sequence_row
from chatdesc.types import (
    ChatdescError,
    DataError,
    FrameError,
)
from chatdesc.version import __version__

BACKENDS: tuple[Literal["describer", "grounder", "tracker", "encoders"], ...] = (
    "describer",
    "grounder",
    "tracker",
    "encoders",
)
LIBRARIES = ("numpy", "opencv-contrib-python-headless", "open_clip_torch", "torch", "transformers")


@dataclass(slots=True)
class Run:
    """A dataset, settings, models and the folder in which the work is kept."""

    dataset: Any
    settings: Settings
    resources: Resources
    models: Models
    out: Path
    provenance: Provenance
    strict: bool = False

    @classmethod
    def create(
        cls, dataset: Any, out: Path, settings: Settings, resources: Resources | None = None, strict: bool = False
    ) -> Run:
        resources = resources or Resources()
        cache = out / "requests.sqlite" if resources.cache is None else Path(resources.cache or ".")
        models = Models.create(settings, resources, cache if resources.cache != "" else None)
        return cls(dataset, settings, resources, models, out, provenance(settings, models), strict)

    def config(self) -> dict[str, Any]:
        """What may not change within a run folder; which sequences are asked for, and how fast, may."""
        return {
            "chatdesc": __version__,
            "dataset": self.dataset.dataset,
            "settings": self.settings.as_dict(),
            "backends": {k: self.provenance[k] for k in BACKENDS},
            "prompts": prompt_hashes(),
        }

    def pending(self, store: Store) -> list[str]:
        """Sequences to do: those without a row, and those whose row has failed."""
        rows = ((name, store.load(name)) for name in self.dataset.names)
        return [name for name, row in rows if row is None or failed(row)]

    def annotate(
        self, store: Store, on_row: Callable[[Row], None] | None = None, names: Iterable[str] | None = None
    ) -> None:
        """Do ``names`` (all that is pending); every row is saved as it is finished and then handed to ``on_row``.

        Raises:
            ChatdescError: with ``strict``, the first failed row.
        """
        jobs = ((name, self.job(name)) for name in (self.pending(store) if names is None else names))
        for name, result in Scheduler(self.models.lanes(), self.resources.sequences_in_flight).run(jobs):
            row: Row = self.broken(name, result) if isinstance(result, BaseException) else result
            store.save(row)
            if self.strict and failed(row):
                raise ChatdescError(f"{name}: {row['status']}: {'; '.join(row['problems'])}")
            if on_row:
                on_row(row)

    def job(self, name: str) -> Generator[Any, Any, Row]:
        """One sequence as a generator of requests that returns its row."""
        sequence = self.dataset[name]
        threshold, tracked = self.models.threshold(self.settings), self.models.tracker is not None
        return (yield from annotate_sequence(sequence, self.settings, threshold, self.provenance, tracked))

    def broken(self, name: str, error: BaseException) -> Row:
        """A row for a sequence whose job ended with an error that no stage expected."""
        if not isinstance(error, Exception):
            raise error
        kind = "bad_data" if isinstance(error, DataError) else "internal_error"
        row = empty_row() | {"sequence": name, "dataset": self.dataset.dataset, "status": kind}
        return row | {"problems": [f"{type(error).__name__}: {error}"], "provenance": self.provenance}

    def encoded_frames(self, row: Row) -> list[bytes]:
        """A row's frames as they are on disk, for ``--include-frames``; none where some cannot be read."""
        frames = self.dataset[row["sequence"]].frames
        try:
            return [frames.encoded(i) for i in range(len(frames))]
        except FrameError:
            return []

    def close(self) -> None:
        """Let go of connections and files that models hold."""
        self.models.close()

    def rows(self, store: Store) -> Iterator[Row]:
        """All finished rows of the folder, also of earlier selections, in natural order of their names."""
        return store.rows(sorted(store.names(), key=natural))

    def check_data(self, store: Store) -> None:
        """Refuse to go on in a folder that was made from other data under the same names.

        Data may move between runs, so what counts is content: one finished row against its sequence.

        Raises:
            ChatdescError: boxes or manual text differ.
        """
        name = next((n for n in self.dataset.names if store.path(n).exists()), None)
        row = store.load(name) if name else None
        if row is None or not row["num_frames"]:
            return
        now = sequence_row(self.dataset[name])
        differing = [k for k in ("num_frames", "boxes", "manual_text") if str(now[k]) != str(row[k])]
        if differing:
            what = " and ".join(differing)
            raise ChatdescError(f"{store.root} was made from other data: {what} of {name} differ; choose another --out")


def failed(row: Row) -> bool:
    """Whether a row lacks its text, or a stage of its work broke off."""
    stage_broke = row["status"].endswith("_failed") or row["status"] == "corrupt_frame"
    return row["text"] is None or stage_broke


def provenance(settings: Settings, models: Models) -> Provenance:
    """What made a row: no time, no place, no person."""
    say = lambda backend: json.dumps(backend.describe_self(), sort_keys=True)  # noqa: E731
    return {
        "chatdesc": __version__,
        "describer": say(models.describer),
        "grounder": say(models.grounder),
        "tracker": say(models.tracker) if models.tracker is not None else "none",
        "verifier": settings.verifier,
        "encoders": [say(e) for e in models.encoders.values()],
        "prompts": json.dumps(prompt_hashes(), sort_keys=True),
        "libraries": json.dumps({name: _version(name) for name in LIBRARIES}, sort_keys=True),
        "settings": json.dumps(settings.as_dict(), sort_keys=True),
        "seed": settings.seed,
        "config_hash": settings.hash(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
