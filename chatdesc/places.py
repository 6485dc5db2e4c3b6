"""Words of place in a text: found, compared with a box, and left out where they no longer fit.

>>> text = "small red car on the left"
>>> [(place.words, place.sides) for place in places_in(text)]
[('on the left', ('left',))]
>>> without_places(text, np.array([300, 100, 40, 20], np.float32), size=(640, 480))   # it is still on the left
'small red car on the left'
>>> without_places(text, np.array([500, 100, 40, 20], np.float32), size=(640, 480))   # it has moved
'small red car'

Only a place in the frame can be compared with a box. "behind the tree", "on the left lane of the road" or "the third
from the left" speak of other things: they have no sides, and they stay in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from chatdesc.types import STOP_WORDS, Boxes, split_words
from chatdesc.vocabulary import MORE_POSITIONS, POSITIONS, canonical

SIDES = {
    "left": "left", "leftmost": "left", "right": "right", "rightmost": "right",
    "top": "top", "upper": "top", "topmost": "top", "bottom": "bottom", "lower": "bottom", "bottommost": "bottom",
    "center": "center", "centre": "center", "middle": "center",
}  # fmt: skip
LATERAL = ("left", "right", "upper", "lower", "leftmost", "rightmost", "topmost", "bottommost")
NO_SIDES = (
    "hand arm leg foot eye ear shoulder knee elbow wing wheel lane turn back half body lip floor deck one side".split()
)
JOINING = (STOP_WORDS - {"of"}) | set("above behind below beside between far over under underneath".split())
NEAR_MIDDLE = 0.25  # of the frame's width and height: how far from its middle "in the center" still fits

_SIDE = rf"(?:{'|'.join(sorted(SIDES, key=len, reverse=True))})"
_FRAME = r"(?:\s+(?:of|in)\s+(?:the\s+)?(?:frame|image|picture|scene|screen|view|video|photo|shot))"
_PART = r"(?:\s+(?:hand\s+)?(?:side|corner|edge|part|half|third|area|end))"
_HEAD = r"\b(?:(?:situated|located|positioned|placed)\s+)?(?:on|at|in|near)\s+the\s+(?:(?:far|very|extreme)\s+)?"
_PHRASE = re.compile(rf"{_HEAD}{_SIDE}(?:[\s-]+{_SIDE})?{_PART}?{_FRAME}?\b", re.I)
_LEADING = re.compile(rf"^\s*(?:(?:the|a|an)\s+)?({'|'.join(LATERAL)})(?=\s+(?!(?:{'|'.join(NO_SIDES)}|of)\b)\w)", re.I)
_TRAILING = re.compile(rf"(?<=\w)\s+((?:left|right|center|centre|(?:{_SIDE})\s+(?:{_SIDE})))\s*\.*\s*$", re.I)


@dataclass(frozen=True, slots=True)
class Place:
    """Words of a text that say where something is.

    Attributes:
        words: as they stand in the text, from character ``start`` to ``stop - 1``.
        sides: the sides of the frame that they name, out of ``vocabulary.POSITIONS``; none where they speak of other
            things than the frame.
    """

    words: str
    start: int
    stop: int
    sides: tuple[str, ...] = ()

    def fits(self, box: Boxes, size: tuple[int, int]) -> bool | None:
        """Whether a box ([4] xywh, pixels) is there in a frame of ``size`` (width, height); None if it cannot be told.

        A side fits up to the frame's middle: a text is not wrong yet when its target has moved a little.
        """
        if not self.sides:
            return None
        across, down = (np.asarray(box[:2]) + np.asarray(box[2:]) / 2) / size
        held = {
            "left": across <= 0.5, "right": across >= 0.5, "top": down <= 0.5, "bottom": down >= 0.5,
            "center": max(abs(across - 0.5), abs(down - 0.5)) <= NEAR_MIDDLE,
        }  # fmt: skip
        return bool(all(held[side] for side in self.sides))


def places_in(text: str) -> list[Place]:
    """The words of place in a text, in their order."""
    found = [_place(text, *match.span()) for match in _PHRASE.finditer(text) if _ends_here(text[match.end() :])]
    matches = [pattern.search(text) for pattern in (_LEADING, _TRAILING)]
    found += [_place(text, *match.span(1)) for match in matches if match and _alone(text, match.start(1))]
    taken = [range(place.start, place.stop) for place in found]
    for word in split_words(text):
        known = canonical(word.text) in POSITIONS or word.text.lower() in MORE_POSITIONS
        if known and not any(word.start in span for span in taken):
            found.append(Place(word.text, word.start, word.end))
    return sorted(found, key=lambda place: place.start)


def without_places(text: str, box: Boxes, size: tuple[int, int]) -> str:
    """A text without the words of place that do not fit a box ([4] xywh, pixels) in a frame of ``size``.

    The whole text where nothing but these words says anything.
    """
    gone = [place for place in places_in(text) if place.fits(box, size) is False]
    left = text
    for place in reversed(gone):
        left = f"{left[: place.start]} {left[place.stop :]}"
    left = re.sub(r"\s+([,.;])", r"\1", " ".join(left.split())).strip(" ,;:")
    says_something = any(word.text.lower() not in STOP_WORDS for word in split_words(left))
    return left if gone and says_something else text


def _place(text: str, start: int, stop: int) -> Place:
    words = text[start:stop]
    named = (SIDES[word] for word in re.findall(r"[a-z]+", words.lower()) if word in SIDES)
    return Place(words, start, stop, tuple(dict.fromkeys(named)))


def _ends_here(rest: str) -> bool:
    """Whether nothing follows that a place could belong to, as in "on the left lane" or "at the top of the hill"."""
    following = re.match(r"\s*([\w-]*)", rest)
    word = following[1].lower() if following else ""
    return not word or word.endswith("ing") or word in JOINING


def _alone(text: str, start: int) -> bool:
    """Whether no preposition or verb stands before a word at ``start``, as in "from the left" or "turning left"."""
    before = text[:start].lower().split()
    if before[1:]:
        return not (before[-1] in STOP_WORDS or before[-1].endswith("ing"))
    return not before or before[0] in ("the", "a", "an")
