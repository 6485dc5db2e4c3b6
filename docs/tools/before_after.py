"""Draw where the manual text and the refined text of a few sequences lead the grounder, one above the other.

    python docs/tools/before_after.py demo/run-12x40-seed0-offline demo/synthetic-12x40-seed0

The texts and the IoUs are those of the run's rows. The proposals come from the run's own grounder, asked once more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import chatdesc
from chatdesc.backends import create
from chatdesc.rows.store import Store, read_config
from chatdesc.types import Boxes, FrameRef, Ground
from chatdesc.types import Image as Frame

Colour = tuple[int, int, int]

# The planted faults of the default demo: another thing's text, a text that fits two things, a misspelt one.
SEQUENCES = ("star-3", "cross-1", "cross-4")

ZOOM = 1.5  # pictures of 320 x 240 are shown at 480 x 360
GAP, HEAD, FOOT = 24, 74, 42
INK, GREY, TARGET = (28, 32, 40), (104, 112, 124), (255, 255, 255)
BEFORE, AFTER = (214, 84, 26), (0, 124, 137)  # orange and teal stay apart for colour-blind readers


@dataclass(frozen=True)
class Panel:
    """One text of one sequence, its IoU, and the first frame with target [4] and proposals [P, 4], best first."""

    heading: str
    text: str
    iou: float
    colour: Colour
    frame: Frame
    target: Boxes
    proposals: Boxes
    scores: list[float]


def panels(run: Path, root: Path, names: tuple[str, ...]) -> list[tuple[Panel, Panel]]:
    """(manual, refined) of each sequence, both grounded in the first frame.

    Raises:
        ChatdescError: ``run`` is no run, or ``root`` holds no such sequence.
        SystemExit: the run has no row of a sequence, or the row lacks one of the texts.
    """
    config = read_config(run)
    data, ground = chatdesc.load(config["dataset"], root), grounder_of(config["settings"])
    pairs = []
    for name in names:
        row, sequence = Store(run).load(name), data[name]
        scores = row and row["grounding"]
        if not row or not scores or not row["manual_text"] or not row["text"]:
            raise SystemExit(f"{run}: {name} has no row with a manual and a refined text")
        frame, target = FrameRef(sequence.frames, 0), sequence.boxes[0]
        before = ("manual text", row["manual_text"], scores["manual_iou"] or 0.0, BEFORE)
        after = ("refined text", row["text"], scores["iou"], AFTER)
        pair = [Panel(*what, frame.image(), target, *ground(frame, what[1])) for what in (before, after)]
        pairs.append((pair[0], pair[1]))
    return pairs


def grounder_of(settings: dict[str, Any]) -> Callable[[FrameRef, str], tuple[Boxes, list[float]]]:
    """The run's grounder as a function: proposals [P, 4] above its threshold and their scores, best first."""
    grounder = create("grounder", settings["grounder"])
    threshold = grounder.threshold if settings["box_threshold"] is None else settings["box_threshold"]

    def ground(frame: FrameRef, text: str) -> tuple[Boxes, list[float]]:
        [answer] = grounder.ground([Ground(frame, text)])
        best = answer.scores.max(1, initial=0.0)
        order = [i for i in np.argsort(-best, kind="stable") if best[i] >= threshold]
        return answer.boxes[order], [float(best[i]) for i in order]

    return ground


def draw(pairs: list[tuple[Panel, Panel]]) -> Image.Image:
    """All panels: a column per sequence, the manual text above the refined text."""
    width, height = _zoomed(Image.fromarray(pairs[0][0].frame))
    step = HEAD + height + GAP
    sheet = Image.new("RGB", (GAP + len(pairs) * (width + GAP), 2 * step + FOOT), "white")
    for column, pair in enumerate(pairs):
        for line, panel in enumerate(pair):
            _draw_panel(sheet, panel, GAP + column * (width + GAP), line * step)
    _draw_key(ImageDraw.Draw(sheet), 2 * step)
    return sheet


def _draw_panel(sheet: Image.Image, panel: Panel, x: int, y: int) -> None:
    canvas = ImageDraw.Draw(sheet)
    canvas.text((x, y + 14), f"{panel.heading}, IoU {panel.iou:.2f}", panel.colour, _font(19))
    canvas.text((x, y + 37), f"“{panel.text}”", INK, _font(26))
    frame = Image.fromarray(panel.frame)
    picture = frame.resize(_zoomed(frame), Image.Resampling.LANCZOS)
    on_frame = ImageDraw.Draw(picture)
    _dashed(on_frame, _corners(panel.target, grow=4))
    for rank, (box, score) in enumerate(zip(panel.proposals, panel.scores, strict=True)):
        corners = _corners(box)
        on_frame.rectangle(corners, outline=panel.colour, width=2 if rank else 5)
        _label(on_frame, corners, f"{score:.2f}", panel.colour, picture.size)
    if not panel.scores:
        bottom = picture.height - 10
        _label(on_frame, [10, bottom, 10, bottom], "no proposal above the threshold", panel.colour, picture.size)
    sheet.paste(picture, (x, y + HEAD))


def _draw_key(canvas: ImageDraw.ImageDraw, y: int) -> None:
    font = _font(18)
    _dashed(canvas, [GAP + 2, y + 1, GAP + 38, y + 21])
    canvas.text((GAP + 50, y), "target", GREY, font)
    for x, colour in ((GAP + 130, BEFORE), (GAP + 174, AFTER)):
        canvas.rectangle([x, y + 1, x + 36, y + 21], outline=colour, width=4)
    words = "proposals of the grounder with their scores; the best proposal has the thick line"
    canvas.text((GAP + 222, y), words, GREY, font)


def _zoomed(frame: Image.Image) -> tuple[int, int]:
    return round(frame.width * ZOOM), round(frame.height * ZOOM)


def _corners(box: Boxes, grow: int = 0) -> list[float]:
    x, y, w, h = (float(v) * ZOOM for v in box)
    return [x - grow, y - grow, x + w + grow, y + h + grow]


def _dashed(canvas: ImageDraw.ImageDraw, corners: list[float], dash: int = 8) -> None:
    """A white dashed rectangle on a dark line, seen on any ground."""
    left, top, right, bottom = corners
    canvas.rectangle(corners, outline=INK, width=3)
    for start in np.arange(left, right, 2 * dash):
        for y in (top, bottom):
            canvas.line([start, y, min(start + dash, right), y], TARGET, 3)
    for start in np.arange(top, bottom, 2 * dash):
        for x in (left, right):
            canvas.line([x, start, x, min(start + dash, bottom)], TARGET, 3)


def _label(
    canvas: ImageDraw.ImageDraw,
    corners: list[float],
    text: str,
    colour: Colour,
    size: tuple[int, int],
) -> None:
    """A tag above a box, or below it where there is no room above; it stays inside the picture."""
    font = _font(18)
    width, height = canvas.textlength(text, font) + 12, 25
    x = min(corners[0], size[0] - width)
    y = corners[1] - height if corners[1] >= height else min(corners[3], size[1] - height)
    canvas.rectangle([x, y, x + width, y + height], fill=colour)
    canvas.text((x + 6, y + 2), text, "white", font)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("root", type=Path, help="the root of the run's dataset")
    parser.add_argument("--sequences", default=",".join(SEQUENCES), help="names with commas, a column each")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/before_after.png"))
    chosen = parser.parse_args()
    sheet = draw(panels(chosen.run, chosen.root, tuple(chosen.sequences.split(","))))
    sheet.quantize(256, kmeans=4, dither=Image.Dither.NONE).save(chosen.out, optimize=True)
    print(f"written: {chosen.out} ({chosen.out.stat().st_size // 1024} kB)")


if __name__ == "__main__":
    main()
