"""The layout of a sheet: heading, template and texts, frames over the video, line of time, findings.

All places are inches from the upper left corner; the sheet is as high as its texts ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Any

from chatdesc.drawing.figures import new_figure
from chatdesc.drawing.style import BLACK, GREEN, GREY, PAGE, SIZE, SMALL, VERMILION
from chatdesc.drawing.words import BOX, legible
from chatdesc.rows.schema import Row
from chatdesc.sheets.frames import Shot, kinds_in, look_of_kind, show
from chatdesc.sheets.line_of_time import draw_time
from chatdesc.sheets.lines import Line, compose, height_of, write
from chatdesc.sheets.said import FOUND, findings, heading, numbers, words
from chatdesc.types import Image, one_line

EDGE, GAP = 0.08, 0.1  # inches
INNER = PAGE - 2 * EDGE
CROP = 0.55
TEMPLATE = (2.75, 2.2)  # the most that it takes
STRIP = 1.35  # the height of a frame at most
CAPTION = 0.27
KEY = 0.13  # a line of a key
TIME = 0.95
LINES, FINDINGS = 5, 8  # of a text, and of the list of findings


@dataclass(frozen=True, slots=True)
class Shown:
    """What is seen on a sheet beside the row.

    Attributes:
        template: the first frame with the target.
        frames: frames over the video, in order.
        crop: the target alone.
        without: why there are no frames; empty where there are.
        notes: remarks that stand below the findings.
    """

    template: Shot | None = None
    frames: list[Shot] = field(default_factory=list)
    crop: Image | None = None
    without: str = ""
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Page:
    """A figure on which things are placed from the upper left corner."""

    figure: Any
    height: float

    def axes(self, left: float, top: float, width: float, height: float) -> Any:
        return self.figure.add_axes((left / PAGE, 1 - (top + height) / self.height, width / PAGE, height / self.height))


def draw_sheet(row: Row, shown: Shown) -> Any:
    """The figure of a sheet; call it within ``printing``."""
    head = _head(row, INNER - (CROP + GAP if shown.crop is not None else 0))
    width, height = _fit(shown.template, *TEMPLATE)
    beside = _texts(row, INNER - width - 2 * GAP)
    below = _findings(row, shown)
    tops = [EDGE, 0.0, 0.0, 0.0, 0.0]
    tops[1] = EDGE + max(height_of(head), CROP if shown.crop is not None else 0) + GAP
    tops[2] = tops[1] + max(height + _key_height(shown.template), height_of(beside)) + GAP
    tops[3] = tops[2] + (_strip_height(shown.frames) + GAP if shown.frames else 0) + 0.12
    tops[4] = tops[3] + TIME + 0.66
    page = _Page(new_figure(PAGE, total := tops[4] + height_of(below) + EDGE, layout=None), total)
    write(page.figure, head, EDGE, tops[0])
    if shown.crop is not None:
        corner = page.axes(PAGE - EDGE - CROP, EDGE, CROP, CROP)
        corner.imshow(shown.crop)
        corner.set_axis_off()
    _template(page, shown, tops[1], width, height)
    write(page.figure, beside, EDGE + width + 2 * GAP, tops[1])
    letters = _strip(page, shown.frames, tops[2])
    _time(page, row, letters, tops[3])
    write(page.figure, below, EDGE, tops[4])
    return page.figure


def _head(row: Row, width: float) -> list[Line]:
    title, *facts = heading(row)
    return [
        *compose(title, width, 2, size=10, bold=True),
        *(line for fact in facts for line in compose(fact, width, 2, colour=GREY)),
    ]


def _texts(row: Row, width: float) -> list[Line]:
    """Both texts, each with its numbers, and the words of the chosen one."""
    kept = row["text_source"] == "manual" and row["text"] is not None
    lines = _text("Manual text", row["manual_text"], numbers(row, "manual"), width)
    if kept:
        lines += compose("The manual text was kept: nothing beat it.", width, 2, colour=GREY, gap=5)
    else:
        lines += _text("Refined text", row["text"], numbers(row, "refined"), width)
    for said, found in words(row):
        colour = GREEN if said == FOUND else VERMILION
        lines += compose(f"Words that {said}: {', '.join(found)}", width, 2, colour=colour, gap=3)
    if row["background"]:
        lines += compose(f"Background: {', '.join(row['background'])}", width, 2, colour=GREY, gap=3)
    if row["ranges"]:
        count = len(row["ranges"])
        lines += compose(f"{count} ranges of frames have a text of their own.", width, 1, colour=GREY, gap=3)
    return lines


def _text(title: str, text: str | None, said: str, width: float) -> list[Line]:
    shown = "none" if text is None else one_line(text) or "empty"
    return [
        *compose(title, width, size=SMALL, bold=True, gap=5),
        *compose(shown, width, LINES, size=SIZE + 0.5, colour=GREY if text is None else BLACK),
        *compose(said, width, 3, colour=GREY),
    ]


def _findings(row: Row, shown: Shown) -> list[Line]:
    listed = findings(row)
    lines = compose("Findings" if listed else "No findings.", INNER, bold=bool(listed))
    for found in listed[:FINDINGS]:
        lines += compose(f"• {found}", INNER, 2)
    if len(listed) > FINDINGS:
        lines += compose(f"• and {len(listed) - FINDINGS} more", INNER)
    texts = [row["manual_text"] or "", row["text"] or "", row["sequence"], *row["background"]]
    missing = legible(*texts).missing
    codes = ", ".join(f"U+{ord(c):04X}" for c in missing[:6]) + (" ..." if len(missing) > 6 else "")
    lacking = [f"{BOX}: a character that no font of this machine has ({codes})"] if missing else []
    for note in [*shown.notes, *lacking]:
        lines += compose(note, INNER, 2, colour=GREY, gap=2)
    return lines


def _fit(shot: Shot | None, width: float, height: float) -> tuple[float, float]:
    """Inches of a frame within a place, with its own proportions."""
    if shot is None or shot.image is None:
        return width, height * 0.75
    scale = min(width / shot.image.shape[1], height / shot.image.shape[0])
    return scale * shot.image.shape[1], scale * shot.image.shape[0]


def _template(page: _Page, shown: Shown, top: float, width: float, height: float) -> None:
    shot = shown.template or Shot(0, None, why=shown.without)
    axes = page.axes(EDGE, top, width, height)
    show(axes, shot, width, zoom=False)
    for number, kind in enumerate(kinds_in([shot])):
        _sample(
            page, f"{kind} (frame {shot.frame})" if number == 0 else kind, kind, EDGE, top + height + 0.1 + KEY * number
        )


def _sample(page: _Page, said: str, kind: str, left: float, middle: float) -> None:
    """A line as boxes of a kind have it, and what it means."""
    colour, style, thick = look_of_kind(kind)
    line = page.axes(left, middle - 0.05, 0.25, 0.1)
    line.plot([0, 1], [0, 0], color=colour, linestyle=style, linewidth=thick)
    line.set_axis_off()
    write(page.figure, compose(said, TEMPLATE[0], size=6.5), left + 0.32, middle - 0.085)


def _key_height(shot: Shot | None) -> float:
    return KEY * len(kinds_in([shot] if shot else [])) + 0.05


def _strip_height(frames: Sequence[Shot]) -> float:
    return max(_fit(shot, _cell(len(frames)), STRIP)[1] for shot in frames) + CAPTION + KEY


def _cell(count: int) -> float:
    return min((INNER + 0.06) / max(count, 4) - 0.06, 1.65)


def _strip(page: _Page, frames: Sequence[Shot], top: float) -> dict[int, str]:
    """Draw the frames side by side; the letter of each."""
    cell = _cell(len(frames))
    for number, shot in enumerate(frames):
        left = EDGE + number * (cell + 0.06)
        width, height = _fit(shot, cell, STRIP)
        axes = page.axes(left, top, width, height)
        enlarged = show(axes, shot, width, zoom=True)
        part = f", × {enlarged:.1f}" if enlarged > 1 else ""
        said = [f"{ascii_lowercase[number]}: frame {shot.frame}{part}", shot.why if shot.image is not None else ""]
        lines = [line for text in said for line in compose(text, cell, size=6, colour=GREY)]
        write(page.figure, lines, left, top + height + 0.01)
    for number, kind in enumerate(kinds_in(frames)):
        _sample(page, kind, kind, EDGE + number * INNER / 6, top + _strip_height(frames) - KEY / 2)
    return {shot.frame: ascii_lowercase[number] for number, shot in enumerate(frames)}


def _time(page: _Page, row: Row, letters: dict[int, str], top: float) -> None:
    axes = page.axes(EDGE + 0.42, top, INNER - 0.5, TIME)
    meanings = draw_time(axes, row, letters)
    if meanings:
        marks, said = zip(*meanings, strict=True)
        axes.legend(
            marks, said, loc="upper center", bbox_to_anchor=(0.5, -0.42), ncols=min(len(said), 4), frameon=False,
            borderpad=0, handlelength=1.6, columnspacing=1.2,
        )  # fmt: skip
