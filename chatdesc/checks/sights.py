"""Looks at the frames of an audit: the texts of many sequences, grounded and aligned together.

The models are those of a preset, as in ``annotate``, but for the describer, the tracker and the verifier, which an
audit does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from chatdesc.backends import create
from chatdesc.checks.base import Check, Subject
from chatdesc.checks.leads import is_read
from chatdesc.checks.wrong_target import recorded
from chatdesc.config import Resources, Settings, public_spec
from chatdesc.engine.models import Models
from chatdesc.engine.schedule import LEAST_IN_FLIGHT, Scheduler
from chatdesc.loaders.base import Dataset
from chatdesc.names import counted, some
from chatdesc.private import without_secrets
from chatdesc.rows.selection import Selection, refuse_other_data
from chatdesc.rows.store import dataset_of, is_run
from chatdesc.stages.look import Sight, look, within
from chatdesc.stages.together import together
from chatdesc.tables import Progress
from chatdesc.types import ChatdescError, Steps
from chatdesc.types import Sequence as Video

EITHER = "frames or row"
Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Sights:
    """What was seen.

    Attributes:
        by_name: of each sequence whose text was grounded.
        notes: why others were not.
    """

    by_name: Mapping[str, Sight] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Wordings(NamedTuple):
    """Texts of one source to look at, by sequence, and the frames that each is for; the whole video without any."""

    texts: Mapping[str, str]
    ranges: Mapping[str, Ranges] = {}

    def look(self, name: str) -> tuple[str, Ranges]:
        """The text of a sequence, and its frames."""
        return self.texts[name], self.ranges.get(name, ())


def look_at(
    data: Dataset,
    sources: Sequence[Wordings],
    settings: Settings,
    resources: Resources,
    *,
    words: bool = True,
    progress: Progress | None = None,
) -> list[Sights]:
    """Ground and align the texts of these sequences on frames spread over the video.

    The texts that several sources have of a sequence are looked at together, so that each frame is decoded once.

    Args:
        sources: the texts of each source; ``data`` has all their sequences.
        settings: ``grounder``, the first of ``encoders``, ``theta``, and ``alignment_frames``.
        words: also ground each text without each of its words.
        progress: called with sequences done, all sequences, and a note.

    Returns:
        What was seen of each source's texts, in the order of ``sources``.

    Raises:
        ChatdescError: no backend has such a name, its model cannot be loaded, or it failed on all of a source.
    """
    names = list(dict.fromkeys(name for source in sources for name in source.texts))
    if not names:
        return [Sights() for _ in sources]
    models = _models(settings, resources)
    threshold, in_flight = models.threshold(settings), resources.sequences_in_flight or LEAST_IN_FLIGHT

    def job(name: str) -> Steps[dict[tuple[str, Ranges], Sight | Exception | None]]:
        sequence = data[name]  # once: frames are kept by the sequence that read them
        asked = dict.fromkeys(source.look(name) for source in sources if name in source.texts)
        _keep_frames(sequence, len({spans for _, spans in asked}) * settings.alignment_frames * in_flight)
        looks = {of: look(within(sequence, of[1]), of[0], settings, threshold, words) for of in asked}
        return (yield from together(looks, (Exception,), len(sequence)))

    results: dict[str, Any] = {}
    if progress is not None:
        progress(0, len(names), "frames")
    for name, result in Scheduler(models.lanes(), in_flight).run((name, job(name)) for name in names):
        results[name] = result
        if progress is not None:
            progress(len(results), len(names), "frames")
    return [_sights_of(source, results) for source in sources]


def _keep_frames(sequence: Video, count: int) -> None:
    """See that so many decoded frames are kept in memory."""
    if sequence.frames.cache is not None:
        sequence.frames.cache.max_items = max(sequence.frames.cache.max_items, count)


def _sights_of(source: Wordings, results: Mapping[str, Any]) -> Sights:
    """What was seen of one source's texts, in the order in which sequences were done."""
    found: dict[str, Sight] = {}
    failed: dict[str, str] = {}
    for name, result in results.items():
        if name not in source.texts:
            continue
        seen = result[source.look(name)] if isinstance(result, dict) else result
        if isinstance(seen, BaseException):
            failed[name] = why(seen)
        elif seen is not None:
            found[name] = seen
    if failed and not found:
        raise ChatdescError(f"no text could be looked at with its frames: {next(iter(failed.values()))}")
    return Sights(found, (*_notes(failed), *_unread(found)))


def seen(subjects: Sequence[Subject], sights: Sights) -> tuple[Subject, ...]:
    """The subjects with what was seen of each; of a source's several texts the first was looked at."""
    return tuple(
        subject if subject.number else replace(subject, sight=sights.by_name.get(subject.sequence))
        for subject in subjects
    )


def frames_for(
    source: str, root: str, subjects: Sequence[Subject], chosen: Selection, text_root: str | None, frames_in_flight: int
) -> tuple[Dataset, dict[str, str], tuple[str, ...]]:
    """The dataset with the frames of a dataset's or a run's subjects, the texts to look at, and what is not there.

    Args:
        frames_in_flight: the number of decoded frames kept in memory.

    Raises:
        ChatdescError: it cannot be opened, or holds no sequence of the run, or not one that was asked for by name.
    """
    said = {subject.sequence: subject.text for subject in subjects if subject.text.strip()}
    if not is_run(source):
        data = chosen.open(source, root, text_root, frames_in_flight)
    else:
        name, whole = dataset_of(Path(source)), Selection(chosen.split, split_file=chosen.split_file)
        data = whole.open(name, root, text_root, frames_in_flight)
        refuse_other_data(data, list(said), Path(source), named=bool(chosen.sequences))
    held = set(data.names)
    lacking = [name for name in said if name not in held]
    notes = (f"{data.root} has no frames of {some(lacking)}",) if lacking else ()
    return data, {name: text for name, text in said.items() if name in held and data[name].usable}, notes


def chosen_models(settings: Settings, given: Mapping[str, object]) -> tuple[str | None, str | None]:
    """The specs of grounder and encoder, as rows have them; None for one that no option in ``given`` chose."""
    by_preset = given.get("preset") is not None
    grounder = public_spec(settings.grounder) if by_preset or given.get("grounder") else None
    return grounder, public_spec(settings.encoders[0]) if by_preset or given.get("encoders") else None


def not_recorded(
    texts: Mapping[str, str],
    subjects: Sequence[Subject],
    checks: Sequence[Check],
    models: tuple[str | None, str | None] = (None, None),
) -> dict[str, str]:
    """The texts that must be looked at: where a run's row may do, those of which it has recorded too little.

    Args:
        models: as of ``chosen_models``; what others have recorded is too little.
    """
    if any(need(check) not in ("", EITHER) for check in checks):
        return dict(texts)
    said = ((s.sequence, recorded(s.row, s.text)) for s in subjects if s.row is not None)
    known = {name for name, found in said if found is not None and found.is_of(*models)}
    return {name: text for name, text in texts.items() if name not in known}


def need(check: Check) -> str:
    """What a check needs beside texts; empty where texts do."""
    return str(getattr(check, "needs", ""))


def refuse_blind(checks: Sequence[Check], named: bool, frames: bool, root: str | None, source: str) -> None:
    """Refuse frames that no check looks at, and checks by name that would see none.

    Raises:
        ChatdescError: so it is; the message says what to add or to leave out.
    """
    looking = [check for check in checks if need(check)]
    if frames and root is None:
        raise ChatdescError("--frames: say where they are: chatdesc audit DATASET ROOT --frames, or RUN ROOT --frames")
    if frames and not looking:
        raise ChatdescError("--frames: none of --checks looks at frames (`chatdesc audit --list` lists them)")
    blind = [check.name for check in looking if not (need(check) == EITHER and (root is None or is_run(source)))]
    if named and blind and not frames:
        where = f"{source} {'ROOT' if root is None else root}"
        raise ChatdescError(f"--checks {','.join(blind)}: needs the frames: chatdesc audit {where} --frames")


def _models(settings: Settings, resources: Resources) -> Models:
    encoder = settings.encoders[0]
    return Models(
        grounder=create("grounder", settings.grounder, device=resources.device),
        encoders={encoder: create("encoder", encoder, device=resources.device)},
    )


def why(error: object) -> str:
    """The words for the exception with which a job of a scheduler ended; what stops a program is raised again."""
    if isinstance(error, BaseException) and not isinstance(error, Exception):
        raise error
    return without_secrets(str(error) if isinstance(error, ChatdescError) else f"{type(error).__name__}: {error}")


def _unread(found: Mapping[str, Sight]) -> tuple[str, ...]:
    unread = [name for name, sight in found.items() if not is_read(sight)]
    if not unread:
        return ()
    count = counted(len(unread), "text was", "texts were")
    return (
        f"{count} not judged by frames ({some(unread, 3)}): the grounder finds nothing for more than half "
        "of the words; --grounder or --preset names another one",
    )


def _notes(failed: Mapping[str, str]) -> tuple[str, ...]:
    if not failed:
        return ()
    count = counted(len(failed), "sequence was", "sequences were")
    return (f"{count} not looked at ({some(list(failed), 3)}): {next(iter(failed.values()))}",)
