"""Tracks of a comparison: every sequence with no text, the manual text, the refined text, and texts of other sources.

The tracks lie in ``RUN/compare/GROUNDER-HASH/tracks/ARM/SEQUENCE.txt``, as result files of any tracker, so that they
are scored by the code that scores everybody's. A sequence's row is written after its tracks, and says which words each
was made with: an arm whose words are the same is done, and arms are added to those that were tracked before. All arms
of a sequence are tracked side by side, so that no arm decodes a frame again; arms with the same words are one track.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from chatdesc.backends import split_spec
from chatdesc.config import Settings, public_spec
from chatdesc.engine.models import Models
from chatdesc.engine.schedule import Scheduler
from chatdesc.evaluation.arm_models import (
    described,
    models_of,
    named,
    recorded_settings,
    refuse_no_tracker,
    refuse_oracle,
)
from chatdesc.evaluation.arm_rows import (
    ArmRecord,
    ArmRow,
    ArmWords,
    arm_rows_in,
    empty_arm_row,
    keep_track,
    phrases_of,
    read_track,
    record_of,
    stands,
    track_file,
    tracks_of,
)
from chatdesc.evaluation.arm_texts import ARMS, BOUNDS, MANUAL, ORACLE_WORDS, REFINED, Arm, Wording
from chatdesc.evaluation.judges import Judged
from chatdesc.evaluation.oracle_words import WordChoice, same_candidates
from chatdesc.evaluation.phrases import phrases
from chatdesc.evaluation.similar import found_in, looked_at
from chatdesc.loaders.base import Dataset
from chatdesc.names import counted
from chatdesc.rows.schema import Box, HeardText, Row
from chatdesc.rows.store import JsonStore, Store, read_config
from chatdesc.stages.ground import feedback
from chatdesc.stages.together import WINDOW, together
from chatdesc.stages.track import Phrase, Track, track
from chatdesc.types import BackendError, DataError, FrameRef, Ground, Grounding, Sequence, Steps, one_line
from chatdesc.version import __version__

__all__ = ["ARMS", "Arm", "ArmRow", "Comparison", "arm_rows_in", "phrases", "tracks_of"]

CAUGHT = (BackendError, DataError)  # fail one arm, not the sequence
NOT_YET, OTHER_TEXTS = "not tracked yet", "tracked with other texts"
JUDGE = "grounding in the first frame"  # in the place of an arm's name, where that failed
Key = tuple[str, tuple[Phrase, ...]]  # what makes a track: the verifier ('' as the run did) and the words


@dataclass(frozen=True, slots=True, eq=False)
class ArmTrack:
    """The track of an arm, what stands in its row, and the whole track where it was tracked here."""

    boxes: list[Box]
    verified: list[float | None]
    record: ArmRecord
    track: Track | None = None


class Done(NamedTuple):
    """What a job did: tracks by arm, None for one that must not stay, and the row."""

    tracks: Mapping[str, ArmTrack | None]
    row: ArmRow


@dataclass(slots=True)
class Comparison:
    """Texts tracked again.

    Attributes:
        run: the folder of the run, or that of a comparison without one.
        data: the dataset with the frames; None where earlier tracks are only read, and then ``models`` is None too.
        settings: the run's, with the judge as grounder if there is one.
        selecting: whether the grounder that is called on key frames is the one whose feedback chose the texts.
        reuse: the run's own tracks were made by the same models, so they are taken as the refined arm.
        arms: all ways to track that are asked for.
        wording: the words of each.
    """

    about: ClassVar[str] = ""  # begins the name of the folder of the tracks
    run: Path
    data: Dataset | None
    settings: Settings
    models: Models | None
    selecting: bool
    reuse: bool = False
    arms: tuple[Arm, ...] = ARMS
    wording: Wording = field(default_factory=Wording)

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
        refuse_oracle(run, settings, named_so=verifier is not None)
        refuse_no_tracker(run, settings)
        selecting = public_spec(settings.grounder) == recorded.grounder
        if data is None:
            return cls(run, None, settings, None, selecting)
        models = models_of(settings, {settings.verifier, *(arm.verifier for arm in BOUNDS)}, device)
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

    def rows(self, names: Iterable[str]) -> Iterator[Row]:
        """The rows of sequences, with their texts; those without one are left out."""
        return (row for row in Store(self.run).rows(names) if row["text"] is not None)

    def every_row(self) -> Iterator[Row]:
        """The rows of all sequences, those that are not asked for too: any of them may lend its text."""
        return self.rows(Store(self.run).names())

    def pending(self, store: JsonStore[ArmRow], names: Iterable[str] | None = None) -> list[str]:
        """Sequences of the data (of ``names``) that lack a track with their present words, or that failed."""
        assert self.data is not None
        wanted = set(self.data.names if names is None else names)
        asked = [name for name in self.data.names if name in wanted]
        return [row["sequence"] for row in self.rows(asked) if self._lacks(row, store.finished(row["sequence"]))]

    def _lacks(self, row: Row, before: ArmRow | None) -> bool:
        words = self.words(row)
        if before is None or before["problems"] or self._unjudged(row, before) is not None:
            return True
        return self.kept(row, words, before).keys() != words.keys() or bool(self._superfluous(words, before))

    def _superfluous(self, words: Mapping[str, ArmWords], before: ArmRow) -> set[str]:
        """Arms that are asked for and have a track, but no words any more."""
        return {arm.name for arm in self.arms if arm.name in before.get("arms", {})} - words.keys()

    def late(self, row: Row, before: ArmRow | None) -> str:
        """Why a sequence has no tracks with its present words in all arms, so that it cannot be compared yet."""
        words = self.words(row)
        lacking = words.keys() - self.kept(row, words, before).keys()
        known, failed = (before["arms"], before.get("arm_problems", {})) if before else ({}, {})
        if before and before["problems"] and not known:
            return ""
        if lacking & known.keys() or (before and self._superfluous(words, before)):
            return OTHER_TEXTS
        return NOT_YET if lacking - set(failed) else ""

    def words(self, row: Row) -> dict[str, ArmWords]:
        """The words of a sequence by arm; an arm for which it has none is left out. Oracle words follow tracking."""
        found: dict[str, ArmWords] = {}
        for arm in self.arms:
            if arm.words == ORACLE_WORDS:
                found |= {arm.name: ArmWords(())} if self.wording.candidates(row) else {}
            elif words := self.wording.of(arm.words, row):
                found[arm.name] = words
        return found

    def kept(self, row: Row, words: Mapping[str, ArmWords], before: ArmRow | None) -> dict[str, ArmRecord]:
        """The arms that have their track with these words."""
        known = before.get("arms", {}) if before else {}
        of_arms = {arm.name: arm for arm in self.arms}
        return {
            name: known[name]
            for name, asked in words.items()
            if name in known
            and self.is_kept(of_arms[name], row["sequence"])
            and (
                same_candidates(known[name], self.wording.candidates(row))
                if of_arms[name].words == ORACLE_WORDS
                else stands(known[name], asked)
            )
        }

    def is_kept(self, arm: Arm, name: str) -> bool:
        """Whether an arm has its track, which somebody may have removed."""
        return track_file(self.place, arm.name, name).is_file()

    def may_stay(self, record: ArmRecord, row: Row) -> bool:
        """Whether a track stays that is not asked for: whether its words are still the same shows when it is."""
        return True

    def at_a_time(self, in_flight: int) -> int:
        """Sequences in work at a time where ``in_flight`` tracks are: the arms of one sequence go together."""
        return max(1, in_flight // max(1, len(self.arms)))

    def make_room(self, in_flight: int) -> None:
        """Keep as many decoded frames as tracks that go together look at: the window, and verified frames before it."""
        cache = self.data.cache if self.data is not None else None
        if cache is not None:
            each = self.settings.ground_every + WINDOW + len(self.arms) + 2
            cache.max_items = max(cache.max_items, self.at_a_time(in_flight) * each)

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
        for name, result in Scheduler(self.models.lanes(), self.at_a_time(in_flight)).run(jobs):
            if isinstance(result, BaseException):
                if not isinstance(result, Exception):
                    raise result
                nothing = dict.fromkeys(arm.name for arm in self.arms)
                result = Done(nothing, empty_arm_row() | {"problems": [f"{type(result).__name__}: {result}"]})
            _withdraw(store, name, result.tracks.keys())
            for arm, made in result.tracks.items():
                self.keep(name, arm, made)
            done = cast(ArmRow, result.row | {"sequence": name})
            store.save(done)
            on_row(done)

    def keep(self, name: str, arm: str, made: ArmTrack | None) -> None:
        """Write a track, or remove an earlier one."""
        keep_track(self.place, arm, name, made.boxes if made else None)

    def inputs(self, name: str) -> tuple[Sequence, Row]:
        """A sequence, and its row in the run.

        Raises:
            DataError: they are not of the same data.
        """
        assert self.data is not None
        sequence, row = self.data[name], next(self.rows([name]))
        if len(sequence.boxes) != row["num_frames"]:
            raise DataError(
                f"has {counted(len(sequence.boxes), 'box')}, and {row['num_frames']} in the run: not the same data"
            )
        return sequence, row

    def job(self, name: str) -> Generator[Any, Any, Done]:
        """The tracks of the arms that a sequence does not have yet, side by side, and its row."""
        sequence, row = self.inputs(name)
        before = JsonStore[ArmRow](self.place).finished(name)
        words = self.words(row)
        kept = self.kept(row, words, before)
        todo = [arm for arm in self.arms if arm.name in words and arm.name not in kept]
        known = self._known(name, before) if todo else {}
        choice = self._choice(row, before) if any(arm.words == ORACLE_WORDS for arm in todo) else None
        keys = {arm.name: (arm.verifier, words[arm.name].phrases) for arm in todo if arm.words != ORACLE_WORDS}
        wanted = [*keys.values(), *(("", text) for text in (choice.unknown if choice else ()))]
        stages: dict[Key | str, Steps[Any]] = {
            key: self._stage(key, sequence, row) for key in wanted if key not in known
        }
        if (texts := self._unjudged(row, before)) is not None:
            stages[JUDGE] = self._judge(sequence, texts)
        results: Mapping[Any, Any] = {**known, **(yield from together(stages, CAUGHT))}
        made: dict[str, ArmTrack | Exception] = {arm: results[key] for arm, key in keys.items()}
        if choice:
            made[ORACLE_WORDS] = yield from self._chosen(choice, results, sequence, row)
        return self._done(sequence, row, words, kept, made, results.get(JUDGE), before)

    def _known(self, name: str, before: ArmRow | None) -> dict[Key, ArmTrack]:
        """Tracks of an earlier call by what made them: other arms may have the same words."""
        found: dict[Key, ArmTrack] = {}
        for arm in self.arms if before else ():
            record = before.get("arms", {}).get(arm.name) if before else None
            if before and record and arm.name in before["verified"] and self.is_kept(arm, name):
                boxes = read_track(self.place, arm.name, name).tolist()
                made = ArmTrack(boxes, before["verified"][arm.name], record)
                found.setdefault((arm.verifier, phrases_of(record["phrases"])), made)
        return found

    def _stage(self, key: Key, sequence: Sequence, row: Row) -> Steps[ArmTrack]:
        """The track of words under a verifier; the run's own where it was made by the same models."""
        verifier, words = key
        known = row["tracking"]
        if self.reuse and known and not verifier and row["text"] is not None and words == phrases(row, "refined"):
            found = yield from looked_at(sequence, words, self.settings, self._threshold())
            record = record_of(ArmWords(words)) | {"heard": known.get("texts") or [], "key_frames": found}
            verified = [known["chosen_iou"], known["random_iou"], known["oracle_iou"]]
            return ArmTrack(known["boxes"], verified, record)
        done = yield from self.tracked(verifier, words, sequence)
        heard: list[HeardText] = [{"start": start, "text": text} for start, text in done.heard]
        record = record_of(ArmWords(words)) | {"heard": heard, "key_frames": found_in(done, self.settings)}
        return ArmTrack(done.boxes.tolist(), verified_means(done), record, done)

    def tracked(self, verifier: str, words: tuple[Phrase, ...], sequence: Sequence) -> Steps[Track]:
        """The track of words under a verifier."""
        first, *later = words
        settings = replace(self.settings, verifier=verifier or self.settings.verifier)
        threshold, encoder = self._threshold(), settings.encoders[0]
        return (yield from track(sequence, first.text, first.background, settings, threshold, encoder, tuple(later)))

    def _threshold(self) -> float:
        assert self.models is not None
        return self.models.threshold(self.settings)

    def _choice(self, row: Row, before: ArmRow | None) -> WordChoice:
        """The choice of oracle words, with what an earlier call knows of the texts."""
        earlier = before.get("arms", {}).get(ORACLE_WORDS) if before else None
        return WordChoice.of(self.wording.candidates(row), earlier)

    def _chosen(
        self, choice: WordChoice, results: Mapping[Any, Any], sequence: Sequence, row: Row
    ) -> Steps[ArmTrack | Exception]:
        """The track of the best of the words; one that an earlier call did not keep is tracked again."""
        for text in choice.unknown:
            made = results["", text]
            if isinstance(made, Exception):
                return made
            choice.add(text, np.asarray(made.boxes, np.float32), sequence)
        key = ("", choice.best())
        made = results.get(key)
        if not isinstance(made, ArmTrack):
            again = yield from together({key: self._stage(key, sequence, row)}, CAUGHT)
            made = again[key]
        if isinstance(made, ArmTrack):
            return replace(made, record=made.record | {"candidates": choice.records()})
        return made

    def _done(
        self,
        sequence: Sequence,
        row: Row,
        words: Mapping[str, ArmWords],
        kept: Mapping[str, ArmRecord],
        made: Mapping[str, ArmTrack | Exception],
        judged: Any,
        before: ArmRow | None,
    ) -> Done:
        """The row with what is kept and what was made; arms that were not asked for stay as they are."""
        known = before.get("arms", {}) if before else {}
        asked = {arm.name for arm in self.arms}
        records = {
            n: record for n, record in known.items() if n in kept or (n not in asked and self.may_stay(record, row))
        }
        verified = {name: before["verified"][name] for name in records if before and name in before["verified"]}
        failures: dict[str, str] = {}
        tracks: dict[str, ArmTrack | None] = dict.fromkeys((asked | known.keys()) - records.keys())
        for name, one in made.items():
            if isinstance(one, Exception):
                failures[name] = str(one)
                continue
            tracks[name], verified[name] = one, one.verified
            record = one.record | {"text_of": words[name].text_of}
            if name != ORACLE_WORDS:
                record.pop("candidates", None)
            records[name] = record
        if isinstance(judged, Exception):
            failures[JUDGE] = str(judged)
        done = empty_arm_row() | {"arms": records, "verified": verified} | self._judged(row, judged, before)
        done |= {"attributes": sorted(a for a, yes in sequence.attributes.items() if yes)}
        done |= {"problems": [f"{arm}: {why}" for arm, why in failures.items()]}
        done |= {"arm_problems": failures} if failures else {}
        return Done(tracks, cast(ArmRow, done))

    def _judged(self, row: Row, judged: Any, before: ArmRow | None) -> dict[str, Any]:
        """The columns of the grounder's judgement: this call's and the earlier ones that stand; none where it failed.

        Those of sources that are not asked for stay, with the texts that they are of.
        """
        if isinstance(judged, Exception):
            return {}
        earlier, texts = before or empty_arm_row(), self._to_judge(row)
        old = earlier.get("judged_texts", {})
        stays = {n: text for n, text in old.items() if texts.get(n) == text or n not in (MANUAL, REFINED, *texts)}
        known = {**earlier.get("judged", {}), **(judged or {})}
        every = stays | (texts if judged is not None else {})
        return {"judged": {n: known[n] for n in every if n in known}, "judged_texts": every}

    def _unjudged(self, row: Row, before: ArmRow | None) -> dict[str, str] | None:
        """The texts that the grounder judges and has not judged yet; None where nothing is to be done."""
        texts = self._to_judge(row)
        if before is None or "judged" not in before or "judged_texts" not in before:
            return texts
        old = before["judged_texts"]
        gone = {name for name in (MANUAL, REFINED) if name in old} - texts.keys()
        lacking = {name: text for name, text in texts.items() if old.get(name) != text}
        return lacking if lacking or gone else None

    def _to_judge(self, row: Row) -> dict[str, str]:
        """The text of each source in the first frame, by its name."""
        texts = {MANUAL: one_line(row["manual_text"] or ""), REFINED: row["text"] or ""}
        named = {name: self.wording.texts(name, row) for name in self.wording.sources}
        texts |= {name: said[0].text for name, said in named.items() if said}
        return {name: text for name, text in texts.items() if text}

    def _judge(self, sequence: Sequence, texts: Mapping[str, str]) -> Steps[Judged]:
        """Each text in the grounder's eyes, in the first frame."""
        groundings: list[Grounding] = yield [Ground(FrameRef(sequence.frames, 0), text) for text in texts.values()]
        theta, threshold = self.settings.theta, self._threshold()
        judged: Judged = {}
        for name, grounding in zip(texts, groundings, strict=True):
            seen = feedback(grounding, sequence.boxes[0], theta, threshold)
            judged[name] = {"iou": seen.iou, "top_iou": seen.top_iou, "truncated": seen.truncated}
        return judged


def _withdraw(store: JsonStore[ArmRow], name: str, arms: Collection[str]) -> None:
    """Take arms out of a row before their tracks change: whoever is killed in between leaves no row that is wrong."""
    before = store.finished(name)
    if before is not None and not before.get("arms", {}).keys().isdisjoint(arms):
        left = {arm: record for arm, record in before["arms"].items() if arm not in arms}
        store.save(before | {"arms": left})


def verified_means(done: Track) -> list[float | None]:
    """Mean IoU on key frames of the proposal chosen, of a random one and of the best one; None without a key frame."""
    return [float(v.mean()) if len(v) else None for v in (done.chosen_iou, done.random_iou, done.oracle_iou)]
