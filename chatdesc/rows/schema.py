"""The rows of a refined dataset: their columns, and how a sequence's results become one.

A row is a plain dict of JSON values, so that a run can keep one file per sequence; ``features()`` types it for
parquet. The words here are the dataset's public interface: add columns, do not rename them.
"""

from __future__ import annotations

import re
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    TypedDict,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import numpy as np
from numpy.typing import NDArray

from chatdesc.types import Boxes, Frames

if TYPE_CHECKING:
    from datasets import Features

LATER = ("video", "range", "track", "track_test_split")  # scopes of texts chosen with boxes of later frames

Box = Annotated[list[float], "x, y, width, height in pixels"]


class FramePaths(TypedDict):
    """Where the frames are: ``pattern % (first + i)`` for frame i, or the list ``paths``."""

    pattern: str | None
    first: int | None
    paths: list[str]


class RangeText(TypedDict):
    """The text of frames ``start`` to ``stop - 1``."""

    start: int
    stop: int
    text: str
    source: str
    background: list[str]
    background_dropped: list[str]
    iou: float
    margin: float


class GainRecord(TypedDict):
    """What a text gains over tracking without any in frames ``start`` to ``stop - 1``, of which ``compared`` count.

    ``score`` and ``baseline`` are mean agreements per frame with the text and without any, ``gain`` their difference
    with its 95 % interval. The tracker left the target in frame ``left`` and was on ``onto`` in frame ``seen``.
    """

    kind: str
    start: int
    stop: int
    compared: int
    score: float
    baseline: float
    gain: float
    low: float
    high: float
    led: float | None
    left: int | None
    by: str | None
    seen: int | None
    onto: Box | None


class RoundRecord(TypedDict):
    """A text that was tried, and what grounding said of it; what tracking said, where it was asked."""

    start: int
    text: str
    source: str
    background: list[str]
    background_dropped: list[str]
    positive: list[str]
    negative: list[str]
    iou: float
    margin: float
    accepted: bool
    raw: str
    gain: GainRecord | None


class PlaceRecord(TypedDict):
    """Words of place in a text to use; ``holds``: whether the target is there in ``frame``, null if not known."""

    start: int
    words: str
    frame: int
    holds: bool | None


class GroundingRecord(TypedDict):
    """IoU and margin of the manual text, of round 0 and of the text to use.

    ``iou`` is of the best-scoring proposal from the threshold on, ``top_iou`` of the best-scoring one whatever its
    score; ``truncated`` says whether the grounder cut the text.
    """

    grounder: str
    manual_iou: float | None
    manual_margin: float | None
    round0_iou: float | None
    iou: float
    margin: float
    manual_top_iou: float | None
    top_iou: float | None
    manual_truncated: bool | None
    truncated: bool | None


class AlignmentRecord(TypedDict):
    """One encoder's cosines x 100 and margins of the manual text and of the text to use."""

    encoder: str
    manual: float | None
    refined: float | None
    manual_margin: float | None
    refined_margin: float | None
    frames: int
    manual_truncated: bool | None
    truncated: bool | None


class MeasureRecord(TypedDict):
    """What one measure says of one text (``manual``, ``refined``, or the name of a source), and all that made it.

    ``value`` is the text's, null where it is not known; ``values`` those of ``frames``. ``stops_at`` is the first frame
    from which on the text no longer holds. ``roles`` says what each of ``words`` does: ``needed``, ``redundant``,
    ``harmful``, ``false`` or ``unknown``. ``asked`` is what a model that saw the text alone was asked for, ``kinds``
    whether that is ``recognition``, ``true`` or ``invented``, ``answers`` its Yes and No. ``compared`` names the other
    texts that took part, ``made_by`` the models.
    """

    measure: str
    text: str
    value: float | None
    frames: list[int]
    values: list[float]
    stops_at: int | None
    words: list[str]
    roles: list[str]
    asked: list[str]
    kinds: list[str]
    answers: list[bool]
    compared: list[str]
    made_by: list[str]
    theta: float
    threshold: float | None
    region: str | None


class HeardText(TypedDict):
    """The words that the tracker itself was given from frame ``start`` on."""

    start: int
    text: str


class TrackingRecord(TypedDict):
    """Semantic tracking with the text: scores by a named protocol, verification, and the track itself."""

    tracker: str
    verifier: str
    protocol: str
    auc: float | None
    precision: float | None
    norm_precision: float | None
    texts: list[HeardText]
    key_frames: list[int]
    places_dropped: list[int]
    none_frames: list[int]
    held_frames: list[int]
    chosen_iou: float | None
    random_iou: float | None
    oracle_iou: float | None
    boxes: list[Box]
    sources: list[str]
    scores: list[float]


class Finding(TypedDict):
    """What the audit found in a text; ``start`` to ``stop`` - 1 are the characters that it is about, null for all.

    ``evidence`` is a JSON object as text. Rows of earlier versions have ``kind`` and ``evidence`` alone.
    """

    kind: str
    evidence: str
    check: str | None
    severity: float | None
    start: int | None
    stop: int | None
    reason: str | None
    suggestion: str | None


INFORMING = frozenset({"uninformative", "duplicate"})  # kinds of findings that say nothing against a text


class ReviewRecord(TypedDict):
    """What a person decided about the row: ``decision`` is the id in the journal, which also names the reviewer."""

    verdict: str
    side: str | None
    kind: str | None
    reason: str | None
    at: str
    rule: str | None
    blind: bool
    decision: str


class Provenance(TypedDict):
    """What made a row; backends, prompts, libraries and settings are JSON objects as text."""

    chatdesc: str
    describer: str
    grounder: str
    tracker: str
    verifier: str
    encoders: list[str]
    prompts: str
    libraries: str
    settings: str
    seed: int
    config_hash: str


BROKEN = frozenset(  # statuses of rows that ``annotate`` does again
    {"describe_failed", "grounding_failed", "alignment_failed", "measures_failed", "tracking_failed", "corrupt_frame"}
)


class Row(TypedDict):
    """One sequence of a refined dataset; ``COLUMNS`` says what each column means. Values are JSON."""

    sequence: str
    dataset: str
    split: str | None
    category: str | None
    num_frames: int | None
    width: int | None
    height: int | None
    frames: FramePaths | None
    first_frame: str | None
    boxes: list[Box]
    visible: list[bool]
    manual_text: str | None
    text: str | None
    text_source: str | None
    ranges: list[RangeText]
    scope: str | None
    places: list[PlaceRecord]
    background: list[str]
    background_dropped: list[str]
    rounds: list[RoundRecord]
    grounding: GroundingRecord | None
    alignment: list[AlignmentRecord]
    measures: list[MeasureRecord]
    tracking: TrackingRecord | None
    audit: list[Finding]
    review: ReviewRecord | None
    status: str
    problems: list[str]
    provenance: Provenance | None


COLUMNS: dict[str, str] = {
    "sequence": "name of the sequence in its dataset",
    "dataset": "source dataset: lasot, lasot_ext, tnl2k, otb-lang, trackingnet, got10k, synthetic",
    "split": "split of the source dataset, or null where it is not known",
    "category": "the dataset's own class of the target, or null",
    "num_frames": "annotated frames",
    "width": "of the first frame, pixels; null without frames",
    "height": "of the first frame, pixels; null without frames",
    "frames": "paths relative to the source dataset's root: `pattern % (first + i)` for frame i, or the list `paths`",
    "first_frame": "sha256 (hexadecimal) of the first frame's file; null where it cannot be read",
    "boxes": "ground truth, one [x, y, w, h] per frame, pixels, float32",
    "visible": "whether the target is visible, per frame; empty where the dataset does not say",
    "manual_text": "the text that the dataset came with, null where it has none",
    "text": "the text to use; null where none could be made",
    "text_source": "`refined`, `manual` (the manual text was kept because nothing beat it), or `human` (a person "
    "accepted or wrote it; `review` says which)",
    "ranges": "with `--every N`: the text of each range of frames, `start` to `stop` - 1, with its own feedback",
    "scope": "what the feedback saw: `first_frame`, `video` (several frames), `range`, `track` (the ground truth of "
    "the frames that texts were tracked over; `track_test_split` outside training splits), or `self` (such frames, but "
    "no box except the first)",
    "places": "words of `text` (or of a range's text, `start` its first frame) that say where the target is, `frame`, "
    "the one that the text was written for, and whether the target is there in it (`holds`; null where the words speak "
    "of other things than the frame)",
    "background": "nouns for what surrounds the target",
    "background_dropped": "phrases listed as background that found the target in the frame that the describer saw, or "
    "that say the same as its text; they are not used",
    "rounds": "every text tried, in order (`start` is its range's first frame), with the words that found the target "
    "(positive) or led elsewhere "
    "(negative), IoU of the best-scoring proposal, margin (best score on target - best score elsewhere); `gain`: with "
    "`--feedback track:N` or `self:N`, the agreement of a track with the text (`score`) and of one without any "
    "(`baseline`) with the ground truth (IoU) or with the track in the other direction, over `compared` of the frames "
    "`start` to `stop` - 1, their difference with its interval, IoU of the text's proposals with the track (`led`), "
    "and where the tracker left the target: `left`, the text (`language`) or the tracker being the cause (`by`), and "
    "the box that it was on (`onto`) in frame `seen`",
    "grounding": "IoU and margin of the manual text, of round 0 and of `text`, by the grounder that gave feedback; "
    "`top_iou` is of the best box whatever its score, `truncated` whether the grounder cut the text",
    "alignment": "per encoder: cosine x 100 of text and target crop, mean over `frames` frames, for the manual text "
    "and for `text`; margins over the strongest distractor crop; whether the encoder cut the text",
    "measures": "with `--measures`, or `score RUN ROOT --measure`: further measures of `manual_text`, `text` and named "
    "texts, each with its frames, its models and its settings; measures.md has their formulas",
    "tracking": "semantic tracking with `text`: success AUC, precision at 20 px, normalised precision (protocol "
    "named), verification against random choice and oracle, and the track itself; `texts`: the words that the tracker "
    "itself was given, each with its first frame (empty where it takes none: then words had their part on key frames "
    "alone); `places_dropped`: the key frames on "
    "which words of place were left out, because they did not fit; `none_frames`: those on which verification took "
    "none of the proposals for the target; `held_frames`: those on which a proposal won against a tracker that is sure "
    "and on something like the target, and so had to win once more",
    "audit": "findings about the manual text: the check, its kind and severity (how likely a careful editor would "
    "change the text), the characters `start` to `stop` - 1 that it is about, the reason, a suggestion for them, and "
    "evidence as JSON; texts are compared with those of all rows of the run",
    "review": "what a person decided (`accept`, `edit`, `reject` or `flag`), which text was accepted, what is wrong "
    "and why, when, the filter of a decision about many rows at once, whether it was blind, and its id in the journal; "
    "null where nobody decided",
    "status": "ok, or what is wrong with the sequence (missing_text, missing_frames, bad_boxes, describe_failed ...)",
    "problems": "every problem in words",
    "provenance": "what made this row: versions, backends with revisions, prompt hashes, settings, seed, config hash",
}


def features(include_frames: bool = False) -> Features:
    """``datasets.Features`` of a row (with an ``images`` column if frames are embedded)."""
    from datasets import Features, Image, List

    columns = {name: _feature(kind) for name, kind in get_type_hints(Row, include_extras=True).items()}
    return Features(columns | ({"images": List(Image())} if include_frames else {}))


def _feature(kind: Any) -> Any:
    """A column's type as ``datasets`` writes it; every value may be null."""
    from datasets import List, Value

    if get_origin(kind) in (Union, UnionType):
        [kind] = [part for part in get_args(kind) if part is not NoneType]
    if kind == Box:
        return List(Value("float32"), length=4)
    if get_origin(kind) is list:
        return List(_feature(get_args(kind)[0]))
    if is_typeddict(kind):
        return {name: _feature(part) for name, part in get_type_hints(kind, include_extras=True).items()}
    return Value({str: "string", float: "float32", int: "int32", bool: "bool"}[kind])


def empty_row() -> Row:
    """A row of nulls and empty lists with every column present."""
    lists = {
        "boxes", "visible", "ranges", "places", "background", "background_dropped", "rounds", "alignment", "measures",
        "audit", "problems",
    }  # fmt: skip
    return cast(Row, {name: [] if name in lists else None for name in COLUMNS})


def frame_paths(frames: Frames) -> FramePaths:
    """``{"pattern", "first", "paths"}``: a printf pattern where names count up by one, else every path."""
    paths = frames.paths
    match = re.fullmatch(r"(.*?)(\d+)(\.\w+)", paths[0]) if paths else None
    if match:
        head, digits, tail = match.groups()
        pattern = head.replace("%", "%%") + f"%0{len(digits)}d" + tail
        if all(path == pattern % (int(digits) + i) for i, path in enumerate(paths)):
            return {"pattern": pattern, "first": int(digits), "paths": []}
    return {"pattern": None, "first": None, "paths": list(paths)}


def box_list(boxes: Boxes) -> list[list[float]]:
    """[N, 4] as JSON numbers, NaN kept."""
    return [[float(v) for v in box] for box in boxes]


def flag_list(flags: NDArray[np.bool_] | None) -> list[bool]:
    """[N] flags as JSON; an empty list where the dataset has none."""
    return [] if flags is None else [bool(f) for f in flags]


NO_SPLIT = "full"  # `datasets` keeps the name `all` for the union of a dataset's splits


def split_name(split: str | None) -> str:
    """A split as ``datasets`` takes it: letters, digits, ``_``; rows without one go into ``full``."""
    name = re.sub(r"\W+", "_", split or "").strip("_")
    return NO_SPLIT if name in ("", "all") else name


HEAVY = ("boxes", "visible", "frames", "provenance", "images")


def slim(row: Row) -> Row:
    """A row without what grows with the number of frames, to be kept for the tables."""
    tracking = row["tracking"] and {k: v for k, v in row["tracking"].items() if k not in ("boxes", "sources", "scores")}
    return cast(Row, {k: v for k, v in row.items() if k not in HEAVY} | {"tracking": tracking})


def lacks_text(row: Row) -> bool:
    """Whether a failure has left a row without a text; a dataset may lack one by itself."""
    return row.get("text") is None and str(row.get("status")) in BROKEN
