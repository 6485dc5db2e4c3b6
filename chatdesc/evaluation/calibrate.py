"""Choose a grounder's threshold on sequences whose target is known.

>>> frames = [(np.array([0.9, 0.4]), np.array([0.8, 0.1]))]        # scores of two proposals, IoU with the target
>>> low, high = score(frames, (0.3, 0.5), theta=0.3)
>>> low.precision, high.precision, high.recall
(0.5, 1.0, 1.0)
>>> choose((low, high), default=0.3)
(0.5, (0.5, 0.5))

A threshold keeps the proposals with at least that score. Its *precision* is the mean over sequences of the share of
kept proposals on the target; its *recall* is the share of sequences with a kept proposal on the target. A sequence
counts once, however many proposals it has; without a kept proposal it has no precision and counts as missed.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatdesc.engine.models import Models
from chatdesc.engine.schedule import Scheduler
from chatdesc.evaluation.steps import Steps
from chatdesc.loaders.base import Dataset
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.names import counted
from chatdesc.protocols import Grounder
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import Boxes, ChatdescError, FrameRef, Ground, Grounding, Sequence, one_line

# finer where the scores of OWLv2 and its like are
THRESHOLDS = tuple(round(float(t), 2) for t in [*np.arange(0.02, 0.3, 0.02), *np.arange(0.3, 0.96, 0.05)])
FEW = 10
NEARLY = 0.98  # of the best F: as good, on so few sequences
WIDE = 0.3  # a plateau of this width leaves the threshold open

Evidence = tuple[NDArray[np.floating], NDArray[np.floating]]


@dataclass(frozen=True, slots=True)
class Point:
    """Precision, recall and F of one threshold, and how many proposals it keeps per frame."""

    threshold: float
    precision: float
    recall: float
    f: float
    kept: float


@dataclass(frozen=True, slots=True)
class Calibration(Tabular):
    """Thresholds with their scores, and the best of them.

    Attributes:
        points: one per threshold, in order.
        best: the middle of the plateau, or the default where no threshold finds any target.
        plateau: the lowest and highest of the thresholds whose F is within 2 % of the best.
        sequences: how many sequences the scores rest on.
        default: the grounder's own threshold.
        warnings: why not to trust the choice.
        problems: sequences on which the grounder failed.
        about: dataset, seed and theta.
    """

    points: tuple[Point, ...]
    best: float
    plateau: tuple[float, float]
    sequences: int
    default: float
    warnings: tuple[str, ...]
    problems: tuple[str, ...]
    about: str

    def records(self) -> list[Record]:
        return self.rows()

    def rows(self) -> list[Record]:
        """One row per threshold; the best is marked, and the grounder's own if it is one of them."""
        marks = {self.default: "default", self.best: "best"}
        return [
            {
                "threshold": p.threshold,
                "": marks.get(p.threshold, ""),
                "precision": p.precision,
                "recall": p.recall,
                "F": p.f,
                "kept per frame": p.kept,
            }
            for p in self.points
        ]

    def at(self, threshold: float) -> Point:
        """The measured point nearest to a threshold."""
        return min(self.points, key=lambda p: abs(p.threshold - threshold))

    def as_toml(self) -> str:
        """A line for a preset or a configuration (the same as ``--box-threshold``), with what it rests on."""
        best, own = self.at(self.best), self.at(self.default)
        lines = [
            f"# F {best.f:.2f} on {counted(self.sequences, 'sequence')} of {self.about}; "
            f"the grounder's own threshold {self.default:g} has F {own.f:.2f}",
            *(f"# {warning}" for warning in self.warnings),
            f"box_threshold = {self.best:g}",
        ]
        return "\n".join(lines) + "\n"


def calibrate(
    dataset: Dataset,
    grounder: Grounder,
    k: int = 20,
    seed: int = 0,
    texts: Mapping[str, str] | None = None,
    theta: float = 0.3,
    in_flight: int = 8,
    progress: Progress | None = None,
) -> Calibration:
    """Ground a text of each of ``k`` sequences in its first frame, and score thresholds on the proposals.

    Args:
        dataset: from ``chatdesc.load``.
        grounder: from ``chatdesc.backends.create``.
        k: sequences drawn from those with a usable first frame and a text.
        seed: of the draw.
        texts: name -> text; None takes the manual texts. A run's own texts are the better judge of what it will meet.
        theta: IoU from which a proposal is on the target.
        in_flight: sequences worked on at a time.
        progress: called with sequences done, sequences asked for, and a note.

    Raises:
        ChatdescError: no sequence has a text, or the grounder failed on all of them.
    """
    jobs = ((s.name, _job(s, text)) for s, text in draw(dataset, k, seed, texts))
    steps, done = Steps(min(k, len(dataset.names)), progress), {}
    for name, result in Scheduler(Models(grounder=grounder).lanes(), in_flight).run(jobs):
        done[name] = result
        steps.add()
    good = {name: result for name, result in sorted(done.items()) if not isinstance(result, Exception)}
    problems = tuple(f"{n}: {type(e).__name__}: {e}" for n, e in sorted(done.items()) if isinstance(e, Exception))
    if not good:
        raise ChatdescError(f"nothing to calibrate on: {problems[0] if problems else 'no sequence has a text'}")
    points = score([evidence(grounding, box) for grounding, box in good.values()], THRESHOLDS, theta)
    best, plateau = choose(points, grounder.threshold)
    about = f"{dataset.dataset}, seed {seed}, theta {theta:g}"
    warnings = cautions(points, plateau, len(good), min(k, len(dataset.names)))
    return Calibration(points, best, plateau, len(good), grounder.threshold, warnings, problems, about)


def draw(dataset: Dataset, k: int, seed: int, texts: Mapping[str, str] | None) -> Iterator[tuple[Sequence, str]]:
    """``k`` sequences with a target in their first frame and a text, in an order that the seed decides."""
    left = k
    for i in np.random.default_rng(seed).permutation(len(dataset.names)):
        if not left:
            return
        name = dataset.names[int(i)]
        if texts is not None and not texts.get(name):
            continue
        sequence = dataset[name]
        text = one_line((sequence.manual_text or "") if texts is None else texts[name])
        if text and sequence.usable and sequence.valid()[0]:
            left -= 1
            yield sequence, text


def _job(sequence: Sequence, text: str) -> Generator[Ground, Grounding, tuple[Grounding, Boxes]]:
    grounding = yield Ground(FrameRef(sequence.frames, 0), text)
    return grounding, sequence.boxes[0]


def evidence(grounding: Grounding, box: Boxes) -> Evidence:
    """Per proposal its best word's score and its IoU with the target: [P] and [P]."""
    if not len(grounding.boxes) or not grounding.words:
        return np.zeros(0), np.zeros(0)
    return grounding.scores.max(1), iou_matrix(grounding.boxes, np.asarray(box)[None])[:, 0]


def score(frames: list[Evidence], thresholds: tuple[float, ...], theta: float) -> tuple[Point, ...]:
    """Precision, recall and F of the proposals that each threshold keeps, and how many these are per frame."""
    points = []
    for threshold in thresholds:
        kept = [ious[scores >= threshold] >= theta for scores, ious in frames]
        shares = [float(on_target.mean()) for on_target in kept if len(on_target)]
        precision = float(np.mean(shares)) if shares else 0.0
        recall = float(np.mean([on_target.any() for on_target in kept]))
        f = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        points.append(Point(threshold, precision, recall, f, float(np.mean([len(k) for k in kept]))))
    return tuple(points)


def choose(points: tuple[Point, ...], default: float) -> tuple[float, tuple[float, float]]:
    """The best threshold, and the plateau around it: neighbours whose F is within 2 % of the best.

    The middle of the plateau is the choice, because its ends are chance; of an even number the lower middle.
    """
    top = max(range(len(points)), key=lambda i: points[i].f)
    if not points[top].f:
        return default, (default, default)
    good = [p.f >= NEARLY * points[top].f for p in points]
    low = high = top
    while low and good[low - 1]:
        low -= 1
    while high + 1 < len(points) and good[high + 1]:
        high += 1
    middle = (points[low].threshold + points[high].threshold) / 2
    nearest = min(points[low : high + 1], key=lambda p: abs(p.threshold - middle))
    return nearest.threshold, (points[low].threshold, points[high].threshold)


def cautions(points: tuple[Point, ...], plateau: tuple[float, float], sequences: int, wanted: int) -> tuple[str, ...]:
    """Reasons not to trust the choice."""
    reasons = []
    if not any(p.f for p in points):
        reasons.append("no threshold keeps a proposal on any target: the texts or the grounder do not fit this dataset")
    if sequences < FEW:
        reasons.append(f"only {counted(sequences, 'sequence')}: take at least {FEW}")
    elif sequences < wanted:
        reasons.append(f"{sequences} of {counted(wanted, 'sequence')}: the others have no text, no target or no answer")
    if plateau[1] - plateau[0] >= WIDE:
        reasons.append(f"the curve is flat: every threshold from {plateau[0]:g} to {plateau[1]:g} does as well")
    return tuple(reasons)
