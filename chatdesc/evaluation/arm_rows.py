"""What is kept of one sequence beside its tracks, and where the tracks of an arm are.

>>> words = ArmWords((Phrase(0, "a red kite", ("sky",)),), "kite-2")
>>> record = record_of(words)
>>> record["phrases"], record["text_of"], stands(record, words), stands(record, ArmWords(words.phrases))
([{'start': 0, 'text': 'a red kite', 'background': ['sky']}], 'kite-2', True, False)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict, cast

import numpy as np

from chatdesc.atomic import write_atomic
from chatdesc.evaluation.judges import Judged
from chatdesc.names import escaped, file_name
from chatdesc.rows.schema import Box, HeardText
from chatdesc.rows.store import JsonStore
from chatdesc.stages.track import Phrase
from chatdesc.types import Boxes


class ArmPhrase(TypedDict):
    """A phrase in force from frame ``start`` on, and what surrounds the target."""

    start: int
    text: str
    background: list[str]


class KeyFrame(TypedDict):
    """What the words found in a key frame: the best score on the target, and the best one elsewhere.

    Each is null where the words found nothing there; both are where the target is not visible.
    """

    frame: int
    target: float | None
    other: float | None


class Candidate(TypedDict):
    """A text that ``oracle-words`` may be: where it is from, and the mean IoU of its track."""

    source: str
    phrases: list[ArmPhrase]
    iou: float


class ArmRecord(TypedDict):
    """What a sequence's track in one arm was made with, and what came of the words.

    ``text_of`` is the sequence whose text it is, where that is another one; ``heard`` has what the tracker itself was
    given; ``candidates`` those among which ``oracle-words`` chose.
    """

    phrases: list[ArmPhrase]
    text_of: str | None
    heard: list[HeardText]
    key_frames: list[KeyFrame]
    candidates: NotRequired[list[Candidate]]


class ArmRow(TypedDict):
    """What is kept of one sequence beside its tracks.

    ``arms`` has what each track was made with, ``verified`` per arm the mean IoU on key frames of the proposal chosen,
    of a random and of the best one (None without a key frame), ``judged`` the texts of ``judged_texts`` in the
    grounder's eyes. ``problems`` has every problem as a line, ``arm_problems`` those of one arm by its name.
    ``attributes`` has those that the dataset gives the sequence.
    """

    arms: dict[str, ArmRecord]
    attributes: NotRequired[list[str]]
    verified: dict[str, list[float | None]]
    judged: Judged
    judged_texts: NotRequired[dict[str, str]]
    problems: list[str]
    arm_problems: NotRequired[dict[str, str]]
    sequence: str


class ArmWords(NamedTuple):
    """The words of a sequence in an arm; ``text_of``: the sequence whose text it is, where that is another one."""

    phrases: tuple[Phrase, ...]
    text_of: str | None = None


def phrase_records(phrases: Iterable[Phrase]) -> list[ArmPhrase]:
    """Phrases as a row keeps them."""
    return [{"start": p.start, "text": p.text, "background": list(p.background)} for p in phrases]


def phrases_of(records: Iterable[ArmPhrase]) -> tuple[Phrase, ...]:
    """Phrases that a row has kept."""
    return tuple(Phrase(p["start"], p["text"], tuple(p["background"])) for p in records)


def record_of(words: ArmWords) -> ArmRecord:
    """A record of words that nothing has been tracked with yet."""
    return {"phrases": phrase_records(words.phrases), "text_of": words.text_of, "heard": [], "key_frames": []}


def stands(record: ArmRecord, words: ArmWords) -> bool:
    """Whether a track was made with these words."""
    return record["phrases"] == phrase_records(words.phrases) and record["text_of"] == words.text_of


def arm_rows_in(store: JsonStore[ArmRow], names: Iterable[str] | None = None) -> list[ArmRow]:
    """The rows (of ``names``) in a folder of tracks; those of earlier versions know no words, so no arm stands."""
    rows = store.rows(store.names() if names is None else names)
    return [empty_arm_row() | row for row in rows]


def empty_arm_row() -> ArmRow:
    """A row of which nothing is known."""
    return cast(ArmRow, {"arms": {}, "verified": {}, "judged": {}, "problems": []})


def tracks_of(place: Path, arm: str) -> Path:
    """The folder of an arm's tracks."""
    return place / "tracks" / escaped(arm, "")


def track_file(place: Path, arm: str, name: str) -> Path:
    """The file of a track."""
    return tracks_of(place, arm) / file_name(name, ".txt")


def keep_track(place: Path, arm: str, name: str, boxes: list[Box] | None) -> None:
    """Write a track as a result file; without one, a file that was made with an earlier text is removed."""
    file = track_file(place, arm, name)
    if boxes is None:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    # Nine digits are a float32, no more and no less.
    write_atomic(file, "".join("{:.9g},{:.9g},{:.9g},{:.9g}\n".format(*box) for box in boxes))


def read_track(place: Path, arm: str, name: str) -> Boxes:
    """The boxes [N, 4] of a track that was kept."""
    return np.loadtxt(track_file(place, arm, name), np.float32, delimiter=",", ndmin=2)
