"""Success and precision plots of trackers, as PNG and SVG.

>>> draw({"mine": one.overall(), "theirs": other.overall()}, Path("scores"), "lasot, lasot protocol")   # doctest: +SKIP
[PosixPath('scores/success.png'), PosixPath('scores/success.svg'), ...]

Drawn without a display; matplotlib is imported here alone and only when something is drawn (extra ``plots``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesc.metrics.ope import Score

MOST = 20  # trackers in one plot
STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture: which curve over which thresholds, and the number that ranks the trackers."""

    stem: str
    title: str
    across: str
    up: str
    thresholds: Callable[[Score], Any]
    curve: Callable[[Score], Any]
    number: Callable[[Score], float]


PLOTS = (
    Plot(
        "success", "Success", "overlap threshold", "share of frames",
        lambda s: s.rules.success_thresholds, lambda s: s.success, lambda s: s.auc,
    ),
    Plot(
        "precision", "Precision", "centre error threshold (pixels)", "share of frames",
        lambda s: s.rules.precision_thresholds, lambda s: s.precision, lambda s: s.precision_score,
    ),
    Plot(
        "norm_precision", "Normalised precision", "centre error threshold (target sizes)", "share of frames",
        lambda s: s.rules.norm_thresholds, lambda s: s.norm_precision, lambda s: s.norm_precision_score,
    ),
)  # fmt: skip


def draw(means: Mapping[str, Score], folder: Path, about: str) -> list[Path]:
    """Draw the mean curves of trackers: three plots, each as PNG and SVG.

    Args:
        means: tracker -> mean score; the legend ranks them by the number that the protocol reports.
        about: dataset and protocol, for the titles.

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
    figure = Figure(figsize=(5.2 if len(ranked) <= 6 else 6.8, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, name in enumerate(ranked[:MOST]):
        score = means[name]
        label = f"{name} [{100 * plot.number(score):.1f}]"
        axes.plot(
            plot.thresholds(score), plot.curve(score), STYLES[place // 10 % 4], color=f"C{place % 10}", label=label
        )
    _dress(axes, plot, means[ranked[0]], about, len(ranked))
    paths = [folder / f"{plot.stem}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=200, metadata={"Date": None} if path.suffix == ".svg" else None)
    return paths


def _dress(axes: Any, plot: Plot, score: Score, about: str, trackers: int) -> None:
    limits = plot.thresholds(score)
    axes.set(xlim=(limits[0], limits[-1]), ylim=(0, 1), xlabel=plot.across, ylabel=plot.up)
    left_out = f" (best {MOST} of {trackers})" if trackers > MOST else ""
    axes.set_title(f"{plot.title}: {about}{left_out}", fontsize=10)
    axes.grid(alpha=0.3)
    if trackers <= 6:
        axes.legend(loc="lower left" if plot.stem == "success" else "lower right", fontsize=8)
    else:
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=7)
