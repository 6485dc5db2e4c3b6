"""From a network's tokens and normalised boxes to a Grounding: pure functions, numpy in, numpy out.

"swinging" is two tokens, and its score on a region is the better of theirs; "." belongs to no word and never counts:

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
    """The phrases of a text, which end with a full stop or the like, stripped; those without a word are left out."""
    found = [m for m in re.finditer(r"[^.?!;]+", text) if re.search(r"\w", m.group())]
    return [Word(m.group().strip(), m.start() + len(m.group()) - len(m.group().lstrip()), _end(m)) for m in found]


def _end(match: re.Match[str]) -> int:
    return match.start() + len(match.group().rstrip())


def lower(text: str) -> str:
    """Lower case in which every character keeps its place, and nothing that a tokenizer cannot encode.

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
    """``text[:limit]``, less a word that the cut would halve (unless it is the first)."""
    halved = next((w for w in split_words(text) if w.start < limit < w.end), None)
    return text[: halved.start if halved and halved.start else limit]


def corners(boxes: Floats) -> Floats:
    """cxcywh [P, 4] as corners x0 y0 x1 y1."""
    middle, half = boxes[:, :2], boxes[:, 2:] / 2
    return np.concatenate([middle - half, middle + half], 1)


def to_pixels(boxes: Floats, width: float, height: float) -> Boxes:
    """Corners as shares of the image -> xywh in pixels, within the image (flat for what lies outside)."""
    size = np.array([width, height, width, height], np.float64)
    inside = np.clip(np.asarray(boxes, np.float64) * size, 0, size)
    return np.concatenate([inside[:, :2], inside[:, 2:] - inside[:, :2]], 1).astype(np.float32)


def grounding(
    boxes: Boxes, words: Sequence[Word], scores: Floats, overlap: float | None = None, keep: int = KEEP
) -> Grounding:
    """The ``keep`` best proposals, best first; those narrower than a pixel are dropped.

    Args:
        boxes: [P, 4] xywh, pixels.
        scores: [P, W].
        overlap: drop a proposal whose IoU with a better one is higher; None keeps all, for networks that were
            trained to propose each thing once.

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
    return Grounding(np.zeros((0, 4), np.float32), tuple(words), np.zeros((0, len(words)), np.float32))


def _apart(boxes: Boxes, order: NDArray[np.intp], overlap: float) -> NDArray[np.intp]:
    """Greedy suppression: indices, best first, of boxes that overlap no better one by more than ``overlap``."""
    close = iou_matrix(boxes[order], boxes[order]) > overlap
    kept: list[int] = []
    for i in range(len(order)):
        if not close[i, kept].any():
            kept.append(i)
    return order[kept]
