"""A sequence over its frames: IoU of track and truth, absence, what placed the box, and which frames are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chatdesc.drawing.style import BLACK, BLUE, GREY, SMALL
from chatdesc.page.timeline import overlaps, timeline, tracked
from chatdesc.rows.schema import Row
from chatdesc.sheets.frames import look_of_kind

BINS = 600  # points of the line at most; each is a mean, with the range of its frames behind it
CHOICES, NONE = -0.1, -0.22  # where marks stand below the line


def draw_time(axes: Any, row: Row, shown: Mapping[int, str]) -> list[tuple[Any, str]]:
    """Draw the line into axes.

    Args:
        shown: letters of the frames that the sheet shows.

    Returns:
        Marks and what they mean, for a legend.
    """
    about, overlap = timeline(row), overlaps(row)
    frames = max(int(about["frames"]), 1)
    low = -0.3 if about["choices"] or about["none"] else -0.05
    axes.set(xlim=(-0.5, max(frames - 0.5, 0.5)), ylim=(low, 1.05), xlabel="frame", ylabel="IoU")
    axes.set_yticks([0, 0.5, 1])
    axes.grid(axis="y", alpha=0.4)
    if not np.isfinite(overlap).any():
        axes.text(0.5, 0.55, "no track to compare with the target", transform=axes.transAxes, ha="center", color=GREY)
    meanings = [*_curve(axes, overlap), *_absence(axes, about["absent"]), *_choices(axes, row, about)]
    for frame, letter in shown.items():
        axes.axvline(frame, color=GREY, linewidth=0.5, linestyle=":")
        axes.annotate(letter, (frame, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 2), ha="center",
                      textcoords="offset points", fontsize=SMALL, annotation_clip=False)  # fmt: skip
    return meanings


def _curve(axes: Any, overlap: Any) -> list[tuple[Any, str]]:
    if not np.isfinite(overlap).any():
        return []
    step = max(-(-len(overlap) // BINS), 1)
    parts = [overlap[at : at + step] for at in range(0, len(overlap), step)]
    known = [part[np.isfinite(part)] for part in parts]
    x = [at * step + (len(part) - 1) / 2 for at, part in enumerate(parts)]
    low, mean, high = ([of(part) if len(part) else np.nan for part in known] for of in (np.min, np.mean, np.max))
    if step > 1:
        axes.fill_between(x, low, high, color=BLUE, alpha=0.25, linewidth=0)
    [line] = axes.plot(x, mean, color=BLUE, linewidth=0.9)
    return [
        (line, "IoU of track and target" if step == 1 else f"IoU of track and target, mean and range of {step} frames")
    ]


def _absence(axes: Any, absent: list[list[int]]) -> list[tuple[Any, str]]:
    areas = [axes.axvspan(start - 0.5, stop - 0.5, color="#DDDDDD", linewidth=0) for start, stop in absent]
    return [(areas[0], "no target")] if areas else []


def _choices(axes: Any, row: Row, about: Mapping[str, Any]) -> list[tuple[Any, str]]:
    meanings = []
    by_source: dict[str, list[int]] = {}
    for frame, source in about["choices"]:
        by_source.setdefault(str(source), []).append(frame)
    for source, frames in by_source.items():
        colour, *_ = look_of_kind(f"track, {source}")
        [marks] = axes.plot(frames, [CHOICES] * len(frames), "|", color=colour, markersize=5, clip_on=False)
        meanings.append((marks, f"placed by {source}"))
    if none := tracked(row, "none_frames"):
        [marks] = axes.plot(none, [NONE] * len(none), "x", color=BLACK, markersize=3, clip_on=False)
        meanings.append((marks, "no proposal fits"))
    return meanings
