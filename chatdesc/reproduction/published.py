"""Figures that others published, to stand beside a run's own; each with its source and protocol.

>>> [figure.tracker for figure in published("tnl2k")]
['ChatTracker']
"""

from __future__ import annotations

from dataclasses import dataclass

SURVEY = "a survey's table; the variant of ChatTracker is not named"
OPE = "one-pass evaluation on the whole test split, as published; the toolkit is not named"
LASOT_TEST, TNL2K_TEST = f"{OPE} (280 sequences)", f"{OPE} (700 sequences)"


@dataclass(frozen=True, slots=True)
class Figure:
    """One tracker on one dataset; shares in [0, 1], None where no copy that could be read has the value.

    Attributes:
        dataset: as loaders name it.
        auc, norm_precision, precision: success AUC, normalised precision and precision at 20 pixels.
        source: where the values were read.
        protocol: how they were measured, as far as it is told.
    """

    dataset: str
    tracker: str
    auc: float
    norm_precision: float | None
    precision: float | None
    source: str
    protocol: str


FIGURES = (
    Figure("lasot", "ChatTracker", 0.741, 0.838, 0.812, SURVEY, LASOT_TEST),
    Figure("lasot", "ARTrack-256", 0.704, None, None, "ARTrack", LASOT_TEST),
    Figure("lasot", "ARTrack-384", 0.726, None, None, "ARTrack", LASOT_TEST),
    Figure("lasot", "ARTrack-L-384", 0.731, None, None, "ARTrack", LASOT_TEST),
    Figure("tnl2k", "ChatTracker", 0.654, 0.765, 0.702, SURVEY, TNL2K_TEST),
)


def published(dataset: str) -> tuple[Figure, ...]:
    """The figures of one dataset; none where none could be read."""
    return tuple(figure for figure in FIGURES if figure.dataset == dataset)
