"""Lines of text on a sheet: composed to a width, measured, and written one below the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from chatdesc.drawing.style import BLACK, SMALL
from chatdesc.drawing.words import legible, measured, wrapped

LEADING = 1.38  # of a line, in sizes of its letters
INCH = 72.0  # points


@dataclass(frozen=True, slots=True)
class Line:
    """A line that fits; ``size`` and ``indent`` in points, ``gap`` is left free above it."""

    text: str
    size: float = SMALL
    colour: str = BLACK
    bold: bool = False
    indent: float = 0.0
    gap: float = 0.0

    @property
    def height(self) -> float:
        """Inches, with what is left free."""
        return (self.size * LEADING + self.gap) / INCH


def compose(
    text: str,
    width: float,
    most: int = 1,
    *,
    size: float = SMALL,
    colour: str = BLACK,
    bold: bool = False,
    indent: float = 0.0,
    gap: float = 0.0,
) -> list[Line]:
    """A text as at most so many lines of ``width`` inches; call it within ``printing``."""
    room = (width * INCH - indent) * (0.88 if bold else 1.0)  # letters are measured as regular ones
    parts = wrapped(legible(text).texts[0], room, measured(size), most)
    return [Line(part, size, colour, bold, indent, gap if not place else 0.0) for place, part in enumerate(parts)]


def height_of(lines: Iterable[Line]) -> float:
    """Inches."""
    return sum(line.height for line in lines)


def write(figure: Any, lines: Iterable[Line], left: float, top: float) -> None:
    """Write lines from ``top`` downwards; both in inches from the upper left corner of the figure."""
    width, height = figure.get_size_inches()
    for line in lines:
        top += line.height
        baseline = height - top + 0.3 * line.size / INCH
        figure.text(
            (left + line.indent / INCH) / width, baseline / height, line.text, fontsize=line.size, color=line.colour,
            fontweight="bold" if line.bold else "normal", ha="left", va="baseline",
        )  # fmt: skip
