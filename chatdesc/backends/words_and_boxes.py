"""From a network's tokens and normalised boxes to a Grounding: pure functions, numpy in, numpy out.

The word "swinging" is two tokens; its score on a region is the better of their scores. "." belongs to no word:

>>> words = split_words("red swinging kite.")
>>> tokens = np.array([[0.9, 0.1, 0.2, 0.4, 0.3, 0.8, 0.9]])
>>> offsets = [(0, 0), (0, 3), (4, 9), (9, 12), (13, 17), (17, 18), (0, 0)]
>>> word_scores(tokens, offsets, words)
array([[0.1, 0.4, 0.3]], dtype=float32)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.types import BackendError, Boxes, Grounding, Word, split_words

Floats = NDArray[np.floating]
KEEP = 100


def split_phrases(text: str) -> list[Word]:
    """The phrases of a text, separated by ``.?!;``, with their character offsets; those without a word are left out.

    >>> split_phrases("red kite. sky!")
    [Word(text='red kite', start=0, end=8), Word(text='sky', start=10, end=13)]
    """
    found = [m for m in re.finditer(r"[^.?!;]+", text) if re.search(r"\w", m.group())]
    return [Word(m.group().strip(), m.start() + len(m.group()) - len(m.group().lstrip()), _end(m)) for m in found]


def _end(match: re.Match[str]) -> int:
    return match.start() + len(match.group().rstrip())


def lower(text: str) -> str:
    """Lower case in which every character keeps its offset; characters that no tokenizer encodes are replaced.

    ``str.lower`` makes two characters of a few ("İ"), which would shift all offsets after them.
    """
    one = (c.lower() if len(c.lower()) == 1 else c for c in text)
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in one)


def word_scores(tokens: Floats, offsets: Sequence[tuple[int, int]], words: Sequence[Word]) -> NDArray[np.float32]:
    """[P, W] scores of words from scores of tokens.

    Args:
        tokens: [P, T] scores; columns beyond ``offsets`` are padding.
        offsets: per token the characters that it stands for; those of special tokens are empty, as in (0, 0).
        words: by their offsets in the same text.

    A word's score is the best of the tokens that share a character with it; a word without a token (it was cut off)
    scores 0. A token that spans two words counts for both.
    """
    scores = np.zeros((len(tokens), len(words)), np.float32)
    for column, word in enumerate(words):
        own = [t for t, (start, end) in enumerate(offsets) if start < end and start < word.end and end > word.start]
        if own:
            scores[:, column] = tokens[:, own].max(1)
    return scores


def whole_words(text: str, limit: int) -> str:
    """``text[:limit]`` without a word that the cut would halve, unless it is the first.

    >>> whole_words("red kite", 6)
    'red '
    """
    halved = next((w for w in split_words(text) if w.start < limit < w.end), None)
    return text[: halved.start if halved and halved.start else limit]


def corners(boxes: Floats) -> Floats:
    """Boxes [P, 4] from centre and size (cx, cy, w, h) to corners (left, top, right, bottom)."""
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], 1)


def to_pixels(boxes: Floats, width: float, height: float) -> Boxes:
    """Corners [P, 4] as fractions of the image to xywh [P, 4] in pixels, cut to the image.

    >>> to_pixels(np.array([[-0.1, 0.25, 0.5, 0.75]]), width=320, height=240)
    array([[  0.,  60., 160., 120.]], dtype=float32)
    """
    size = np.array([width, height, width, height], np.float64)
    inside = np.clip(np.asarray(boxes, np.float64) * size, 0, size)
    return np.concatenate([inside[:, :2], inside[:, 2:] - inside[:, :2]], 1).astype(np.float32)


def grounding(
    boxes: Boxes, words: Sequence[Word], scores: Floats, overlap: float | None = None, keep: int = KEEP
) -> Grounding:
    """A Grounding of the ``keep`` best proposals, best first; those narrower or lower than a pixel are dropped.

    Args:
        boxes: [P, 4] xywh, pixels.
        scores: [P, W] in [0, 1].
        overlap: drop a proposal whose IoU with a better one is higher; None keeps all, for networks trained to
            propose each object once.

    Raises:
        BackendError: a number is not finite.
    """
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise BackendError("the network's answer holds numbers that are not finite; try the option dtype=float32")
    if not words:
        return nothing(words)
    order = np.argsort(-scores.max(1), kind="stable")
    order = order[(boxes[order, 2:] >= 1).all(1)]
    if overlap is not None:
        order = _apart(boxes, order[: 4 * keep], overlap)
    order = order[:keep]
    return Grounding(boxes[order].astype(np.float32), tuple(words), np.asarray(scores[order], np.float32))


def nothing(words: Sequence[Word]) -> Grounding:
    """A Grounding without proposals."""
    return Grounding(np.zeros((0, 4), np.float32), tuple(words), np.zeros((0, len(words)), np.float32))


def _apart(boxes: Boxes, order: NDArray[np.intp], overlap: float) -> NDArray[np.intp]:
    """Greedy suppression: indices, best first, of boxes that overlap no better one by more than ``overlap``."""
    close = iou_matrix(boxes[order], boxes[order]) > overlap
    kept: list[int] = []
    for i in range(len(order)):
        if not close[i, kept].any():
            kept.append(i)
    return order[kept]
