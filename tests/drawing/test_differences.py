"""Differences with intervals, and bars: what is drawn where."""

from __future__ import annotations

import pytest

from chatdesc.drawing.differences import MOST, Difference, bars, intervals
from chatdesc.drawing.figures import printing
from chatdesc.drawing.style import BLUE, DOTS, VERMILION


def inside(figure):
    """All words are within the figure and beside one another."""
    figure.set_dpi(DOTS)
    figure.canvas.draw()
    [axes] = figure.axes
    low, high = axes.get_xlim()
    numbers = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    texts = [*axes.get_yticklabels(), *numbers, axes.xaxis.label, *axes.texts, figure._suptitle]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    places = [text.get_window_extent() for text in texts if text.get_text()]
    assert all(p.x0 >= -1 and p.x1 <= figure.bbox.width + 1 and p.y0 >= -1 for p in places)
    pairs = [(a, b) for i, a in enumerate(places) for b in places[:i]]
    assert not [(a, b) for a, b in pairs if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 < min(a.y1, b.y1) - max(a.y0, b.y0)]


def test_an_interval_is_a_line_and_a_point_without_one_is_open():
    given = [Difference("a − b", 2.0, 1.0, 3.0, "AUC", "n=12"), Difference("c − d", -0.5, None, None, "AUC", "n=3")]
    with printing():
        figure = intervals([*given, Difference("a − b", 1.0, 0.5, 1.5, "P")], "Differences", "points")
        inside(figure)
    [axes] = figure.axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2 and set(line.get_xdata()) != {0}]
    assert [list(line.get_xdata()) for line in lines] == [[1.0, 3.0], [0.5, 1.5]]
    points = {line.get_xdata()[0]: line.get_markerfacecolor() for line in axes.lines if line.get_marker() in "osD^v"}
    assert points[2.0] == BLUE and points[-0.5] == "white" and points[1.0] == VERMILION
    assert axes.get_xlabel() == "points\nopen: no interval" and [t.get_text() for t in axes.texts] == ["n=12", "n=3"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["AUC", "P"]


@pytest.mark.parametrize("count", [1, 3, MOST + 100])
def test_bars_have_the_colour_of_their_direction_and_the_middle_of_many_is_left_out(count):
    given = [Difference(f"a_long_name_of_a_sequence_${number}_", 10.0 - number) for number in range(count)]
    with printing():
        figure = bars(given, "By sequence: a dataset with a name that is long enough for two lines", "points")
        inside(figure)
    [axes] = figure.axes
    values = [bar.get_width() for bar in axes.patches]
    assert len(values) == min(count, MOST) and values[0] == 10.0 and values[-1] == 11.0 - count
    assert {bar.get_facecolor()[:3] for bar in axes.patches if bar.get_width() > 0} == {(0.0, 114 / 255, 178 / 255)}
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert ("… 100 between …" in names) == (count > MOST) and names[0].startswith("a_long")


def test_differences_that_are_nearly_none_look_so():
    with printing():
        [axes] = bars([Difference("a", 0.001), Difference("b", 0.0)], "t", "points").axes
    assert axes.get_xlim()[0] <= -1 and axes.get_xlim()[1] >= 1
    assert list(axes.lines[-1].get_ydata()) == [1]  # no bar is seen there, so a point stands for it
