"""One sequence through all stages to its row: reflection, alignment, semantic tracking.

A stage that fails is recorded in the row; the results of the stages before it stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256

import numpy as np

from chatdesc.config import Settings, public_spec
from chatdesc.metrics.ope import LASOT, score_sequence
from chatdesc.places import places_in
from chatdesc.rows.schema import (
    GainRecord,
    GroundingRecord,
    PlaceRecord,
    Provenance,
    RangeText,
    RoundRecord,
    Row,
    TrackingRecord,
    box_list,
    empty_row,
    flag_list,
    frame_paths,
)
from chatdesc.stages.align import align, alignment_column
from chatdesc.stages.gain import Gain
from chatdesc.stages.reflect import reflect_ranges
from chatdesc.stages.rounds import Reflection, Round
from chatdesc.stages.track import Phrase, Track, track
from chatdesc.types import BackendError, DataError, FrameError, Sequence, Steps, first_alone, one_line

SURROGATE = re.compile("[\ud800-\udfff]")  # stands for a byte that is no UTF-8


def annotate_sequence(
    sequence: Sequence,
    settings: Settings,
    threshold: float,
    made_by: Provenance,
    tracked: bool = True,
    on_track: Callable[[Track], None] = lambda track: None,
) -> Steps[Row]:
    """Run all stages for one sequence.

    Args:
        threshold: the grounder's score under which a proposal does not count.
        made_by: the row's provenance.
        tracked: whether the run has a tracker.
        on_track: called with the track, which has more than the row keeps.

    Returns:
        The row. A stage that fails sets ``status`` and adds to ``problems``; no BackendError or DataError is raised.
    """
    row = sequence_row(sequence)
    row["provenance"] = made_by
    if not sequence.usable:
        return row
    try:
        height, width = sequence.frames[0].shape[:2]
        row["height"], row["width"] = height, width
        reflections = yield from reflect_ranges(sequence, settings, threshold)
    except DataError as error:
        return _fail(row, "grounding_failed", error)
    _add_reflections(row, reflections, settings)
    row["places"] = [place for r in reflections for place in _places(r, sequence, (width, height))]
    errors = list(dict.fromkeys(r.error for r in reflections if r.error))
    row["problems"] += [*errors, *dict.fromkeys(f"not_tried: {r.note}" for r in reflections if r.note)]
    with_text = [r for r in reflections if r.chosen is not None]
    failed = [r for r in reflections if r.may_pass or (r.error and len(with_text) < len(reflections))]
    if failed:  # to be done again: a text that was chosen without all its rounds is not the best one
        row["status"] = f"{failed[0].failed_stage}_failed"
    if row["text"] is None:
        return row
    manual = one_line(sequence.manual_text or "")
    phrases = tuple(Phrase(r.start, r.chosen.text, r.background.kept) for r in with_text if r.chosen is not None)
    texts = ({"manual": (Phrase(0, manual),)} if manual else {}) | {"refined": phrases}
    try:
        row["alignment"] = alignment_column((yield from align(sequence, texts, settings, threshold)))
    except (BackendError, DataError) as error:
        row = _fail(row, "alignment_failed", error)
    if tracked:
        try:
            done = yield from track(
                sequence, phrases[0].text, phrases[0].background, settings, threshold, settings.encoders[0], phrases[1:]
            )
            row["tracking"] = tracking_column(done, sequence, settings)
            on_track(done)
        except (BackendError, DataError) as error:
            row = _fail(row, "tracking_failed", error)
    return row


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
        "first_frame": first_frame_hash(sequence),
        "boxes": box_list(sequence.boxes),
        "visible": flag_list(sequence.visible),
        "manual_text": None if text is None else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "status": sequence.status,
        "problems": [*(f"{p.kind}: {p.message}" for p in sequence.problems), *_undecodable(sequence)],
    }


def first_frame_hash(sequence: Sequence) -> str | None:
    """sha256 of the first frame's file, in hexadecimal; None where it cannot be read."""
    try:
        return sha256(sequence.frames.encoded(0)).hexdigest()
    except (FrameError, IndexError):
        return None


def _undecodable(sequence: Sequence) -> list[str]:
    """A problem if the name or a frame's path has bytes that are no UTF-8."""
    if any(SURROGATE.search(text) for text in (sequence.name, *sequence.frames.paths)):
        return ["undecodable_name: the name or a frame's path holds bytes that are no UTF-8; the dataset escapes them"]
    return []


def _add_reflections(row: Row, reflections: list[Reflection], settings: Settings) -> None:
    """The chosen texts, their sources, and every text tried; the first range with a text gives the row's own."""
    row["scope"] = reflections[0].scope if reflections else None
    row["rounds"] = [_round(tried, r) for r in reflections for tried in (*r.rounds, *([r.manual] if r.manual else []))]
    row["ranges"] = [_range(r, r.chosen) for r in reflections if settings.every and r.chosen is not None]
    first = next((r for r in reflections if r.chosen is not None), None)
    if first is None or (chosen := first.chosen) is None:
        return
    row["text"], row["text_source"] = chosen.text, chosen.source
    row["background"], row["background_dropped"] = list(first.background.kept), list(first.background.dropped)
    row["grounding"] = _grounding(first, chosen, settings)


def _grounding(first: Reflection, chosen: Round, settings: Settings) -> GroundingRecord:
    manual = first.manual
    return {
        "grounder": public_spec(settings.grounder),
        "manual_iou": manual.iou if manual else None,
        "manual_margin": manual.margin if manual else None,
        "round0_iou": first.rounds[0].iou if first.rounds else None,
        "iou": chosen.iou,
        "margin": chosen.margin,
        "manual_top_iou": manual.top_iou if manual else None,
        "top_iou": chosen.top_iou,
        "manual_truncated": manual.truncated if manual else None,
        "truncated": chosen.truncated,
    }


def _range(part: Reflection, chosen: Round) -> RangeText:
    return {
        "start": part.start,
        "stop": part.stop,
        "text": chosen.text,
        "source": chosen.source,
        "background": list(part.background.kept),
        "background_dropped": list(part.background.dropped),
        "iou": chosen.iou,
        "margin": chosen.margin,
    }


def _places(part: Reflection, sequence: Sequence, size: tuple[int, int]) -> list[PlaceRecord]:
    text, box = part.chosen.text if part.chosen else "", sequence.boxes[part.frame]
    return [
        {"start": part.start, "words": place.words, "frame": part.frame, "holds": place.fits(box, size)}
        for place in places_in(text)
    ]


def _round(tried: Round, part: Reflection) -> RoundRecord:
    return {
        "start": part.start,
        "text": tried.text,
        "source": tried.source,
        "background": list(tried.background),
        "background_dropped": list(tried.background_dropped),
        "positive": list(tried.positive),
        "negative": list(tried.negative),
        "iou": tried.iou,
        "margin": tried.margin,
        "accepted": tried.accepted,
        "raw": one_line(tried.raw),
        "gain": _gain(tried.gain, part.frame) if tried.gain else None,
    }


def _gain(gain: Gain, start: int) -> GainRecord:
    """A gain with its frames counted from the sequence's first one; ``start`` is the first that was tracked."""
    left = gain.left
    return {
        "kind": gain.kind,
        "start": start,
        "stop": start + gain.frames,
        "compared": len(gain.values),
        "score": gain.score,
        "baseline": gain.baseline,
        "gain": gain.difference.mean,
        "low": gain.difference.low,
        "high": gain.difference.high,
        "led": float(np.mean(gain.led)) if gain.led else None,
        "left": start + left.frame if left else None,
        "by": left.by if left else None,
        "seen": start + left.seen if left else None,
        "onto": list(left.box) if left else None,
    }


def tracking_column(done: Track, sequence: Sequence, settings: Settings) -> TrackingRecord:
    """The row's column ``tracking``: scores by LaSOT's protocol, verification beside its references, and the track.

    Scores are None where no box but the first is known, as in a test set whose ground truth is with its server.
    """
    known = not first_alone(sequence.boxes)
    score = score_sequence(done.boxes, sequence.boxes, sequence.visible, LASOT) if known else None
    verified = (done.chosen_iou, done.random_iou, done.oracle_iou) if known else ((), (), ())
    means = [float(np.mean(v)) if len(v) else None for v in verified]
    return {
        "tracker": public_spec(settings.tracker),
        "verifier": public_spec(settings.verifier),
        "protocol": LASOT.name,
        "auc": score.auc if score else None,
        "precision": score.precision_at_20 if score else None,
        "norm_precision": score.norm_precision_at_20 if score else None,
        "texts": [{"start": start, "text": text} for start, text in done.heard],
        "key_frames": list(done.key_frames),
        "places_dropped": list(done.places_dropped),
        "none_frames": list(done.none_frames),
        "held_frames": list(done.held_frames),
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
