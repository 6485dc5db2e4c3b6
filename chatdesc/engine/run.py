"""A run turns the sequences of a dataset into rows, which it keeps in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from chatdesc.atomic import remove_leftovers
from chatdesc.config import TRACK, TRAINING, Resources, Settings
from chatdesc.engine.cores import shared_cores
from chatdesc.engine.memory import release_memory
from chatdesc.engine.models import Models, refuse_silent
from chatdesc.engine.profile import Profile, Watch
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.engine.writer import Writer
from chatdesc.loaders import Dataset
from chatdesc.measures.sequence import measure_sequence, texts_of
from chatdesc.names import counted, natural, some
from chatdesc.private import without_secrets
from chatdesc.protocols import Backend
from chatdesc.rows import evidence
from chatdesc.rows.schema import BROKEN, Provenance, Row, empty_row
from chatdesc.rows.store import Store
from chatdesc.stages.describe import prompt_hashes
from chatdesc.stages.sequence import annotate_sequence, sequence_row
from chatdesc.stages.track import Track
from chatdesc.types import BackendError, ChatdescError, DataError, FrameError, Sequence, Steps
from chatdesc.verification.recorded import Seen
from chatdesc.version import __version__

BACKENDS: tuple[Literal["describer", "grounder", "tracker", "verifier", "encoders"], ...]
BACKENDS = ("describer", "grounder", "tracker", "verifier", "encoders")
COMPARED = ("num_frames", "boxes", "manual_text", "visible", "first_frame")  # the data that a row was made from
LIBRARIES = ("numpy", "opencv-contrib-python-headless", "open_clip_torch", "torch", "transformers")


@dataclass(slots=True)
class Run:
    """A dataset, settings, models and the run folder ``out``; ``profile`` is that of the last ``annotate``."""

    dataset: Dataset
    settings: Settings
    resources: Resources
    models: Models
    out: Path
    provenance: Provenance
    strict: bool = False
    profile: Profile | None = None

    @classmethod
    def create(
        cls, dataset: Dataset, out: Path, settings: Settings, resources: Resources | None = None, strict: bool = False
    ) -> Run:
        """Make the models and record what they are; nothing is written yet.

        Args:
            out: the run folder.
            strict: stop at the first failed row.

        Raises:
            ChatdescError: no backend has such a name, its model cannot be loaded, evidence is asked for where nothing
                is tracked, feedback would take the ground truth of sequences that are for evaluation, or a measure asks
                a describer that does not answer.
        """
        resources = resources or Resources()
        check_splits(dataset, settings)
        if resources.record_evidence and settings.tracker == "none":
            raise ChatdescError("--record-evidence: of no use with --tracker none, as nothing is verified then")
        models = Models.create(settings, resources, cache_of(out, resources))
        refuse_silent(models.describer, settings, settings.measures)
        return cls(dataset, settings, resources, models, out, provenance(settings, models), strict)

    def config(self) -> dict[str, Any]:
        """The part of a run that may not change within its folder. The selection of sequences and the speed may."""
        return {
            "chatdesc": __version__,
            "dataset": self.dataset.dataset,
            "settings": self.settings.as_dict(),
            "backends": {k: self.provenance[k] for k in BACKENDS},
            "prompts": prompt_hashes(),
        }

    def pending(self, store: Store) -> list[str]:
        """Names of the sequences to annotate: those without a row that can be read back, and those whose row failed."""
        rows = ((name, store.finished(name)) for name in self.dataset.names)
        return [name for name, row in rows if row is None or failed(row)]

    def annotate(
        self, store: Store, on_row: Callable[[Row], None] | None = None, names: Iterable[str] | None = None
    ) -> None:
        """Annotate ``names`` (default: all pending sequences). Each row is saved as soon as it is finished.

        Its evidence comes first, so that a finished row has it. A thread saves both while the models go on.

        Args:
            on_row: called with each row after it is saved.

        Raises:
            ChatdescError: with ``strict``, the first failed row.
            OSError: a row cannot be saved.
        """
        remove_leftovers([self.out / evidence.FOLDER])
        jobs = ((name, self.job(name)) for name in (self.pending(store) if names is None else names))
        watch = Watch(self.models.lanes(), self.dataset.cache)
        scheduler = Scheduler(watch.lanes, self.resources.sequences_in_flight)

        def save(done: tuple[Row, list[Seen] | None]) -> None:
            row, seen = done
            with watch.writing(row["num_frames"] or 0):
                evidence.keep(self.out, row["sequence"], seen)
                store.save(row)

        def hand_on(saved: list[tuple[Row, list[Seen] | None]]) -> None:
            for row, _ in saved:
                self.profile = watch.profile(scheduler.stepping)
                if self.strict and failed(row):
                    raise failure(row)
                if on_row:
                    on_row(row)

        with Writer(save) as writer, shared_cores(on_cpu(watch.lanes)):
            for name, result in scheduler.run(jobs):
                done = (self.broken(name, result), None) if isinstance(result, BaseException) else result
                hand_on(writer.add(done))
                if self.strict and failed(done[0]):
                    hand_on(writer.rest())
            hand_on(writer.rest())

    def job(self, name: str) -> Generator[Any, Any, tuple[Row, list[Seen] | None]]:
        """A generator of one sequence's requests that returns its row, and its evidence if that is to be kept."""
        return (yield from self.steps(self.dataset[name]))

    def steps(self, sequence: Sequence) -> Generator[Any, Any, tuple[Row, list[Seen] | None]]:
        """The same of a sequence that need not be in the dataset, such as a part."""
        threshold, tracked = self.models.threshold(self.settings), self.models.tracker is not None
        tracks: list[Track] = []
        row = yield from annotate_sequence(
            sequence, self.settings, threshold, self.provenance, tracked, on_track=tracks.append
        )
        if self.settings.measures and row["text"] is not None:
            row = yield from measured(row, sequence, self.settings, threshold)
        return row, tracks[0].seen() if tracks and self.resources.record_evidence else None

    def without_evidence(self, store: Store) -> list[str]:
        """The finished sequences whose evidence was asked for, but not recorded when they were done."""
        if not self.resources.record_evidence:
            return []
        rows = ((name, store.finished(name)) for name in evidence.lacking(self.out, self.dataset.names))
        return [name for name, row in rows if row is not None and not failed(row)]

    def broken(self, name: str, error: BaseException) -> Row:
        """The row of a sequence that an unexpected error ended."""
        if not isinstance(error, Exception):
            raise error
        kind = "bad_data" if isinstance(error, DataError) else "internal_error"
        row = empty_row() | {"sequence": name, "dataset": self.dataset.dataset, "status": kind}
        return row | {"problems": [without_secrets(f"{type(error).__name__}: {error}")], "provenance": self.provenance}

    def encoded_frames(self, row: Row) -> list[bytes]:
        """The files of a row's frames, for ``--include-frames``; an empty list if one of them cannot be read."""
        frames = self.dataset[row["sequence"]].frames
        try:
            return [frames.encoded(i) for i in range(len(frames))]
        except FrameError:
            return []

    def counts(self) -> Callable[[], Mapping[str, Any]] | None:
        """The describer's own counts, when called; None where it counts nothing."""
        found: Callable[[], Mapping[str, Any]] | None = getattr(self.models.describer, "summary", None)
        return found

    def release_models(self) -> None:
        """Let go of the models and their memory; they are made anew, and loaded when they are asked again."""
        self.models.close()
        self.models = Models.create(self.settings, self.resources, cache_of(self.out, self.resources))
        release_memory()

    def close(self) -> None:
        """Close the connections and files that models hold."""
        self.models.close()

    def rows(self, store: Store) -> Iterator[Row]:
        """All finished rows of the folder, those of earlier selections too, in natural order of their names."""
        return store.rows(sorted(store.names(), key=natural))

    def check_data(self, store: Store) -> None:
        """Refuse a run folder that was made from other data with the same names, or holds rows that cannot be read.

        Every finished row is compared with its sequence by content, because data may move between runs. Rows of the
        selection that cannot be read back, or failed, do not count: they are done again.

        Raises:
            ChatdescError: columns in COMPARED differ, or a row outside the selection cannot be read back.
        """
        store.refuse_damaged(but=self.dataset.names)
        finished = ((name, store.finished(name)) for name in self.dataset.names)
        other = [
            f"{' and '.join(columns)} of {name}"
            for name, row in finished
            if row is not None and not failed(row) and (columns := differing(row, sequence_row(self.dataset[name])))
        ]
        if other:
            files = f"{store.rows_dir / 'NAME.json'}"
            raise ChatdescError(
                f"{store.root} was made from other data: {some(other)} differ; give the data that the run was made "
                f"from, choose another --out, or remove these sequences' files ({files}) to do them again"
            )


def on_cpu(lanes: Iterable[Lane]) -> int:
    """How many models work side by side on the CPU, trackers and verifiers included; 0 where the others do not."""
    lanes = list(lanes)
    beside = sum(not lane.waits or lane.workers > 1 for lane in lanes)
    return beside if any(not lane.waits for lane in lanes) else 0


def measured(row: Row, sequence: Sequence, settings: Settings, threshold: float) -> Steps[Row]:
    """A row with the measures of its texts; a measure that fails sets ``status`` and adds to ``problems``."""
    try:
        found = yield from measure_sequence(sequence, texts_of(row), settings.measures, settings, threshold)
    except (BackendError, DataError) as error:
        status = "corrupt_frame" if isinstance(error, FrameError) else "measures_failed"
        return row | {"status": status, "problems": [*row["problems"], f"{status}: {error}"]}
    return row | {"measures": found}


def check_splits(dataset: Dataset, settings: Settings) -> None:
    """Refuse feedback from the ground truth of tracks on sequences that are not known to be for training.

    Raises:
        ChatdescError: there are such sequences, and the settings do not allow it.
    """
    if settings.heard.kind != TRACK or settings.i_know_this_uses_ground_truth:
        return
    other = [name for name in dataset.names if dataset.entry(name).split not in TRAINING]
    if other:
        raise ChatdescError(
            f"--feedback {settings.feedback} chooses texts by the ground truth of the frames that it tracks, and "
            f"{counted(len(other), 'sequence is', 'sequences are')} not of a training split ({some(other)}): take "
            f"--feedback self:{settings.heard.count}, which looks at no box but the first, or --split train; or say "
            "--i-know-this-uses-ground-truth, which every row records"
        )


def cache_of(out: Path, resources: Resources) -> Path | None:
    """Where the describer's answers are kept; None keeps none."""
    if resources.cache == "":
        return None
    return out / "requests.sqlite" if resources.cache is None else Path(resources.cache)


def differing(row: Row, now: Row) -> list[str]:
    """The columns in COMPARED in which a row is not that of today's data.

    The first frame does not count where an earlier version did not record it.
    """
    unknown = {"first_frame"} if row.get("first_frame") is None else set()
    return [name for name in COMPARED if name not in unknown and str(row.get(name)) != str(now.get(name))]


def failed(row: Row) -> bool:
    """Whether a row has no text, or one of its stages failed."""
    return row["text"] is None or row["status"] in BROKEN


def failure(row: Row) -> ChatdescError:
    """The error of a failed row, for a strict run."""
    return ChatdescError(f"{row['sequence']}: {row['status']}: {'; '.join(row['problems'])}")


def provenance(settings: Settings, models: Models) -> Provenance:
    """The provenance of a row. It holds no time, place or person, so that equal runs give equal rows."""
    return {
        "chatdesc": __version__,
        "describer": _facts(models.describer),
        "grounder": _facts(models.grounder),
        "tracker": _facts(models.tracker),
        "verifier": _facts(models.verifiers.get(settings.verifier) if models.tracker else None),
        "encoders": [_facts(encoder) for encoder in models.encoders.values()],
        "prompts": json.dumps(prompt_hashes(), sort_keys=True),
        "libraries": json.dumps({name: _version(name) for name in LIBRARIES}, sort_keys=True),
        "settings": json.dumps(settings.as_dict(), sort_keys=True),
        "seed": settings.seed,
        "config_hash": settings.hash(),
    }


def _facts(backend: Backend | None) -> str:
    return "none" if backend is None else json.dumps(backend.describe_self(), sort_keys=True)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
