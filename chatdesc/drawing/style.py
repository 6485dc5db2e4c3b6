"""Colours, lines and sizes of pictures that a paper can print.

>>> look_of(0), look_of(1)
(('#0072B2', '-'), ('#D55E00', '--'))
>>> len({look_of(number) for number in range(LOOKS)}) == LOOKS == 35
True

The colours are those of Okabe and Ito, "Color Universal Design", 2008, without their yellow, which is too light for a
line on white paper. Neighbours differ in the kind of line too, so a print without colours can be read as well.
"""

from __future__ import annotations

from typing import Any

BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = COLOURS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
)  # fmt: skip
GREY = "#6B6B6B"
LINES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (3, 1, 1, 1, 1, 1)))
LOOKS = len(COLOURS) * len(LINES)  # the two counts have no common factor, so each pair comes once

COLUMN, PAGE = 3.25, 6.875  # inches: one and both columns of a conference's page
SIZE, SMALL = 8.0, 7.0  # points
DOTS = 300  # per inch, of a PNG

PRINT: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": SIZE,
    "axes.titlesize": SIZE,
    "axes.labelsize": SIZE,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "axes.linewidth": 0.6,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,  # TrueType, embedded: publishers refuse Type 3, and a reader can search the words
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a name with dollars is no formula
    "svg.hashsalt": "chatdesc",  # equal pictures are equal files
}


def look_of(number: int) -> tuple[str, Any]:
    """Colour and kind of line of the n-th of several curves; the first LOOKS differ."""
    return COLOURS[number % len(COLOURS)], LINES[number % len(LINES)]
