"""The plots of a card, and when there are none."""

from __future__ import annotations

import sys

import pytest

from chatdesc.drawing.figures import printing
from chatdesc.metrics.paired import FEW
from chatdesc.share.card import Tally, render
from chatdesc.share.card_plots import ALIGNED, GROUNDED, _aligned, _grounded, card_plots
from tests.makers.full_rows import row
from tests.share.test_card import info_of


def tally_of(count, **columns):
    tally = Tally("lasot")
    for number in range(count):
        tally.add(row(f"swing-{number}", **columns))
    return tally


def test_few_sequences_or_no_matplotlib_make_no_plot(monkeypatch):
    assert card_plots(tally_of(FEW - 1)) == {} == card_plots(tally_of(FEW, grounding=None, alignment=[]))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert card_plots(tally_of(FEW)) == {}


def test_curves_are_shares_of_sequences_best_first():
    with printing():
        figure = _grounded(tally_of(FEW))
        [axes], [legend] = figure.axes, figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [
            "chosen text [0.75]", "first answer (round 0) [0.50]", "manual text [0.25]",
        ]  # fmt: skip
        x, y = axes.lines[0].get_data()
        assert [float(y[abs(x - at).argmin()]) for at in (0, 0.75, 0.76)] == [1.0, 1.0, 0.0]
        assert axes.get_ylabel() == f"share of {FEW} sequences"


def test_points_are_pairs_and_the_legend_counts_the_better():
    with printing():
        figure = _aligned(tally_of(FEW))
        [axes], [legend] = figure.axes, figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [f"clip [{FEW} of {FEW} better]"]
        assert {tuple(map(float, point)) for point in axes.lines[0].get_xydata()} == {(20.0, 24.0)}


@pytest.mark.parametrize("name", [GROUNDED, ALIGNED])
def test_equal_rows_make_equal_plots_and_the_card_shows_them(name):
    tally = tally_of(FEW)
    assert card_plots(tally)[name] == card_plots(tally)[name]
    card = render(tally, info_of(test=FEW), pictures={name: f"lasot/pictures/{name}"})
    assert card.count(f"](lasot/pictures/{name})") == 1 and "sheet.png" not in card
    assert "pictures/" not in render(tally, info_of(test=FEW))
