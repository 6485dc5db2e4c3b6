"""Success and precision plots of trackers, as PNG and SVG.

Plots need no display. matplotlib (extra ``plots``) is imported here alone, and only to draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from chatdesc.atomic import write_atomic
from chatdesc.metrics.ope import Score
from chatdesc.metrics.protocols import Rules

MOST = 20  # trackers in one plot
FEW = 6  # whose legend has room inside
STYLES = ("-", "--", ":", "-.")


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
    at: float | None = None  # the threshold at which the number is read, where it is no area


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


def draw(means: Mapping[str, Score], folder: Path, about: str) -> list[Path]:
    """Draw the mean curves of trackers: three plots, each as PNG and SVG.

    Args:
        means: tracker, or protocol, -> mean score; the legend ranks them by the number that the protocol reports.
        about: dataset and protocol, or tracker, for the titles.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib import rc_context

    folder.mkdir(parents=True, exist_ok=True)
    # Text stays text in an SVG, and equal curves give equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "chatdesc"}):
        return [path for plot in PLOTS for path in _one(plot, means, folder, about)]


def _one(plot: Plot, means: Mapping[str, Score], folder: Path, about: str) -> list[Path]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ranked = sorted(means, key=lambda name: -plot.number(means[name]))
    called = plot.called(next(iter(means.values())).rules)
    looks = {name: (f"C{i % 10}", STYLES[i // 10 % 4]) for i, name in enumerate(means)}  # the same in every plot
    figure = Figure(figsize=(5.2 if len(ranked) <= FEW else 6.8, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    labels = []
    for name in ranked[:MOST]:
        score, (colour, style) = means[name], looks[name]
        otherwise = "" if plot.called(score.rules) == called else f", {plot.called(score.rules)}"
        labels.append(f"{name} [{100 * plot.number(score):.1f}{otherwise}]")
        axes.plot(plot.thresholds(score.rules), plot.curve(score), style, color=colour)
    _legend(axes, plot, called, labels)
    _dress(axes, plot, called, about, len(ranked))
    axes.set_xlim(0, max(float(plot.thresholds(score.rules)[-1]) for score in means.values()))
    paths = [folder / f"{plot.stem}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        drawn, kind = BytesIO(), path.suffix[1:]
        figure.savefig(drawn, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
        write_atomic(path, drawn.getvalue())
    return paths


def _dress(axes: Any, plot: Plot, called: str, about: str, trackers: int) -> None:
    axes.set(ylim=(0, 1), xlabel=plot.across, ylabel="share of frames")
    left_out = f" (best {MOST} of {trackers})" if trackers > MOST else ""
    axes.set_title(f"{plot.title}: {about}{left_out}", fontsize=10, parse_math=False)
    axes.grid(alpha=0.3)
    if plot.at is not None and called.startswith("at"):
        axes.axvline(plot.at, color="0.5", linewidth=0.8, linestyle=":")


def _legend(axes: Any, plot: Plot, called: str, labels: list[str]) -> None:
    """A legend of names as they are: matplotlib would hide one with ``_`` in front, and take ``$`` for mathematics."""
    place: dict[str, Any] = {"loc": "lower left" if plot.stem == "success" else "lower right", "fontsize": 8}
    if len(labels) > FEW:
        place = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5), "fontsize": 7}
    numbers = list(map(str, range(len(labels))))
    legend = axes.legend(axes.get_lines()[: len(labels)], numbers, title=f"{called}, %", title_fontsize=8, **place)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=label, parse_math=False)
