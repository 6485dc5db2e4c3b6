"""Texts of any script within a picture: fonts that have their characters, lines that fit, ends that say what is cut.

>>> told = legible("a red\\n\\u202ekite\\u202c \\U000f0000")
>>> told.texts, told.missing
(('a red kite □',), ('\\U000f0000',))
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from chatdesc.drawing.style import PRINT
from chatdesc.types import one_line

BOX = "□"  # in place of a character that no font has
JOINERS = "\u200c\u200d"  # shape their neighbours; all other characters of format could turn a line around
LAST = "Last Resort"  # a font whose glyphs only say of which script a character is
FINE = 10  # times the resolution at which a point is a pixel: at that one, letters are as wide as whole pixels
PREFERRED = ("noto", "liberation", "dejavu")  # fonts for many scripts, so few are needed

Measure = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Legible:
    """Texts that can be drawn.

    Attributes:
        texts: one line each, without control characters.
        families: fonts to draw them with beside the first.
        missing: characters that no installed font has; BOX stands in their place.
    """

    texts: tuple[str, ...]
    families: tuple[str, ...]
    missing: tuple[str, ...]


def legible(*texts: str) -> Legible:
    """Texts with what this machine's fonts can show of them.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    plain = [_plain(text) for text in texts]
    wanted = {c for text in plain for c in text if not c.isspace() and c not in JOINERS}
    families, lacking = _fonts_for(wanted)
    boxed = str.maketrans(dict.fromkeys(lacking, BOX))
    return Legible(tuple(text.translate(boxed) for text in plain), tuple(families), tuple(sorted(lacking)))


def _plain(text: str) -> str:
    """One line of characters that have a shape."""
    whole = one_line(text.encode("utf-8", "replace").decode())
    return "".join(c for c in whole if c in JOINERS or unicodedata.category(c) not in ("Cc", "Cf"))


def _fonts_for(wanted: set[str]) -> tuple[list[str], set[str]]:
    lacking, families = wanted - _characters(_path_of(PRINT["font.family"][0])), []
    for family, path in _installed():
        if not lacking:
            break
        if found := lacking & _characters(path):
            families.append(family)
            lacking -= found
    return families, lacking


def _path_of(family: str) -> str:
    from matplotlib.font_manager import findfont

    return str(findfont(family))


@cache
def _installed() -> tuple[tuple[str, str], ...]:
    """Families of this machine with a font each, those for many scripts first."""
    from matplotlib.font_manager import fontManager

    plain = {font.name: font.fname for font in fontManager.ttflist if font.style == "normal" and font.weight == 400}
    known = ((name, path) for name, path in plain.items() if not name.startswith(LAST))
    return tuple(sorted(known, key=lambda font: (not font[0].lower().startswith(PREFERRED), font[0])))


@cache
def _characters(path: str) -> frozenset[str]:
    """The characters that a font has as outlines; a font of pictures cannot be scaled."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(path)
        outlines = bool(getattr(font, "scalable", True))
        return frozenset(map(chr, font.get_charmap())) if outlines else frozenset()
    except (OSError, RuntimeError):  # a damaged font
        return frozenset()


def wrapped(text: str, width: float, measure: Measure, most: int) -> list[str]:
    """A text as at most so many lines that are no wider than ``width``; the last says how much is cut.

    >>> wrapped("a red kite over the sea", 10, len, 5), wrapped("a" * 30, 10, len, 2)
    (['a red kite', 'over the', 'sea'], ['aaaaaaaaaa', 'aa … (+18)'])
    """
    lines: list[str] = []
    rest = text
    while rest and len(lines) < most:
        line, rest = _split(rest, width, measure)
        lines.append(line)
    return [*lines[:-1], _ended(lines[-1], len(rest), width, measure)] if rest and lines else lines


def _ended(line: str, cut: int, width: float, measure: Measure) -> str:
    """A last line with the number of characters that are cut from the text."""
    for kept in range(len(line), 0, -1):
        shown = f"{line[:kept].rstrip()} … (+{cut + len(line) - kept:,})"
        if measure(shown) <= width:
            return shown
    return "…"


def _split(text: str, width: float, measure: Measure) -> tuple[str, str]:
    """The first line of a text, and the rest; a word that is too long is broken."""
    if 2 * len(text) <= width and measure(text) <= width:  # most texts; a long one is not measured whole
        return text, ""
    low, high = _bounds(text, width, measure)
    while low < high:  # the longest head that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= width else (low, middle - 1)
    if low >= len(text):
        return text, ""
    space = text.rfind(" ", 0, low + 1)
    stop = space if space > 0 else low
    return text[:stop].rstrip(), text[stop:].lstrip()


def _bounds(text: str, width: float, measure: Measure) -> tuple[int, int]:
    """A length of head that fits (or 1), and one that is too long or all."""
    low, high = 1, 16
    while high < len(text) and measure(text[:high]) <= width:
        low, high = high, 2 * high
    return low, min(high, len(text))


def measured(size: float) -> Measure:
    """Widths of lines in points, as the fonts in force draw them at ``size`` points."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    renderer, font = RendererAgg(10, 10, 72 * FINE), FontProperties(size=size)

    @cache
    def measure(line: str) -> float:
        return float(renderer.get_text_width_height_descent(line, font, False)[0]) / FINE

    return measure


def shortened(name: str, width: float, measure: Measure) -> str:
    """A name that fits, with its middle left out: names of trackers differ at their ends.

    >>> shortened("a_tracker_with_a_long_name_v2", 15, len)
    'a_track…name_v2'
    """
    if len(name) <= width and measure(name) <= width:
        return name
    most = min(len(name), 400) // 2
    kept = bisect_right(range(1, most + 1), width, key=lambda ends: measure(_ends(name, ends)))
    return _ends(name, kept) if kept else "…"


def _ends(name: str, kept: int) -> str:
    return f"{name[:kept]}…{name[-kept:]}"
