"""Background phrases that are background: pure functions on the grounding of a description's ``T_back``.

All phrases are grounded by one text, as they are on key frames. A phrase that leads to the target, or that says what
the target's own phrase says, would count against the target there, so it is dropped:

>>> from chatdesc.types import split_words
>>> target, elsewhere = [10, 10, 20, 20], [50, 10, 20, 20]
>>> scores = np.array([[0.9, 0, 0.8, 0.1], [0.2, 0, 0.3, 0.7]], np.float32)
>>> found = Grounding(np.array([target, elsewhere], np.float32), split_words("old kite . red car"), scores)
>>> check(("old kite", "red car"), "a kite", found, np.array(target, np.float32), theta=0.3, threshold=0.35)
Background(kept=(), dropped=('old kite', 'red car'))
>>> joined(("sky", "tall tree"))
'sky . tall tree'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.ground import is_content
from chatdesc.types import Boxes, Grounding, split_words

BETWEEN = " . "  # grounders look for phrases apart that a full stop parts


@dataclass(frozen=True, slots=True)
class Background:
    """The phrases for what surrounds a target, parted.

    Attributes:
        kept: those that mean something else than the target.
        dropped: those that lead to the target or say what its phrase says.
    """

    kept: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()


def joined(phrases: tuple[str, ...]) -> str:
    """All phrases as one text to ground."""
    return BETWEEN.join(phrases)


def check(
    phrases: tuple[str, ...], text: str, grounding: Grounding, box: Boxes, theta: float, threshold: float
) -> Background:
    """Part the phrases by where they lead, and by what they say.

    Args:
        phrases: the phrases for the surroundings.
        text: the target's phrase.
        grounding: of ``joined(phrases)``.
        box: [4] the target, xywh in pixels.
        theta: a proposal with at least this IoU is on the target.
        threshold: a proposal whose score is lower leads nowhere.
    """
    hits = hitting(phrases, grounding, box, theta, threshold)
    return part(phrases, tuple(p for p in phrases if p in hits or same_words(p, text)))


def without(background: Background, text: str) -> Background:
    """The background beside another phrase for the target: what says the same as ``text`` is dropped, too."""
    same = tuple(p for p in background.kept if same_words(p, text))
    return Background(part(background.kept, same).kept, background.dropped + same)


def part(phrases: tuple[str, ...], dropped: tuple[str, ...]) -> Background:
    """The phrases without those that are dropped."""
    return Background(tuple(p for p in phrases if p not in dropped), dropped)


def hitting(
    phrases: tuple[str, ...], grounding: Grounding, box: Boxes, theta: float, threshold: float
) -> frozenset[str]:
    """The phrases whose best proposal, one from the threshold on, is on the target; arguments as in ``check``.

    A phrase's score on a proposal is that of its best word. A word that spans several phrases counts for each.
    """
    if not len(grounding.boxes) or not grounding.words:
        return frozenset()
    on_target = iou_matrix(grounding.boxes, np.asarray(box, np.float32)[None])[:, 0] >= theta
    found, start = set[str](), 0
    for phrase in phrases:
        stop = start + len(phrase)
        own = [i for i, w in enumerate(grounding.words) if w.start < stop and w.end > start]
        scores = grounding.scores[:, own].max(1, initial=0.0)
        best = scores.max()
        if best >= threshold and on_target[scores == best].any():
            found.add(phrase)
        start = stop + len(BETWEEN)
    return frozenset(found)


def same_words(one: str, other: str) -> bool:
    """Whether two phrases have the same content words in the same order, whatever their case and articles.

    >>> same_words("The red kite", "red Kite"), same_words("kite", "red kite"), same_words("it", "that")
    (True, False, False)
    """
    return _said(one) == _said(other)


def _said(text: str) -> list[str]:
    words = [w.text.lower() for w in split_words(text)]
    return [w for w in words if is_content(w)] or words
