"""Differences with their intervals, a row each: what is left of zero got worse, what is right of it better.

Pictures are one column of a paper wide. Where there are more rows than a page holds, those in the middle are left out,
and a line says how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chatdesc.drawing.figures import new_figure
from chatdesc.drawing.style import BLUE, COLOURS, COLUMN, GREY, SIZE, SMALL, VERMILION
from chatdesc.drawing.words import legible, measured, shortened, wrapped

MOST = 40  # rows
ROW = 0.15  # inches
MARGIN = 0.55  # inches above and below the rows
NAMES = 72 * 1.3  # points for the names of rows
MARKERS = "osD^v"
NO_INTERVAL = "\nopen: no interval"  # too few pairs, or all alike
LEAST = 1.0  # half of the axis at least, so that differences that are nearly none look so


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference: its row's name, its value, and the ends of its interval where there is one.

    Attributes:
        series: which of several differences in one row; each has a colour and a marker.
        beside: what stands at the right end of its row.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    series: str = ""
    beside: str = ""

    @property
    def has_interval(self) -> bool:
        """Whether both ends are known."""
        return self.low is not None and self.high is not None


def intervals(differences: Sequence[Difference], title: str, across: str) -> Any:
    """Points with their intervals; call it within ``printing``."""
    series = list(dict.fromkeys(each.series for each in differences))
    names = _kept(list(dict.fromkeys(each.name for each in differences)))
    height = ROW * max(1.0, 0.7 * len(series))
    is_open = any(not each.has_interval for each in differences)
    figure, axes = _axes(names, height, title, across + (NO_INTERVAL if is_open else ""), len(series) > 1)
    for number, name in enumerate(series):
        _points(axes, [each for each in differences if each.series == name], names, number, len(series))
    _widen(axes)
    _beside(axes, differences, names)
    _legend(figure, series)
    return figure


def bars(differences: Sequence[Difference], title: str, across: str) -> Any:
    """A bar per row, coloured by its direction, and a point where there is no difference; call within ``printing``."""
    names = _kept([each.name for each in differences])
    figure, axes = _axes(names, ROW, title, across, False)
    places = {name: place for place, name in enumerate(names)}
    shown = [each for each in differences if each.name in places]
    colours = [BLUE if each.value > 0 else VERMILION for each in shown]
    rows, values = [places[each.name] for each in shown], [each.value for each in shown]
    axes.barh(rows, values, height=0.7, color=colours)
    same = [row for row, value in zip(rows, values, strict=True) if not value]
    axes.plot([0.0] * len(same), same, "o", color=GREY, markersize=3.2)
    _widen(axes)
    return figure


def _widen(axes: Any) -> None:
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -LEAST), max(right, LEAST))


def _kept(names: list[str]) -> list[str]:
    """At most MOST names; a line in the place of those that are left out."""
    half = MOST // 2
    return names if len(names) <= MOST else [*names[:half], f"… {len(names) - MOST:,} between …", *names[-half:]]


def _axes(names: list[str], row: float, title: str, across: str, legend: bool) -> tuple[Any, Any]:
    lines = wrapped(legible(title).texts[0], 72 * COLUMN, measured(SIZE), 3)
    figure = new_figure(COLUMN, MARGIN + row * len(names) + 0.14 * (len(lines) + legend + across.count("\n")))
    axes = figure.add_subplot()
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.grid(axis="x", alpha=0.4)
    axes.set_axisbelow(True)
    figure.suptitle("\n".join(lines), fontsize=SIZE)
    axes.set_xlabel(across)
    axes.set_ylim(len(names) - 0.4, -0.6)
    shown = [shortened(legible(name).texts[0], NAMES, measured(SMALL)) for name in names]
    axes.set_yticks(range(len(names)), shown)
    axes.tick_params(axis="y", length=0)
    return figure, axes


def _points(axes: Any, differences: Sequence[Difference], names: list[str], number: int, count: int) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    for each in differences:
        if each.name not in names:
            continue
        place = names.index(each.name) + (0.6 * (number - (count - 1) / 2) / count)
        if each.has_interval:
            axes.plot([each.low, each.high], [place, place], color=colour, linewidth=1.0)
        face = colour if each.has_interval else "white"
        axes.plot([each.value], [place], marker, color=colour, markersize=3.2, markerfacecolor=face)


def _beside(axes: Any, differences: Sequence[Difference], names: list[str]) -> None:
    from matplotlib.transforms import blended_transform_factory

    said = {each.name: each.beside for each in differences if each.beside}
    place = blended_transform_factory(axes.transAxes, axes.transData)
    for name in names:
        if name in said:
            axes.text(
                1.02, names.index(name), said[name], transform=place, fontsize=SMALL, va="center", color=GREY,
            )  # fmt: skip


def _legend(figure: Any, series: list[str]) -> None:
    from matplotlib.lines import Line2D

    if len(series) < 2:
        return
    looks = [(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i in range(len(series))]
    drawn = [Line2D([], [], color=colour, marker=marker, markersize=3.2) for colour, marker in looks]
    figure.legend(drawn, series, loc="outside lower center", frameon=False, ncols=len(series), borderpad=0.1)
