"""Tracks of a comparison: every sequence of a run with no text, the manual text and the refined text.

>>> [arm.name for arm in ARMS]
['no-text', 'manual', 'refined', 'refined-random', 'refined-oracle']

The tracks lie in ``RUN/compare/GROUNDER-HASH/tracks/ARM/SEQUENCE.txt``, as result files of any tracker, so that they
are scored by the code that scores everybody's. A sequence's row is written after its tracks: what has one is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, NotRequired, TypedDict, cast

from chatdesc.atomic import write_atomic
from chatdesc.backends import create, encoder_spec, split_spec
from chatdesc.config import Settings, public_spec
from chatdesc.engine.models import Models
from chatdesc.engine.schedule import Scheduler
from chatdesc.evaluation.judges import Judged
from chatdesc.evaluation.phrases import phrases
from chatdesc.loaders.base import Dataset
from chatdesc.names import counted, escaped, file_name
from chatdesc.protocols import Backend, Verifier
from chatdesc.rows.schema import Box, Row
from chatdesc.rows.store import JsonStore, Store, read_config
from chatdesc.stages.ground import feedback
from chatdesc.stages.track import Track, track
from chatdesc.types import (
    BackendError,
    ChatdescError,
    DataError,
    FrameRef,
    Ground,
    Grounding,
    Sequence,
    one_line,
)
from chatdesc.version import __version__

Steps = Generator[Any, Any, Any]
Tracks = dict[str, list[Box]]  # arm -> boxes


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to track: with which words (``manual``, ``refined`` or none), and who verifies ('': as the run did)."""

    name: str
    words: str = ""
    verifier: str = ""


JUDGE = "grounding in the first frame"  # in the place of an arm's name, where that failed
ARMS = (
    Arm("no-text"),
    Arm("manual", "manual"),
    Arm("refined", "refined"),
    Arm("refined-random", "refined", "random"),
    Arm("refined-oracle", "refined", "oracle"),
)


class ArmTexts(TypedDict):
    """The texts that tracks were made with; ``refined`` has a list ``[start, text, *background]`` per range."""

    manual: str
    refined: list[list[Any]]


class ArmRow(TypedDict):
    """What is kept of one sequence beside its tracks.

    ``verified`` has per arm the mean IoU on key frames of the proposal chosen, of a random and of the best one (None
    without a key frame), ``judged`` each text in the grounder's eyes. ``problems`` has every problem as a line,
    ``arm_problems`` those of one arm by its name. ``attributes`` has those that the dataset gives the sequence.
    """

    texts: ArmTexts
    attributes: NotRequired[list[str]]
    verified: dict[str, list[float | None]]
    judged: Judged
    problems: list[str]
    arm_problems: NotRequired[dict[str, str]]
    sequence: str


@dataclass(slots=True)
class Comparison:
    """A run's texts tracked again.

    Attributes:
        data: the dataset with the frames; None where earlier tracks are only read, and then ``models`` is None too.
        settings: the run's, with the judge as grounder if there is one.
        selecting: whether the grounder that is called on key frames is the one whose feedback chose the texts.
        reuse: the run's own tracks were made by the same models, so they are taken as the refined arm.
        arms: all ways to track.
    """

    about: ClassVar[str] = ""  # begins the name of the folder of the tracks
    run: Path
    data: Dataset | None
    settings: Settings
    models: Models | None
    selecting: bool
    reuse: bool = False
    arms: tuple[Arm, ...] = ARMS

    @classmethod
    def create(
        cls,
        run: Path,
        data: Dataset | None = None,
        judge: str | None = None,
        tracker: str | None = None,
        encoder: str | None = None,
        device: str = "auto",
        verifier: str | None = None,
    ) -> Comparison:
        """The settings of a run, with other models where they are named; models are loaded only with ``data``.

        Raises:
            ChatdescError: the folder is no run, its verifier looks at the ground truth, or it had no tracker and none
                is named.
        """
        config = read_config(run)
        recorded = recorded_settings(run, config["settings"])
        settings = named(recorded, judge, tracker, encoder, verifier)
        _refuse_oracle(run, settings, named_so=verifier is not None)
        refuse_no_tracker(run, settings)
        selecting = public_spec(settings.grounder) == recorded.grounder
        if data is None:
            return cls(run, None, settings, None, selecting)
        models = models_of(settings, _verifiers(settings), device)
        now, was = described(models, models.verifiers[settings.verifier]), config["backends"]
        selecting = selecting or now["grounder"] == was["grounder"]
        same = [now["grounder"], now["tracker"], now["verifier"], [now["encoder"]]] == [
            was["grounder"], was["tracker"], was.get("verifier"), was["encoders"][:1]
        ]  # fmt: skip
        same = same and config.get("chatdesc") == __version__ and settings.box_threshold == recorded.box_threshold
        return cls(run, data, settings, models, selecting, same)

    @property
    def place(self) -> Path:
        """The folder of the tracks, one for all tracks with the same settings."""
        known = json.dumps(self.settings.as_dict(), sort_keys=True)
        name = split_spec(self.settings.grounder)[0]
        return self.run / "compare" / f"{self.about}{name}-{sha256(known.encode()).hexdigest()[:8]}"

    def open(self) -> JsonStore[ArmRow]:
        """The folder of the tracks, for writing.

        Raises:
            ChatdescError: another process is at work in it, or its tracks were made by other weights.
        """
        facts = self.facts()
        return JsonStore[ArmRow].open(self.place, {"settings": self.settings.as_dict(), "backends": facts})

    def facts(self) -> dict[str, str]:
        """What the models say of themselves, which may not change within the folder of the tracks."""
        return described(self.models, self.models.verifiers[self.settings.verifier]) if self.models else {}

    def pending(self, store: JsonStore[ArmRow], names: Iterable[str] | None = None) -> list[str]:
        """Sequences of the data (of ``names``) without tracks, with tracks of other texts, or that failed."""
        assert self.data is not None
        tracked = (row for row in map(store.finished, self.data.names) if row is not None)
        done = {row["sequence"]: row["texts"] for row in tracked if not row["problems"] and self.is_whole(row)}
        wanted = set(self.data.names if names is None else names)
        asked = [name for name in self.data.names if name in wanted]
        rows = (row for row in Store(self.run).rows(asked) if row["text"] is not None)
        return [row["sequence"] for row in rows if done.get(row["sequence"]) != texts_of(row)]

    def is_whole(self, row: ArmRow) -> bool:
        """Whether a row without problems has all that is asked for."""
        return "judged" in row

    def track(
        self,
        store: JsonStore[ArmRow],
        names: Iterable[str],
        on_row: Callable[[ArmRow], None] = lambda row: None,
        in_flight: int = 8,
    ) -> None:
        """Track sequences in all arms; tracks and row are saved as each sequence is finished."""
        assert self.models is not None
        jobs = ((name, self.job(name)) for name in names)
        for name, result in Scheduler(self.models.lanes(), in_flight).run(jobs):
            if isinstance(result, BaseException):
                if not isinstance(result, Exception):
                    raise result
                result = ({}, _empty_row() | {"problems": [f"{type(result).__name__}: {result}"]})
            tracks, row = result
            self.keep(name, tracks)
            done = row | {"sequence": name}
            store.save(cast(ArmRow, done))
            on_row(done)

    def keep(self, name: str, tracks: Mapping[str, Any]) -> None:
        """Write a sequence's tracks, and remove earlier ones of the other arms."""
        for arm in self.arms:
            keep_track(self.place, arm.name, name, tracks.get(arm.name))

    def inputs(self, name: str) -> tuple[Sequence, Row]:
        """A sequence, and its row in the run.

        Raises:
            DataError: they are not of the same data.
        """
        assert self.data is not None
        sequence, row = self.data[name], Store(self.run).load(name)
        assert row is not None
        if len(sequence.boxes) != row["num_frames"]:
            raise DataError(
                f"has {counted(len(sequence.boxes), 'box')}, and {row['num_frames']} in the run: not the same data"
            )
        return sequence, row

    def job(self, name: str) -> Generator[Any, Any, tuple[Mapping[str, Any], ArmRow]]:
        """Tracks per arm, and the sequence's row."""
        sequence, row = self.inputs(name)
        tracks: Tracks = {}
        verified: dict[str, list[float | None]] = {}
        failures: dict[str, str] = {}
        for arm in self.arms:
            if arm.words == "manual" and not one_line(row["manual_text"] or ""):
                continue
            try:
                tracks[arm.name], verified[arm.name] = yield from self._arm(arm, sequence, row)
            except (BackendError, DataError) as error:
                failures[arm.name] = str(error)
        judged: Judged = {}
        try:
            judged = yield from self._judge(sequence, row)
        except (BackendError, DataError) as error:
            failures[JUDGE] = str(error)
        done = _empty_row() | {"texts": texts_of(row), "verified": verified, "judged": judged}
        done |= {"problems": [f"{arm}: {why}" for arm, why in failures.items()]}
        return tracks, done | {"arm_problems": failures} if failures else done

    def _arm(self, arm: Arm, sequence: Sequence, row: Row) -> Generator[Any, Any, tuple[list[Box], list[float | None]]]:
        """Boxes, and mean IoU on key frames of the proposal chosen, of a random one and of the best one."""
        known = row["tracking"]
        if self.reuse and known and not arm.verifier and phrases(row, arm.words) == phrases(row, "refined"):
            return known["boxes"], [known["chosen_iou"], known["random_iou"], known["oracle_iou"]]
        done = yield from self.tracked(arm, sequence, row)
        return done.boxes.tolist(), verified_means(done)

    def tracked(self, arm: Arm, sequence: Sequence, row: Row) -> Generator[Any, Any, Track]:
        """The track of an arm."""
        assert self.models is not None
        first, *later = phrases(row, arm.words)
        settings = replace(self.settings, verifier=arm.verifier or self.settings.verifier)
        threshold, encoder = self.models.threshold(settings), settings.encoders[0]
        return (yield from track(sequence, first.text, first.background, settings, threshold, encoder, tuple(later)))

    def _judge(self, sequence: Sequence, row: Row) -> Generator[Any, Any, Judged]:
        """Each text in the grounder's eyes, in the first frame."""
        assert self.models is not None
        texts = {k: v for k, v in (("manual", one_line(row["manual_text"] or "")), ("refined", row["text"])) if v}
        groundings: list[Grounding] = yield [Ground(FrameRef(sequence.frames, 0), text) for text in texts.values()]
        theta, threshold = self.settings.theta, self.models.threshold(self.settings)
        judged: Judged = {}
        for name, grounding in zip(texts, groundings, strict=True):
            seen = feedback(grounding, sequence.boxes[0], theta, threshold)
            judged[name] = {"iou": seen.iou, "top_iou": seen.top_iou, "truncated": seen.truncated}
        return judged


def arm_rows_in(store: JsonStore[ArmRow], names: Iterable[str] | None = None) -> list[ArmRow]:
    """The rows (of ``names``) in a folder of tracks."""
    rows = store.rows(store.names() if names is None else names)
    return [_empty_row() | row for row in rows]  # earlier versions judged less


def _empty_row() -> ArmRow:
    return cast(ArmRow, {"texts": {}, "verified": {}, "judged": {}, "problems": []})


def verified_means(done: Track) -> list[float | None]:
    """Mean IoU on key frames of the proposal chosen, of a random one and of the best one; None without a key frame."""
    return [float(v.mean()) if len(v) else None for v in (done.chosen_iou, done.random_iou, done.oracle_iou)]


def tracks_of(place: Path, arm: str) -> Path:
    """The folder of an arm's tracks."""
    return place / "tracks" / escaped(arm, "")


def keep_track(place: Path, arm: str, name: str, boxes: list[Box] | None) -> None:
    """Write a track as a result file; without one, a file that was made with an earlier text is removed."""
    file = tracks_of(place, arm) / file_name(name, ".txt")
    if boxes is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # Nine digits are a float32, no more and no less.
    write_atomic(file, "".join("{:.9g},{:.9g},{:.9g},{:.9g}\n".format(*box) for box in boxes))


def recorded_settings(run: Path, settings: dict[str, Any]) -> Settings:
    """The settings of a run's configuration.

    Raises:
        ChatdescError: another version made it, or it is damaged.
    """
    unknown = sorted(set(settings) - {field.name for field in fields(Settings)})
    if unknown:
        raise ChatdescError(f"{run} was made by another version of chatdesc: there is no setting {unknown[0]!r} here")
    encoders = settings.get("encoders")
    if not isinstance(encoders, list) or not all(isinstance(name, str) for name in encoders):
        raise ChatdescError(f"{run / 'run.json'}: its settings name no encoders; take it from a copy of the run")
    return Settings(**settings | {"encoders": tuple(encoders)})


def named(
    recorded: Settings, judge: str | None, tracker: str | None, encoder: str | None, verifier: str | None = None
) -> Settings:
    """The settings of a run, with other models where they are named; an encoder is named as users write it."""
    settings = replace(recorded, tracker=tracker or recorded.tracker, verifier=verifier or recorded.verifier)
    if encoder:
        settings = replace(settings, encoders=(encoder_spec(encoder), *recorded.encoders[1:]))
    if judge is None:
        return settings
    # A threshold belongs to its grounder.
    own = public_spec(judge) == recorded.grounder
    return replace(settings, grounder=judge, box_threshold=recorded.box_threshold if own else None)


def texts_of(row: Row) -> ArmTexts:
    """The texts that tracks of a row are made with: where they change, tracks are made again."""
    ranges = [[p.start, p.text, *p.background] for p in phrases(row, "refined")]
    return {"manual": one_line(row["manual_text"] or ""), "refined": ranges}


def _refuse_oracle(run: Path, settings: Settings, named_so: bool) -> None:
    if settings.verifier != "oracle":
        return
    if named_so:
        raise ChatdescError("--verifier oracle looks at the ground truth, and so would every arm; name another")
    raise ChatdescError(
        f"{run} was made with --verifier oracle, which looks at the ground truth, and so would every arm; name another "
        "with --verifier (its texts do not depend on it)"
    )


def refuse_no_tracker(run: Path, settings: Settings) -> None:
    """Refuse to track without a tracker.

    Raises:
        ChatdescError: the run had none, and none is named.
    """
    if settings.tracker == "none":
        raise ChatdescError(f"{run} was made without a tracker; name one, for instance --tracker csrt")


def models_of(settings: Settings, verifiers: Iterable[str], device: str) -> Models:
    """The models that track."""
    return Models(
        grounder=create("grounder", settings.grounder, device=device),
        tracker=create("tracker", settings.tracker, device=device),
        encoders={settings.encoders[0]: create("encoder", settings.encoders[0], device=device)},
        verifiers={name: create("verifier", name, device=device) for name in verifiers},
    )


def _verifiers(settings: Settings) -> set[str]:
    """Who verifies in the arms."""
    return {arm.verifier or settings.verifier for arm in ARMS}


def described(models: Models, verifier: Verifier | None = None) -> dict[str, str]:
    """What each model says of itself, as JSON, by role; of the verifiers that of ``verifier`` alone."""
    [encoder] = models.encoders.values()
    roles: dict[str, Backend | None] = {"grounder": models.grounder, "tracker": models.tracker, "encoder": encoder}
    roles["verifier"] = verifier
    return {role: json.dumps(m.describe_self(), sort_keys=True) for role, m in roles.items() if m is not None}
