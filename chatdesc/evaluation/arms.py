"""Tracks of a comparison: every sequence of a run with no text, the manual text and the refined text.

>>> work = Comparison.create(Path("runs/otb"), chatdesc.load("otb-lang", root))              # doctest: +SKIP
>>> with work.open() as store:                                                              # doctest: +SKIP
...     work.track(store, work.pending(store))
>>> sorted(path.name for path in work.place.iterdir())                                      # doctest: +SKIP
['.lock', 'rows', 'run.json', 'tracks']

The tracks lie in ``RUN/compare/GROUNDER-HASH/tracks/ARM/SEQUENCE.txt``, as result files of any tracker, so that they
are scored by the code that scores everybody's. A sequence's row is written after its tracks: what has one is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from chatdesc.atomic import write_atomic
from chatdesc.backends import create, split_spec
from chatdesc.config import Settings, public_spec
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.rows.store import Store, read_config
from chatdesc.stages.ground import feedback
from chatdesc.stages.track import Phrase, track
from chatdesc.types import (
    BackendError,
    ChatdescError,
    DataError,
    Embed,
    Follow,
    FrameRef,
    Ground,
    Grounding,
    Sequence,
    one_line,
)
from chatdesc.version import __version__

Row = dict[str, Any]
Steps = Generator[Any, Any, Any]
ROLES = ("grounder", "tracker", "encoder")


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to track: with which words (``manual``, ``refined`` or none), and who verifies ('': as the run did)."""

    name: str
    words: str = ""
    verifier: str = ""


ARMS = (
    Arm("no-text"),
    Arm("manual", "manual"),
    Arm("refined", "refined"),
    Arm("refined-random", "refined", "random"),
    Arm("refined-oracle", "refined", "oracle"),
)


@dataclass(slots=True)
class Comparison:
    """A run's texts tracked anew; ``models`` is None where only what is there already is looked at.

    Attributes:
        settings: the run's, with the judge as grounder if there is one.
        selecting: whether the grounder that is called on key frames is the one whose feedback chose the texts.
        reuse: the run's own tracks were made by the same models, so they are taken as the refined arm.
    """

    run: Path
    data: Any
    settings: Settings
    models: dict[str, Any] | None
    selecting: bool
    reuse: bool = False

    @classmethod
    def create(
        cls,
        run: Path,
        data: Any = None,
        judge: str | None = None,
        tracker: str | None = None,
        encoder: str | None = None,
        device: str = "auto",
    ) -> Comparison:
        """Settings of a run with other models where they are named; the models only with ``data`` to track on.

        Raises:
            ChatdescError: the folder is no run, or the run had no tracker and none is named.
        """
        config = read_config(run)
        recorded = _recorded(run, config["settings"])
        settings = _named(recorded, judge, tracker, encoder)
        if settings.tracker == "none":
            raise ChatdescError(f"{run} was made without a tracker; name one, for instance --tracker csrt")
        selecting = public_spec(settings.grounder) == recorded.grounder
        if data is None:
            return cls(run, None, settings, None, selecting)
        specs = (settings.grounder, settings.tracker, settings.encoders[0])
        models = {role: create(role, spec, device=device) for role, spec in zip(ROLES, specs, strict=True)}
        said, was = {role: _said(m) for role, m in models.items()}, config["backends"]
        selecting = selecting or said["grounder"] == was["grounder"]
        same = [said["grounder"], said["tracker"], [said["encoder"]]] == [
            was["grounder"], was["tracker"], was["encoders"][:1]
        ]  # fmt: skip
        same = same and config.get("chatdesc") == __version__ and settings.box_threshold == recorded.box_threshold
        return cls(run, data, settings, models, selecting, same)

    @property
    def place(self) -> Path:
        """Where the tracks are: one folder for every set of models."""
        known = json.dumps(self.settings.as_dict(), sort_keys=True)
        name = split_spec(self.settings.grounder)[0]
        return self.run / "compare" / f"{name}-{sha256(known.encode()).hexdigest()[:8]}"

    def open(self) -> Store:
        """The folder of the tracks, for writing.

        Raises:
            ChatdescError: another process is at work in it, or its tracks were made by other weights.
        """
        said = {role: _said(model) for role, model in (self.models or {}).items()}
        return Store.open(self.place, {"settings": self.settings.as_dict(), "backends": said})

    def pending(self, store: Store, names: Iterable[str] | None = None) -> list[str]:
        """Sequences of the data (of ``names``) whose tracks are not there, were made with other texts, or failed."""
        done = {row["sequence"]: row["texts"] for row in store.rows(store.names()) if not row["problems"]}
        wanted = set(self.data.names if names is None else names)
        asked = [name for name in self.data.names if name in wanted]
        rows = (row for row in Store(self.run).rows(asked) if row["text"] is not None)
        return [row["sequence"] for row in rows if done.get(row["sequence"]) != texts_of(row)]

    def track(
        self, store: Store, names: Iterable[str], on_row: Callable[[Row], None] = lambda row: None, in_flight: int = 8
    ) -> None:
        """Track sequences in all arms; every one is kept as it is finished."""
        jobs = ((name, self._job(name)) for name in names)
        for name, result in Scheduler(self._lanes(), in_flight).run(jobs):
            if isinstance(result, BaseException):
                if not isinstance(result, Exception):
                    raise result
                result = ({}, {"problems": [f"{type(result).__name__}: {result}"]})
            tracks, row = result
            for arm in ARMS:
                _keep(store.root / "tracks" / arm.name / f"{name}.txt", tracks.get(arm.name))
            store.save(_EMPTY | row | {"sequence": name})
            on_row(row)

    def _lanes(self) -> list[Lane]:
        assert self.models is not None
        grounder, tracker, encoder = (self.models[role] for role in ROLES)
        return [
            Lane(Ground, grounder.ground, grounder.max_batch, grounder.workers),
            Lane(Follow, tracker.follow, tracker.max_batch, tracker.workers),
            Lane((Embed, self.settings.encoders[0]), encoder.embed, encoder.max_batch, encoder.workers),
        ]

    def _job(self, name: str) -> Steps:
        """Tracks per arm, and the sequence's row."""
        sequence, row = self.data[name], Store(self.run).load(name)
        assert row is not None
        if len(sequence.boxes) != row["num_frames"]:
            raise DataError(f"has {len(sequence.boxes)} boxes, and {row['num_frames']} in the run: not the same data")
        tracks: dict[str, Any] = {}
        verified: Row = {}
        problems: list[str] = []
        for arm in ARMS:
            if arm.words == "manual" and not one_line(row["manual_text"] or ""):
                continue
            try:
                tracks[arm.name], verified[arm.name] = yield from self._arm(arm, sequence, row)
            except (BackendError, DataError) as error:
                problems.append(f"{arm.name}: {error}")
        grounding = yield from self._ground(sequence, row)
        found = {"texts": texts_of(row), "verified": verified, "grounding": grounding, "problems": problems}
        return tracks, found

    def _arm(self, arm: Arm, sequence: Sequence, row: Row) -> Steps:
        """Boxes, and mean IoU on key frames of the proposal chosen, of a random one and of the best one."""
        wanted = phrases(row, arm.words)
        known = row["tracking"]
        if self.reuse and known and not arm.verifier and wanted == phrases(row, "refined"):
            return known["boxes"], [known[k] for k in ("chosen_iou", "random_iou", "oracle_iou")]
        settings = replace(self.settings, verifier=arm.verifier or self.settings.verifier)
        first, encoder = wanted[0], settings.encoders[0]
        done = yield from track(
            sequence, first.text, first.background, settings, self._threshold(), encoder, wanted[1:]
        )
        means = [float(v.mean()) if len(v) else None for v in (done.chosen_iou, done.random_iou, done.oracle_iou)]
        return done.boxes.tolist(), means

    def _ground(self, sequence: Sequence, row: Row) -> Steps:
        """IoU of the best-scoring proposal in the first frame, per text."""
        texts = {k: v for k, v in (("manual", one_line(row["manual_text"] or "")), ("refined", row["text"])) if v}
        try:
            found: list[Grounding] = yield [Ground(FrameRef(sequence.frames, 0), text) for text in texts.values()]
        except (BackendError, DataError):
            return {}
        judged = [feedback(one, sequence.boxes[0], self.settings.theta, self._threshold()) for one in found]
        return {name: one.iou for name, one in zip(texts, judged, strict=True)}

    def _threshold(self) -> float:
        assert self.models is not None
        own: float = self.models["grounder"].threshold
        return own if self.settings.box_threshold is None else self.settings.box_threshold


_EMPTY: Row = {"texts": {}, "verified": {}, "grounding": {}, "problems": []}


def _keep(file: Path, boxes: Any) -> None:
    """A track as a result file; without one, whatever was there of an earlier text is gone."""
    if boxes is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # Nine digits are a float32, no more and no less.
    write_atomic(file, "".join("{:.9g},{:.9g},{:.9g},{:.9g}\n".format(*box) for box in boxes))


def phrases(row: Row, words: str) -> tuple[Phrase, ...]:
    """What is called for, from which frame on. Both texts come with the run's background phrases.

    So a difference between them is the text's own; without words nothing is grounded at all.
    """
    if not words:
        return (Phrase(0, ""),)
    ranges = row["ranges"] or [{"start": 0, "text": row["text"], "background": row["background"]}]
    manual = one_line(row["manual_text"] or "")
    kept = ranges[:1] + [r for r in ranges[1:] if words == "refined" or r["background"] != ranges[0]["background"]]
    return tuple(
        Phrase(r["start"] if i else 0, manual if words == "manual" else r["text"], tuple(r["background"]))
        for i, r in enumerate(kept)
    )


def _recorded(run: Path, settings: Row) -> Settings:
    unknown = sorted(set(settings) - {field.name for field in fields(Settings)})
    if unknown:
        raise ChatdescError(f"{run} was made by another version of chatdesc: there is no setting {unknown[0]!r} here")
    return Settings(**settings | {"encoders": tuple(settings["encoders"])})


def _named(recorded: Settings, judge: str | None, tracker: str | None, encoder: str | None) -> Settings:
    settings = replace(recorded, tracker=tracker or recorded.tracker)
    if encoder:
        settings = replace(settings, encoders=(encoder, *recorded.encoders[1:]))
    if judge is None:
        return settings
    # A threshold belongs to its grounder.
    own = public_spec(judge) == recorded.grounder
    return replace(settings, grounder=judge, box_threshold=recorded.box_threshold if own else None)


def texts_of(row: Row) -> Row:
    """What the tracks were made with: they are made anew when it changes."""
    said = [[p.start, p.text, *p.background] for p in phrases(row, "refined")]
    return {"manual": one_line(row["manual_text"] or ""), "refined": said}


def _said(model: Any) -> str:
    return json.dumps(model.describe_self(), sort_keys=True)
