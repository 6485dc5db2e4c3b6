"""``chatdesc.sheet``: one sequence of a run as one picture.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> from chatdesc.rows.store import Store
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "kite-1", "dataset": "lasot", "text": "a red kite", "status": "ok"})
>>> made = sheet(run, "kite-1", run.parent / "kite.svg")
>>> "a red kite" in made.path.read_text(), made.without
(True, 'no frames: name the dataset with --root')
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from chatdesc import backends
from chatdesc.atomic import write_atomic
from chatdesc.drawing.figures import NO_PLOTS, can_draw, kind_of, printing, rendered
from chatdesc.drawing.words import legible
from chatdesc.metrics.overlap import iou
from chatdesc.page.material import whole
from chatdesc.page.pictures import crop, key_frames
from chatdesc.page.proposals import recorded
from chatdesc.page.timeline import overlaps, present_frames, tracked
from chatdesc.page.words import grounded, theta_of
from chatdesc.reports.story import row_of
from chatdesc.rows.check import wrong_column
from chatdesc.rows.refined import attached
from chatdesc.rows.schema import COLUMNS, Row
from chatdesc.share.dataset import prepared
from chatdesc.sheets.frames import ELSEWHERE, ON_TARGET, TRUTH, Marked, Shot
from chatdesc.sheets.sheet import Shown, draw_sheet
from chatdesc.types import ChatdescError, FrameError, Sequence

FRAMES = 5  # over the video, beside the template
PROPOSALS = 6  # of the template or a key frame
CROP = 160  # pixels
NO_ROOT = "no frames: name the dataset with --root"
NOT_ASKED = "Proposals on the template are not shown: name a grounder with --grounder."


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet that was written.

    Attributes:
        path: the picture.
        without: why frames are missing on it; empty where all are there.
    """

    path: Path
    without: str = ""


def sheet(
    run: str | os.PathLike[str],
    sequence: str,
    out: str | os.PathLike[str],
    *,
    root: str | os.PathLike[str] | None = None,
    text_root: str | None = None,
    grounder: str | None = None,
    device: str = "auto",
) -> Sheet:
    """Draw a sequence on one sheet: target, texts with their numbers, frames with boxes, time line, findings.

    Args:
        run: a run's folder.
        sequence: its name.
        out: the picture: ``.png``, ``.pdf`` or ``.svg``.
        root: the dataset's frames; without them the sheet says so in their place.
        text_root: otb-lang: the folder with the ``OTB_query_*`` folders.
        grounder: asks this grounder once more for the proposals of the text on the template; needs ``root``.
        device: of the grounder.

    Raises:
        ChatdescError: no such run, sequence or root, another suffix, a damaged row, or matplotlib is not installed.
    """
    path, row = Path(out), whole(row_of(Path(run), sequence))
    content = picture(row, run, kind_of(path), root=root, text_root=text_root, grounder=grounder, device=device)
    try:
        write_atomic(path, content[0])
    except IsADirectoryError as error:
        raise ChatdescError(f"{path}: is a folder; name a picture in it") from error
    return Sheet(path, content[1])


def card_sheet(
    run: str | os.PathLike[str], sequence: str, root: str | os.PathLike[str] | None, text_root: str | None = None
) -> bytes:
    """The sheet of a sequence as it may stand in a public card: a PNG, with its frames.

    Raises:
        ChatdescError: as ``sheet``; the row holds a path of this machine or a token; or frames are missing.
    """
    if root is None:
        raise ChatdescError("a picture of a sequence needs the frames: say where the dataset is with --root")
    row = whole(cast(Row, prepared(row_of(Path(run), sequence))))
    content, without = picture(row, run, "png", root=root, text_root=text_root)
    if without:
        raise ChatdescError(f"{sequence}: {without}; choose another sequence for the picture")
    return content


def picture(
    row: Row,
    run: str | os.PathLike[str],
    kind: str,
    *,
    root: str | os.PathLike[str] | None = None,
    text_root: str | None = None,
    grounder: str | None = None,
    device: str = "auto",
) -> tuple[bytes, str]:
    """The sheet of a row as bytes, and why frames are missing on it; arguments and errors as of ``sheet``."""
    if not can_draw():
        raise ChatdescError(NO_PLOTS.replace("no plots: they need", "a picture needs"))
    if grounder and not root:
        raise ChatdescError("the grounder needs the frames: say where the dataset is with --root")
    if wrong := wrong_column(row, COLUMNS):
        raise ChatdescError(f"{run}: {row['sequence']}: column {wrong!r} has a value of another type; repeat the run")
    shown = Shown(without=NO_ROOT)
    if root:
        video = attached([row], run, root=root, texts=text_root)[row["sequence"]]
        shown = _shown(row, video, Path(run), grounder, device)
    said = [row["sequence"], row["manual_text"] or "", row["text"] or "", *(r["text"] for r in row["rounds"])]
    with printing(legible(*said).families):
        return rendered(draw_sheet(row, shown), kind), shown.without


def _shown(row: Row, video: Sequence, run: Path, grounder: str | None, device: str) -> Shown:
    """The frames of a sheet with their boxes; those that cannot be read say so."""
    present = np.flatnonzero(present_frames(row))
    start = int(present[0]) if len(present) else 0
    known = recorded(run, row["sequence"])
    template = _shot(row, video, start, [Marked(row["boxes"][start], TRUTH)] if len(present) else [])
    template.boxes.extend(_asked(row, video, start, grounder, device) if template.image is not None else [])
    keys = key_frames(row, len(video.frames), FRAMES, start)
    frames = [_shot(row, video, frame, list(_marks(row, frame, known.get(frame, {})))) for frame in keys]
    lost = [shot.frame for shot in [template, *frames] if shot.image is None]
    without = f"frames that cannot be read: {', '.join(map(str, lost))}" if lost else ""
    target = template.boxes[0].box if template.image is not None and len(present) else None
    small = crop(template.image, target, CROP) if target is not None and template.image is not None else None
    return Shown(template, frames, small, without, [] if grounder else [NOT_ASKED])


def _shot(row: Row, video: Sequence, frame: int, boxes: list[Marked]) -> Shot:
    try:
        image = video.frames[frame]
    except (FrameError, IndexError):
        return Shot(frame, None, [], f"frame {frame}\ncannot be read")
    overlap = overlaps(row)
    known = frame < len(overlap) and np.isfinite(overlap[frame])
    source = _at(tracked(row, "sources"), frame)
    said = [f"IoU {overlap[frame]:.2f}"] if known else []
    return Shot(frame, image, boxes, ", ".join([*said, *([f"by {source}"] if source else [])]))


def _marks(row: Row, frame: int, proposals: dict[str, Any]) -> Iterator[Marked]:
    present = present_frames(row)
    truth = row["boxes"][frame] if frame < len(present) and present[frame] else None
    if truth is not None:
        yield Marked(truth, TRUTH)
    if (box := _at(tracked(row, "boxes"), frame)) is not None:
        yield Marked(box, f"track, {_at(tracked(row, 'sources'), frame)}")
    yield from _judged(row, proposals.get("boxes", []), truth)


def _asked(row: Row, video: Sequence, start: int, grounder: str | None, device: str) -> Iterator[Marked]:
    """What a grounder finds on the template with the text to use."""
    if not grounder or row["text"] is None:
        return
    answers = grounded(row, video.frames, backends.create("grounder", grounder, device=device))
    of = next((found for found in answers if found["text"] == row["text"] and found["start"] == start), None)
    yield from _judged(row, of["boxes"] if of else [], row["boxes"][start])


def _judged(row: Row, boxes: list[list[float]], truth: Any) -> Iterator[Marked]:
    for box in boxes[:PROPOSALS]:
        on = truth is not None and float(iou(np.array([box]), np.array([truth]))[0]) >= theta_of(row)
        yield Marked(box, ON_TARGET if on else ELSEWHERE)


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None
