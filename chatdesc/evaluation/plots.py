"""Success and precision plots of trackers, one column of a paper wide, as PNG, PDF and SVG.

The legend stands below the curves, best first, so it hides none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesc.drawing.figures import new_figure, printing, save
from chatdesc.drawing.style import COLUMN, GREY, SIZE, SMALL, look_of
from chatdesc.drawing.words import legible, measured, shortened, wrapped
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import Rules

MOST = 20  # trackers in one plot
HEIGHT = 2.2  # inches of the axes
LINE = 0.135  # inches of a line of the legend or the title
MARGIN = 0.62  # inches beside the axes
SAMPLE = 30  # points of a line's sample in the legend, and of the gap after it


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot: a curve of the score over the rules' thresholds, and the number that ranks trackers.

    Attributes:
        number, called: the number, and its name under the rules.
        at: the threshold at which the number is read, where it is no area.
    """

    stem: str
    title: str
    across: str
    thresholds: Callable[[Rules], Any]
    curve: Callable[[Score], Any]
    number: Callable[[Score], float]
    called: Callable[[Rules], str]
    at: float | None = None


PLOTS = (
    Plot(
        "success", "Success", "overlap threshold",
        lambda r: r.success_thresholds, lambda s: s.success, lambda s: s.auc, lambda r: "AUC",
    ),
    Plot(
        "precision", "Precision", "centre error threshold (pixels)",
        lambda r: r.precision_thresholds, lambda s: s.precision, lambda s: s.precision_score,
        lambda r: "area" if r.precision_is_area else "at 20 px", 20,
    ),
    Plot(
        "norm_precision", "Normalised precision", "centre error threshold (target sizes)",
        lambda r: r.norm_thresholds, lambda s: s.norm_precision, lambda s: s.norm_precision_score,
        lambda r: "area" if r.norm_is_area else "at 0.20", 0.2,
    ),
)  # fmt: skip


def draw(means: Mapping[str, Score], folder: Path, about: str, prefix: str = "") -> list[Path]:
    """Draw the mean curves of trackers: three plots, each as PNG, PDF and SVG.

    Args:
        means: tracker, or protocol, -> mean score; the legend ranks them by the number that the protocol reports.
        about: dataset and protocol, or tracker, for the titles.
        prefix: begins the files' names.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with printing(legible(about, *means).families):
        return [path for plot in PLOTS for path in save(curves(plot, means, about), folder, f"{prefix}{plot.stem}")]


def curves(plot: Plot, means: Mapping[str, Score], about: str) -> Any:
    """The figure of one plot; call it within ``printing``."""
    called, names = plot.called(next(iter(means.values())).rules), ranked(plot, means)
    lines = wrapped(legible(f"{plot.title}: {about}{_left_out(len(means))}").texts[0], 72 * COLUMN, measured(SIZE), 3)
    labels = [_label(name, plot, means[name], called) for name in names]
    columns = 2 if len(labels) > 2 and all(_fits(label, 2) for label in labels) else 1
    rows = -(-len(labels) // columns) + 1
    figure = new_figure(COLUMN, HEIGHT + MARGIN + LINE * (rows + len(lines)))
    axes, looks = figure.add_subplot(), looks_of(means)
    drawn = []
    for name in names:
        (colour, style), score = looks[name], means[name]
        drawn += axes.plot(plot.thresholds(score.rules), plot.curve(score), linestyle=style, color=colour)
    _dress(axes, plot, called)
    axes.set_title("\n".join(lines))
    axes.set_xlim(0, max(float(plot.thresholds(score.rules)[-1]) for score in means.values()))
    _legend(figure, drawn, [_cut(label, columns) for label in labels], f"{called}, %", columns)
    return figure


def ranked(plot: Plot, means: Mapping[str, Score]) -> list[str]:
    """The best MOST trackers, best first; equal ones in the order in which they were given."""
    return sorted(means, key=lambda name: -plot.number(means[name]))[:MOST]


def looks_of(means: Mapping[str, Score]) -> dict[str, tuple[str, Any]]:
    """Colour and line of every tracker that is in some plot, the same in all."""
    shown = dict.fromkeys(name for plot in PLOTS for name in ranked(plot, means))
    return {name: look_of(number) for number, name in enumerate(shown)}


def _left_out(trackers: int) -> str:
    return f" (best {MOST} of {trackers})" if trackers > MOST else ""


def _label(name: str, plot: Plot, score: Score, called: str) -> str:
    otherwise = "" if plot.called(score.rules) == called else f", {plot.called(score.rules)}"
    number = f" [{100 * plot.number(score):.1f}{otherwise}]"
    shown = shortened(legible(name).texts[0], _room(1) - measured(SMALL)(number), measured(SMALL))
    return f"{shown}{number}"


def _room(columns: int) -> float:
    """Points for a label in a legend of so many columns."""
    return 72 * COLUMN / columns - SAMPLE


def _fits(label: str, columns: int) -> bool:
    return measured(SMALL)(label) <= _room(columns)


def _cut(label: str, columns: int) -> str:
    return shortened(label, _room(columns), measured(SMALL))


def _dress(axes: Any, plot: Plot, called: str) -> None:
    axes.set(ylim=(0, 1), xlabel=plot.across, ylabel="share of frames")
    axes.grid(alpha=0.4)
    if plot.at is not None and called.startswith("at"):
        axes.axvline(plot.at, color=GREY, linewidth=0.8, linestyle=":")


def _legend(figure: Any, lines: list[Any], labels: list[str], title: str, columns: int) -> None:
    """A legend of names as they are: matplotlib would hide one with ``_`` in front, and take ``$`` for mathematics."""
    numbers = list(map(str, range(len(labels))))
    legend = figure.legend(
        lines, numbers, title=title, title_fontsize=SMALL, loc="outside lower center", ncols=columns, frameon=False,
        handlelength=2.6, handletextpad=0.6, columnspacing=1.0, labelspacing=0.3, borderpad=0.1,
    )  # fmt: skip
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=label)
