"""Where a text leads on frames of the whole video: what an audit with frames decides from.

One sequence is one generator, as in ``align``. It grounds the text on frames spread over those with a visible target,
measures how well the encoder's vector of the text agrees with the target and with the other regions, and grounds the
text again without each of its words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from chatdesc.config import Settings, public_spec
from chatdesc.metrics.alignment import cosine
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.ground import is_content
from chatdesc.stages.reflect import spread
from chatdesc.types import (
    Boxes,
    Crop,
    Embed,
    Embedding,
    FrameRef,
    Ground,
    Grounding,
    Sequence,
    Steps,
    Word,
    one_line,
    split_words,
)
from chatdesc.vocabulary import canonical

RIVALS = 4  # regions off the target that are embedded on a frame
PART = 0.8  # share of a region's area within the target's box from which it is a part of the target
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One frame: the target and the P regions that the text leads to, best first.

    Attributes:
        frame: its index.
        size: (width, height).
        target: [4] xywh, pixels.
        boxes: [P, 4] xywh, pixels.
        fits: [P] the mean score of the text's content words.
        on_target: bool [P], from an IoU of ``theta`` with the target on, or where a region is a part of it.
        alignment: cosine x 100 of the text with the target; None where no encoder was asked.
        alignments: [P] likewise with the regions; NaN for those that were not embedded.
        proposed: bool [P], whether a word's score reaches the grounder's threshold, under which words lead nowhere.
        understood: share of the content words that lead somewhere at all; a measuring grounder knows few words.
        scores: [P, W] the scores of the text's content words; NaN for a word that the grounder does not know: one that
            leads nowhere, and that no grounder measures. W is 0 where nobody knows.
    """

    frame: int
    size: tuple[int, int]
    target: Boxes
    boxes: Boxes
    fits: Floats
    on_target: NDArray[np.bool_]
    alignment: float | None
    alignments: Floats
    proposed: NDArray[np.bool_]
    understood: float = 1.0
    scores: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    @property
    def scores_on(self) -> Floats:
        """[W] each word's best score on the target, parts of it included; 0 where nothing is there, NaN if unknown."""
        return self._best_scores(self.on_target)

    @property
    def scores_off(self) -> Floats:
        """[W] each word's best score elsewhere; 0 where nothing leads elsewhere, NaN if unknown."""
        return self._best_scores(~self.on_target)

    def _best_scores(self, regions: NDArray[np.bool_]) -> Floats:
        best = self.scores[regions[: len(self.scores)]].max(0, initial=0.0)
        return np.where(np.isnan(self.scores).any(0), np.float32(np.nan), best)

    @property
    def best_on(self) -> float:
        """The best fit on the target; 0 where nothing leads there."""
        return float(self.fits[self.on_target].max(initial=0.0))

    @property
    def best_off(self) -> float:
        """The best fit off the target; 0 where nothing leads elsewhere."""
        return float(self.fits[~self.on_target].max(initial=0.0))

    @property
    def lead(self) -> float | None:
        """By how much the target's fit exceeds that of other regions, as a share of the better one, in [-1, 1].

        It compares regions of one frame, so it does not depend on how sure a grounder is of anything. None where the
        text leads nowhere.
        """
        most = max(self.best_on, self.best_off)
        return (self.best_on - self.best_off) / most if most > 0 else None

    @property
    def alignment_lead(self) -> float | None:
        """The target's alignment minus that of the best aligned region elsewhere; None where one is not known."""
        others = self.alignments[~self.on_target & ~np.isnan(self.alignments)]
        return None if self.alignment is None or not len(others) else float(self.alignment - others.max())


@dataclass(frozen=True, slots=True)
class Without:
    """A text without one of its words.

    Attributes:
        word: with its place in the text that was grounded.
        leads: the lead on each frame, as of a View; None where the rest leads nowhere. Empty if it was not grounded.
        alignments: cosine x 100 of the rest with the target on each frame.
    """

    word: Word
    leads: tuple[float | None, ...]
    alignments: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Sight:
    """What a text leads to.

    Attributes:
        text: as it was grounded, on one line.
        grounder, encoder: their specs, as rows have them.
        views: in the order of the frames.
        without: for each content word of a text that has several.
    """

    text: str
    grounder: str
    encoder: str
    views: tuple[View, ...]
    without: tuple[Without, ...] = field(default=())


def look(
    sequence: Sequence,
    text: str,
    settings: Settings,
    threshold: float,
    words: bool = True,
    frames: Collection[int] | None = None,
) -> Steps[Sight | None]:
    """See where ``text`` leads on frames with a visible target.

    Args:
        settings: ``grounder``, the first of ``encoders``, ``theta``, and ``alignment_frames``: how many frames.
        threshold: the grounder's score under which a region is no proposal.
        words: ground the text again without each of its content words.
        frames: these frames, all with a visible target; None spreads ``alignment_frames`` over the video.

    Returns:
        None where the text is empty, or the target is not visible on one of the frames.

    Raises:
        BackendError, DataError: a backend failed on one of the requests, or a frame cannot be read.
    """
    said, indices = one_line(text), spread(sequence, settings.alignment_frames) if frames is None else list(frames)
    if not said or not sequence.valid()[indices].all():
        return None
    at = [FrameRef(sequence.frames, i) for i in indices]
    shorter = list(_shortened(said))
    texts = [said, *(rest for _, rest in shorter)]
    grounded: list[Grounding] = yield [Ground(frame, one) for one in texts[: None if words else 1] for frame in at]
    seen = [
        _view(at[k % len(at)], sequence.boxes[indices[k % len(at)]], one, settings.theta, threshold)
        for k, one in enumerate(grounded)
    ]
    views, aligned = yield from _aligned(seen[: len(at)], at, texts, settings.encoders[0])
    leads = [view.lead for view in seen]
    rows = [tuple(leads[start : start + len(at)]) for start in range(len(at), len(leads), len(at))]
    seen_without = zip(shorter, rows or [()] * len(shorter), aligned[1:], strict=True)
    without = tuple(Without(word, row, fit) for (word, _), row, fit in seen_without)
    return Sight(said, public_spec(settings.grounder), public_spec(settings.encoders[0]), tuple(views), without)


def within(sequence: Sequence, ranges: Iterable[tuple[int, int]]) -> Sequence:
    """The sequence with the target absent outside of ``ranges`` of frames, (start, stop); as it is without any."""
    inside = np.zeros(len(sequence), np.bool_)
    for start, stop in (spans := tuple(ranges)):
        inside[start:stop] = True
    return replace(sequence, visible=sequence.valid() & inside) if spans else sequence


def fits(grounding: Grounding) -> Floats:
    """[P] the mean score of the content words on each region; of all words in a text that has none."""
    if not grounding.words or not len(grounding.boxes):
        return np.zeros(len(grounding.boxes), np.float32)
    content = np.array([is_content(word.text) for word in grounding.words], bool)
    return np.asarray(grounding.scores[:, content if content.any() else slice(None)].mean(1), np.float32)


def _shortened(text: str) -> Iterable[tuple[Word, str]]:
    """Each content word of a text that has several, with the text without it."""
    words = [word for word in split_words(text) if is_content(word.text)]
    for word in words if len(words) > 1 else ():
        yield word, one_line(f"{text[: word.start]} {text[word.end :]}")


def _view(frame: FrameRef, target: Boxes, grounding: Grounding, theta: float, threshold: float) -> View:
    height, width = frame.image().shape[:2]
    fit = fits(grounding)
    order = np.argsort(-fit, kind="stable")
    order = order[fit[order] > 0]
    boxes = grounding.boxes[order]
    proposed = grounding.scores[order].max(1, initial=0.0) >= threshold
    nothing = np.full(len(boxes), np.nan, np.float32)
    on, known = belongs(boxes, target, theta), _understood(grounding)
    scores = _word_scores(grounding)[order]
    return View(frame.index, (width, height), target, boxes, fit[order], on, None, nothing, proposed, known, scores)


def _word_scores(grounding: Grounding) -> Floats:
    """[P, W] the scores of the content words, or of all words without one; NaN for a word that the grounder lacks."""
    if not grounding.words:
        return np.zeros((len(grounding.boxes), 0), np.float32)
    said = [k for k, word in enumerate(grounding.words) if is_content(word.text)] or list(range(len(grounding.words)))
    scores = np.asarray(grounding.scores[:, said], np.float32)
    measured = np.array([canonical(grounding.words[k].text) is not None for k in said])
    return np.where(measured | (scores.max(0, initial=0.0) > 0), scores, np.float32(np.nan))


def belongs(boxes: Boxes, target: Boxes, theta: float) -> NDArray[np.bool_]:
    """bool [P]: which boxes ([P, 4] xywh) are the target ([4]) by an IoU of ``theta``, or a part of it.

    Words such as "white shirt" lead to a part of the person who is meant, not elsewhere.

    >>> target = np.array([0, 0, 10, 40], np.float32)
    >>> belongs(np.array([[0, 0, 10, 8], [0, 0, 10, 30], [8, 0, 10, 8]], np.float32), target, 0.3).tolist()
    [True, True, False]
    """
    low = np.maximum(boxes[:, :2], target[:2])
    high = np.minimum(boxes[:, :2] + boxes[:, 2:], target[:2] + target[2:])
    inside = np.prod(np.clip(high - low, 0, None), 1) / np.maximum(np.prod(boxes[:, 2:], 1), 1e-6)
    return np.asarray((iou_matrix(boxes, target[None])[:, 0] >= theta) | (inside >= PART))


def _understood(grounding: Grounding) -> float:
    """The share of a text's content words whose score on some region is above 0."""
    content = [k for k, word in enumerate(grounding.words) if is_content(word.text)]
    if not content or not len(grounding.boxes):
        return 0.0
    return float((grounding.scores[:, content].max(0) > 0).mean())


def _aligned(
    views: list[View], at: list[FrameRef], texts: list[str], encoder: str
) -> Steps[tuple[list[View], list[tuple[float, ...]]]]:
    """The views with the alignments of the first text, and the alignment of each text with the target on each frame."""
    chosen = [np.flatnonzero(~view.on_target)[:RIVALS] for view in views]
    crops = [
        Crop(frame, box)
        for frame, view, rivals in zip(at, views, chosen, strict=True)
        for box in [view.target, *view.boxes[rivals]]
    ]
    answers: list[Embedding] = yield [Embed(encoder, tuple(crops), tuple(texts))]
    values = cosine(answers[0].texts[:, None], answers[0].crops[None]).astype(np.float32)
    found, starts = [], np.cumsum([0, *(1 + len(rivals) for rivals in chosen)])[:-1]
    for view, rivals, start in zip(views, chosen, starts, strict=True):
        alignments = view.alignments.copy()
        alignments[rivals] = values[0, start + 1 : start + 1 + len(rivals)]
        found.append(replace(view, alignment=float(values[0, start]), alignments=alignments))
    return found, [tuple(row) for row in values[:, starts].tolist()]
