"""The two plots of a card: where the texts lead, and how well they agree with the target, sequence by sequence.

They show no frame, so they are pushed whatever the source dataset's terms are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.drawing.figures import can_draw, new_figure, printing, rendered
from chatdesc.drawing.style import COLUMN, GREY, SMALL, look_of
from chatdesc.drawing.words import legible, measured, shortened
from chatdesc.metrics.paired import FEW
from chatdesc.share.card import GROUNDING, Tally

Floats = NDArray[np.float64]

GROUNDED, ALIGNED = "grounding.png", "alignment.png"
NAMES = (GROUNDED, ALIGNED)
DOTS = 200  # per inch
THRESHOLDS = np.linspace(0, 1, 101)
MARKERS = "osD^"
HEIGHT = 2.9  # inches


def card_plots(tally: Tally) -> dict[str, bytes]:
    """The plots that the rows have numbers for, as PNG by name; none under FEW sequences or without matplotlib."""
    if not can_draw():
        return {}
    with printing(legible(*tally.encoders).families):
        figures = {GROUNDED: _grounded(tally), ALIGNED: _aligned(tally)}
        return {name: rendered(figure, "png", DOTS) for name, figure in figures.items() if figure is not None}


def _grounded(tally: Tally) -> Any:
    """How many of the sequences have at least an IoU, for each text; best first in the legend."""
    columns = {label: np.array(tally.values[f"grounding.{key}"], np.float64) for key, label in GROUNDING.items()}
    columns = {label: values for label, values in columns.items() if np.isfinite(values).any()}
    if not columns:
        return None
    whole = np.all([np.isfinite(values) for values in columns.values()], axis=0)
    if (count := int(whole.sum())) < FEW:
        return None
    looks = {label: look_of(number) for number, label in enumerate(reversed(columns))}
    figure, axes = _axes("IoU of target and best proposal, at least", f"share of {count:,} sequences")
    for label in sorted(columns, key=lambda label: -float(columns[label][whole].mean())):
        values, (colour, style) = columns[label][whole], looks[label]
        shares = [(values >= least).mean() for least in THRESHOLDS]
        axes.plot(THRESHOLDS, shares, color=colour, linestyle=style, label=f"{label} [{values.mean():.2f}]")
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    _legend(figure, "mean IoU")
    return figure


def _aligned(tally: Tally) -> Any:
    """Every sequence's cosine with the manual and with the chosen text; above the diagonal the chosen one is better."""
    known = [(encoder, values) for encoder, values in _pairs(tally) if len(values) >= FEW]
    if not known:
        return None
    figure, axes = _axes("manual text, cosine × 100", "chosen text, cosine × 100")
    for number, (encoder, values) in enumerate(known):
        colour, _ = look_of(number)
        better = f"{int((values[:, 1] > values[:, 0]).sum()):,} of {len(values):,} better"
        label = f"{shortened(legible(encoder).texts[0], 110, measured(SMALL))} [{better}]"
        axes.plot(*values.T, MARKERS[number % len(MARKERS)], color=colour, markersize=2.5, alpha=0.6, label=label)
    low, high = min(values.min() for _, values in known), max(values.max() for _, values in known)
    room = 0.04 * max(high - low, 1.0)
    ends = (low - room, high + room)
    axes.plot(ends, ends, color=GREY, linewidth=0.8, linestyle=":")
    axes.set(xlim=ends, ylim=ends)
    _legend(figure, "encoder")
    return figure


def _pairs(tally: Tally) -> Iterator[tuple[str, Floats]]:
    for encoder, entries in sorted(tally.encoders.items()):
        pairs = [(entry["manual"], entry["refined"]) for entry in entries]
        values = np.array(pairs, np.float64).reshape(-1, 2)
        yield encoder, values[np.isfinite(values).all(axis=1)]


def _axes(across: str, upwards: str) -> tuple[Any, Any]:
    figure = new_figure(COLUMN, HEIGHT)
    axes = figure.add_subplot(xlabel=across, ylabel=upwards)
    axes.grid(alpha=0.4)
    return figure, axes


def _legend(figure: Any, title: str) -> None:
    figure.legend(loc="outside lower center", title=title, title_fontsize=SMALL, frameon=False, borderpad=0.1)
