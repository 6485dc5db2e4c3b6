"""Sequences in, rows out: the only file that knows all the stages.

>>> run = Run.create("lasot", "/data/LaSOT", Path("run"), from_preset("offline"))   # doctest: +SKIP
>>> for row in run.annotate():                                                       # doctest: +SKIP
...     print(row["sequence"], row["text"])
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from chatdesc import __version__
from chatdesc.backends import create
from chatdesc.config import Resources, Settings, public_spec
from chatdesc.engine.cache import CachedDescriber, RequestCache
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.loaders.parse import natural
from chatdesc.metrics.ope import LASOT, score_sequence
from chatdesc.protocols import Describer, Encoder, Grounder, Tracker
from chatdesc.rows.schema import box_list, empty_row, flag_list, frame_paths
from chatdesc.rows.store import Store
from chatdesc.stages.align import align, alignment_column
from chatdesc.stages.describe import prompt_hashes
from chatdesc.stages.reflect import reflect_ranges
from chatdesc.stages.track import track
from chatdesc.types import (
    BackendError,
    ChatdescError,
    DataError,
    Describe,
    Embed,
    Follow,
    FrameError,
    Ground,
    Phrase,
    Reflection,
    Round,
    Sequence,
    Track,
    one_line,
)

LIBRARIES = ("numpy", "opencv-contrib-python-headless", "open_clip_torch", "torch", "transformers")
Row = dict[str, Any]


@dataclass(slots=True)
class Backends:
    """One backend per role; encoders by the name under which requests ask for them."""

    describer: Describer
    grounder: Grounder
    tracker: Tracker | None
    encoders: dict[str, Encoder]

    @classmethod
    def create(cls, settings: Settings, resources: Resources, cache: Path | None = None) -> Backends:
        """Make the backends; ``cache`` keeps the answers of a describer that is worth it."""
        device = resources.device
        server = {"base_url": resources.base_url, "concurrency": resources.concurrency}
        asked = {"device": device, **server, **settings.describer_options()}
        asked |= {} if resources.batch_size is None else {"max_batch": resources.batch_size}
        describer = create("describer", settings.describer, **asked)
        if cache is not None and getattr(describer, "cacheable", True):
            describer = CachedDescriber(describer, RequestCache(cache))
        return cls(
            describer,
            create("grounder", settings.grounder, device=device),
            None if settings.tracker == "none" else create("tracker", settings.tracker, device=device),
            {spec: create("encoder", spec, device=device) for spec in settings.encoders},
        )

    def lanes(self) -> list[Lane]:
        pairs: list[tuple[Any, Any, Callable[[list[Any]], list[Any]]]] = [
            (Describe, self.describer, self.describer.describe),
            (Ground, self.grounder, self.grounder.ground),
            *(((Embed, name), encoder, encoder.embed) for name, encoder in self.encoders.items()),
        ]
        if self.tracker is not None:
            pairs.append((Follow, self.tracker, self.tracker.follow))
        return [Lane(kind, call, backend.max_batch, backend.workers) for kind, backend, call in pairs]


@dataclass(slots=True)
class Run:
    """A dataset, settings, backends and the folder in which the work is kept."""

    dataset: Any
    settings: Settings
    resources: Resources
    backends: Backends
    out: Path
    strict: bool = False
    provenance: Row = field(default_factory=dict)

    @classmethod
    def create(
        cls, dataset: Any, out: Path, settings: Settings, resources: Resources | None = None, strict: bool = False
    ) -> Run:
        resources = resources or Resources()
        cache = out / "requests.sqlite" if resources.cache is None else Path(resources.cache or ".")
        backends = Backends.create(settings, resources, cache if resources.cache != "" else None)
        return cls(dataset, settings, resources, backends, out, strict, provenance(settings, backends))

    def config(self) -> Row:
        """What may not change within a run folder; which sequences are asked for, and how fast, may."""
        return {
            "chatdesc": __version__,
            "dataset": self.dataset.dataset,
            "settings": self.settings.as_dict(),
            "backends": {k: self.provenance[k] for k in ("describer", "grounder", "tracker", "encoders")},
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
        for name, result in Scheduler(self.backends.lanes(), self.resources.sequences_in_flight).run(jobs):
            row = result if isinstance(result, dict) else self.broken(name, result)
            store.save(row)
            if self.strict and failed(row):
                raise ChatdescError(f"{name}: {row['status']}: {'; '.join(row['problems'])}")
            if on_row:
                on_row(row)

    def job(self, name: str) -> Generator[Any, Any, Row]:
        """One sequence as a generator of requests that returns its row."""
        sequence = self.dataset[name]
        return (yield from annotate_sequence(sequence, self.settings, self.backends, self.provenance))

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
        """Let go of connections and files that backends hold."""
        describer = self.backends.describer
        for held in (getattr(describer, "inner", describer), getattr(describer, "cache", None)):
            if close := getattr(held, "close", None):
                close()

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


def annotate_sequence(
    sequence: Sequence, settings: Settings, backends: Backends, made_by: Row
) -> Generator[Any, Any, Row]:
    """All stages for one sequence. What breaks is recorded in the row; what was finished before it stays."""
    row = sequence_row(sequence) | {"provenance": made_by}
    if not sequence.usable:
        return row
    limit = threshold(settings, backends.grounder)
    try:
        row["height"], row["width"] = sequence.frames[0].shape[:2]
        found = yield from reflect_ranges(sequence, settings, limit)
    except DataError as error:
        return _fail(row, "grounding_failed", error)
    row |= reflection_columns(found, settings)
    errors = list(dict.fromkeys(f.error for f in found if f.error))
    row["problems"] += errors
    chosen = [f for f in found if f.chosen is not None]
    if errors and len(chosen) < len(found):
        row["status"] = errors[0].partition(":")[0]
    if row["text"] is None:
        return row
    manual = one_line(sequence.manual_text or "")
    texts = ({"manual": manual} if manual else {}) | {"refined": row["text"]}
    try:
        row["alignment"] = alignment_column((yield from align(sequence, texts, settings, limit)))
    except (BackendError, DataError) as error:
        row = _fail(row, "alignment_failed", error)
    if backends.tracker is not None:
        phrases = tuple(Phrase(f.start, f.chosen.text, f.background) for f in chosen if f.chosen is not None)
        try:
            done = yield from track(
                sequence, phrases[0].text, phrases[0].background, settings, limit, settings.encoders[0], phrases[1:]
            )
            row["tracking"] = tracking_column(done, sequence, settings)
        except (BackendError, DataError) as error:
            row = _fail(row, "tracking_failed", error)
    return row


def threshold(settings: Settings, grounder: Grounder) -> float:
    return grounder.threshold if settings.box_threshold is None else settings.box_threshold


def sequence_row(sequence: Sequence) -> Row:
    """The columns that the dataset itself fills."""
    text = sequence.manual_text
    return empty_row() | {
        "sequence": sequence.name,
        "dataset": sequence.dataset,
        "split": sequence.split,
        "category": sequence.category,
        "num_frames": len(sequence.boxes),
        "frames": frame_paths(sequence.frames),
        "boxes": box_list(sequence.boxes),
        "visible": flag_list(sequence.visible),
        "manual_text": None if text is None else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "status": sequence.status,
        "problems": [f"{p.kind}: {p.message}" for p in sequence.problems],
    }


def reflection_columns(found: list[Reflection], settings: Settings) -> Row:
    """Text, its source, and everything that was tried; the first range speaks for the sequence."""
    rounds = [_round_dict(r, f.start) for f in found for r in (*f.rounds, *([f.manual] if f.manual else []))]
    ranges = [_range_dict(f) for f in found if settings.every and f.chosen is not None]
    row: Row = {"scope": found[0].scope if found else None, "rounds": rounds, "ranges": ranges}
    first = next((f for f in found if f.chosen is not None), None)
    if first is None or (chosen := first.chosen) is None:
        return row
    return row | {
        "text": chosen.text,
        "text_source": chosen.source,
        "background": list(first.background),
        "grounding": {
            "grounder": public_spec(settings.grounder),
            "manual_iou": first.manual.iou if first.manual else None,
            "manual_margin": first.manual.margin if first.manual else None,
            "round0_iou": first.rounds[0].iou if first.rounds else None,
            "iou": chosen.iou,
            "margin": chosen.margin,
        },
    }


def _range_dict(one: Reflection) -> Row:
    chosen = one.chosen or Round("")
    span = {"start": one.start, "stop": one.stop, "text": chosen.text, "source": chosen.source}
    return span | {"background": list(one.background), "iou": chosen.iou, "margin": chosen.margin}


def _round_dict(one: Round, start: int) -> Row:
    return {
        "start": start,
        "text": one.text,
        "source": one.source,
        "background": list(one.background),
        "positive": list(one.positive),
        "negative": list(one.negative),
        "iou": one.iou,
        "margin": one.margin,
        "accepted": one.accepted,
        "raw": one_line(one.raw),
    }


def tracking_column(done: Track, sequence: Sequence, settings: Settings) -> Row:
    """Scores by LaSOT's protocol, verification against its references, and the track."""
    score = score_sequence(done.boxes, sequence.boxes, sequence.visible, LASOT)
    means = [float(v.mean()) if len(v) else None for v in (done.chosen_iou, done.random_iou, done.oracle_iou)]
    return {
        "tracker": public_spec(settings.tracker),
        "verifier": settings.verifier,
        "protocol": LASOT.name,
        "auc": score.auc,
        "precision": score.precision_at_20,
        "norm_precision": score.norm_precision_at_20,
        "key_frames": list(done.key_frames),
        "chosen_iou": means[0],
        "random_iou": means[1],
        "oracle_iou": means[2],
        "boxes": box_list(np.asarray(done.boxes, np.float32)),
        "sources": list(done.sources),
        "scores": [float(s) for s in done.scores],
    }


def _fail(row: Row, kind: str, error: Exception) -> Row:
    if isinstance(error, FrameError):
        kind = "corrupt_frame"
    return row | {"status": kind, "problems": [*row["problems"], f"{kind}: {error}"]}


def provenance(settings: Settings, backends: Backends) -> Row:
    """What made a row: no time, no place, no person."""
    say = lambda backend: json.dumps(backend.describe_self(), sort_keys=True)  # noqa: E731
    return {
        "chatdesc": __version__,
        "describer": say(backends.describer),
        "grounder": say(backends.grounder),
        "tracker": say(backends.tracker) if backends.tracker is not None else "none",
        "verifier": settings.verifier,
        "encoders": [say(e) for e in backends.encoders.values()],
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
