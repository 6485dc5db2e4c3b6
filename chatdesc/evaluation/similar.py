"""Similar-object frames: those where the same words find the target and, almost as well, something else.

>>> found = [{"frame": 4, "target": 0.6, "other": 0.55}, {"frame": 8, "target": 0.6, "other": 0.2}]
>>> similar_frames([found], total=14, every=4, margin=0.1).nonzero()[0].tolist()
[4, 5, 6, 7]

Measured on the key frames that all arms have, every ``ground_every``-th: the best score of a proposal on the target
(IoU from theta on) and the best score of one elsewhere, out of the first eight. A key frame speaks for the frames from
it up to the one before the next, which its words decide; the frames before the first key frame belong to none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chatdesc.config import Settings
from chatdesc.evaluation.arm_rows import ArmRow, KeyFrame, read_track
from chatdesc.evaluation.evaluate import Evaluation, SequenceScore
from chatdesc.evaluation.truths import Truth
from chatdesc.metrics.ope import score_many
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.metrics.protocols import Rules
from chatdesc.stages.track import Phrase, Track, in_force, top_proposals
from chatdesc.types import Boxes, FrameRef, Ground, Grounding, Sequence, Steps

SIMILAR = 0.1  # score within which another proposal is similar

Floats = NDArray[np.float32]


def found_by(boxes: Boxes, scores: Floats, truth: Boxes | None, frame: int, theta: float) -> KeyFrame:
    """What words found in a frame: proposals [P, 4] with their scores [P], and the target [4], None where it is not.

    >>> boxes = np.array([[0, 0, 10, 10], [50, 0, 10, 10]], np.float32)
    >>> found_by(boxes, np.array([0.5, 0.75], np.float32), boxes[0], 20, 0.3)
    {'frame': 20, 'target': 0.5, 'other': 0.75}
    """
    if truth is None or not len(boxes):
        return {"frame": frame, "target": None, "other": None}
    on = iou_matrix(boxes, truth[None])[:, 0] >= theta
    best = [float(scores[side].max()) if side.any() else None for side in (on, ~on)]
    return {"frame": frame, "target": best[0], "other": best[1]}


def found_in(done: Track, settings: Settings) -> list[KeyFrame]:
    """What the words of a track found on the key frames that all arms have."""
    seen = zip(done.key_frames, done.evidence, strict=True)
    return [
        found_by(e.boxes[:-1], e.scores[:-1], e.truth, frame, settings.theta)
        for frame, e in seen
        if frame % settings.ground_every == 0
    ]


def looked_at(
    sequence: Sequence, phrases: tuple[Phrase, ...], settings: Settings, threshold: float
) -> Steps[list[KeyFrame]]:
    """The same for words whose track is known already; only they are grounded."""
    found, valid = [], sequence.valid()
    for frame in range(settings.ground_every, len(sequence), settings.ground_every):
        text = in_force(phrases, frame).text
        [grounded] = yield [Ground(FrameRef(sequence.frames, frame), text)]
        found.append(_found(grounded, sequence.boxes[frame] if valid[frame] else None, frame, settings, threshold))
    return found


def _found(grounded: Grounding, truth: Boxes | None, frame: int, settings: Settings, threshold: float) -> KeyFrame:
    boxes, scores = top_proposals(grounded, threshold)
    return found_by(boxes, scores, truth, frame, settings.theta)


def is_similar(found: KeyFrame, margin: float) -> bool:
    """Whether the words find the target, and something else with a score not more than ``margin`` below it."""
    target, other = found["target"], found["other"]
    return target is not None and other is not None and other >= target - margin


def similar_frames(found: Iterable[Iterable[KeyFrame]], total: int, every: int, margin: float) -> NDArray[np.bool_]:
    """bool [total]: the frames of a sequence that are similar by the words of at least one arm."""
    frames = np.zeros(total, np.bool_)
    for of_arm in found:
        for key_frame in of_arm:
            if is_similar(key_frame, margin):
                frames[key_frame["frame"] : key_frame["frame"] + every] = True
    return frames


def frames_of_rows(
    rows: Iterable[ArmRow], truths: Mapping[str, Truth], arms: Iterable[str], every: int, margin: float
) -> dict[str, NDArray[np.bool_]]:
    """The similar-object frames of every sequence that has some; ``arms``: those whose words count."""
    names, masks = list(arms), {}
    for row in rows:
        if (truth := truths.get(row["sequence"])) is None:
            continue
        found = [row["arms"][arm]["key_frames"] for arm in names if arm in row["arms"]]
        mask = similar_frames(found, len(truth.boxes), every, margin)
        if mask.any():
            masks[row["sequence"]] = mask
    return masks


def scored_on(
    frames: Mapping[str, NDArray[np.bool_]],
    arms: Mapping[str, Evaluation],
    place: Path,
    truths: Mapping[str, Truth],
    dataset: str,
) -> dict[str, Evaluation]:
    """Every arm on these frames alone, of the sequences on which it has a score."""
    return {
        arm: Evaluation(arm, scores.rules, tuple(_lines(arm, scores, frames, place, truths, dataset)), "skip")
        for arm, scores in arms.items()
    }


def _lines(
    arm: str,
    scores: Evaluation,
    frames: Mapping[str, NDArray[np.bool_]],
    place: Path,
    truths: Mapping[str, Truth],
    dataset: str,
) -> list[SequenceScore]:
    names = [line.sequence for line in scores.lines if line.score is not None and line.sequence in frames]
    tracks = [read_track(place, arm, name)[frames[name]] for name in names]
    boxes = [truths[name].boxes[frames[name]] for name in names]
    flags = [None if (seen := truths[name].visible) is None else seen[frames[name]] for name in names]
    found = score_many(tracks, boxes, flags, _of_a_part(scores.rules.on(dataset)))
    refused = [(None, (str(s),)) if isinstance(s, ValueError) else (s, ()) for s in found]
    return [SequenceScore(name, score, notes) for name, (score, notes) in zip(names, refused, strict=True)]


def _of_a_part(rules: Rules) -> Rules:
    """The rules where the first frame is none of those that count."""
    return replace(rules, first_is_given=False, starts={})
