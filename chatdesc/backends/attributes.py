"""The offline backends: a describer, a grounder and an encoder that measure instead of having learned.

They need no weights and no download, are deterministic, and know the words of ``chatdesc.vocabulary``. What a target
is they cannot measure: the describer's noun is the dataset's class, where there is one. They are the floor that every
learned model must beat, and they let the whole loop run on any machine.

>>> [(word.text, meaning) for phrase in phrases("small crimson ball. sky") for word, meaning in phrase]
[('small', 'small'), ('crimson', 'red'), ('ball', 'circle'), ('sky', None)]
"""

from __future__ import annotations

import json
import re
from hashlib import blake2b
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from chatdesc.backends.attribute_words import Floats, Seen, measure
from chatdesc.backends.selective_search import search
from chatdesc.lru_cache import LruCache
from chatdesc.protocols import each
from chatdesc.types import Departure, Describe, Embed, Embedding, Ground, Grounding, Image, Word
from chatdesc.vocabulary import ASPECTS, COLOURS, POSITIONS, SHAPES, SIZES, TEXTURES, TONES, canonical

if TYPE_CHECKING:
    from chatdesc.types import Boxes

REVISION = "2"
SEARCH_WIDTH = 360
TRUE_ENOUGH = 0.6
IMPLIED = (("black", "dark"), ("white", "bright"), ("small", "tiny"), *((side, "center") for side in POSITIONS[:4]))
KEEP = 60
APART = 0.1  # margin from which words are taken to set a target apart
THREADS = 2


# describer and grounder look at the same frames again and again
_measured: LruCache[bytes, Seen] = LruCache(256)


class _Offline:
    """Base of the three roles; ``proposing`` is where the proposals of frames are kept."""

    proposing = _measured
    name = "attributes"
    max_batch = 64
    workers = 1
    batches_gain = False

    def __init__(self, model: str = "", revision: str = "", **options: Any) -> None:
        self.options = options

    def describe_self(self) -> dict[str, str]:
        """Name, and the revision of the measurements."""
        return {"name": self.name, "revision": REVISION}


def measured_proposals(image: Image) -> Seen:
    """The proposals of an RGB image [H, W, 3] with their measurements; kept for the images asked for last."""
    key = blake2b(image.tobytes(), digest_size=16).digest() + str(image.shape).encode()
    return _measured.get(key, lambda: measure(image, proposals(image)))


def proposals(image: Image) -> Boxes:
    """[P, 4] xywh in pixels, candidate boxes of an image.

    Selective search (Uijlings et al., IJCV 2013), fast mode, on a copy of SEARCH_WIDTH pixels.
    """
    import cv2

    scale = SEARCH_WIDTH / image.shape[1]
    size = (SEARCH_WIDTH, max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes = search(small).astype(np.float32)
    boxes = boxes[(boxes[:, 2:] >= 4).all(1)]
    return (boxes / np.float32(scale)).astype(np.float32)


def phrases(text: str) -> list[list[tuple[Word, str | None]]]:
    """The words of each phrase (phrases end with a full stop) with what each means in the vocabulary."""
    found: list[list[tuple[Word, str | None]]] = [[]]
    for match in re.finditer(r"[.;]|\w+(?:['’-]\w+)*", text):
        if match.group() in ".;":
            found.append([])
        else:
            found[-1].append((Word(match.group(), match.start(), match.end()), canonical(match.group())))
    return [phrase for phrase in found if phrase]


class AttributesGrounder(_Offline):
    """Grounds words by testing them on regions of the frame.

    A word's score on a region is its evidence there, times how well the region bears the whole phrase (squared: in a
    learned grounder the context of a phrase weighs on every word of it), times how much the region stands out as a
    thing of its own. Words outside the vocabulary find nothing and score 0.
    """

    threshold = 0.3

    def ground(self, requests: list[Ground]) -> list[Grounding | Exception]:
        """Groundings of the requests; a frame that cannot be read is the error of its requests."""
        return each(requests, self._ground, THREADS)

    def _ground(self, request: Ground) -> Grounding:
        seen = measured_proposals(request.frame.image())
        parts = phrases(request.text)
        words = tuple(word for phrase in parts for word, _ in phrase)
        scores = np.concatenate([self.score(seen, [m for _, m in phrase]) for phrase in parts], 1) if parts else None
        if scores is None or not len(seen.boxes):
            return Grounding(np.zeros((0, 4), np.float32), words, np.zeros((0, len(words)), np.float32))
        kept = suppress(seen.boxes, scores.max(1))
        return Grounding(seen.boxes[kept], words, scores[kept])

    @staticmethod
    def score(seen: Seen, meanings: list[str | None]) -> Floats:
        """[P, W] scores of one phrase's words; words with the same meaning count once in its context."""
        known = list(dict.fromkeys(m for m in meanings if m))
        if not known:
            return np.zeros((len(seen.boxes), len(meanings)), np.float32)
        evidence = seen.matrix(known)
        context = evidence.mean(1) ** 2 * np.sqrt(seen.standing_out)
        columns = [evidence[:, known.index(m)] if m else np.zeros(len(evidence), np.float32) for m in meanings]
        return (np.stack(columns, 1) * context[:, None]).astype(np.float32)


def suppress(boxes: Boxes, scores: Floats, keep: int = KEEP) -> list[int]:
    """Indices, best first, of at most ``keep`` boxes; one that overlaps or nests with a better one is dropped."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0]
    free = np.ones(len(boxes), bool)
    kept: list[int] = []
    for i in order.tolist():
        if len(kept) >= keep:
            break
        if free[i]:
            kept.append(i)
            free &= _nesting(boxes[i], boxes) < 0.6
    return kept


def _nesting(box: Boxes, others: Boxes) -> Floats:
    """[K] intersection over the smaller area."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    both = np.prod(np.clip(high - low, 0, None), 1)
    return both / np.maximum(np.minimum(np.prod(box[2:]), np.prod(others[:, 2:], 1)), 1e-6)


class AttributesDescriber(_Offline):
    """Describes the target by the attributes measured in its box.

    The first answer is about the box alone. With feedback, it drops negative words and adds the true words that best
    distinguish the target from the frame's other proposals.
    """

    cacheable = False  # measuring again is as quick as looking up

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        """A JSON object with ``target`` and ``background`` for each request."""
        return each(requests, self._describe, THREADS)

    def _describe(self, request: Describe) -> str:
        image = request.frame.image()
        target = measure(image, request.box[None])
        noun = self._noun(target, request)
        rivals = [self._rivals(image, request.box), *self._followed(request.departure)]
        text = self._contrast(target, rivals, noun, request) if request.previous else self._look(target, noun, request)
        return json.dumps({"target": text, "background": self._background(rivals[0], request)})

    @staticmethod
    def true_words(target: Seen, banned: set[str]) -> list[str]:
        """Vocabulary words with enough evidence in the (single) target box, best first within their kind."""
        found: list[str] = []
        for kind in (COLOURS, TONES, SIZES, ASPECTS, TEXTURES, POSITIONS):
            held = [(float(target.evidence(w)[0]), w) for w in kind if w not in banned]
            found += [w for e, w in sorted(held, key=lambda p: -p[0]) if e >= TRUE_ENOUGH]
        implied = {weak for strong, weak in IMPLIED if strong in found}
        return [w for w in found if w not in implied]

    def _noun(self, target: Seen, request: Describe) -> str:
        """The dataset's category, which is not measured; else the shape, else "object"."""
        if request.category and request.category.lower() not in request.negative:
            return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", request.category).replace("_", " ").lower()
        best = max(SHAPES, key=lambda s: float(target.evidence(s)[0]))
        return best if target.evidence(best)[0] >= TRUE_ENOUGH and best not in request.negative else "object"

    def _look(self, target: Seen, noun: str, request: Describe) -> str:
        """A first answer: the noun and one word, a colour, else a tone, else whatever is true, a place last of all."""
        words = self.true_words(target, set(request.negative))
        best = [w for w in words if w in COLOURS][:1] or [w for w in words if w in TONES][:1] or words[:1]
        return self.phrase(noun, best)

    def _contrast(self, target: Seen, rivals: list[Seen], noun: str, request: Describe) -> str:
        """The words that found the target, and the one to three true words that then least fit any rival.

        A place and a motion are named only if without them no phrase sets the target apart by ``APART``, and two places
        only if one does not. A phrase that was tried is not tried again; where nothing is left to try, the words that
        found it stay.
        """
        words = self.true_words(target, {canonical(w) or w for w in request.negative})
        lasting = [w for w in words if w not in POSITIONS]
        margin, chosen = self._best(target, rivals, noun, lasting, request)
        if margin >= APART:
            return self.phrase(noun, chosen)
        for tier in ([[*lasting, w] for w in words if w in POSITIONS], [words]):
            found = [self._best(target, rivals, noun, some, request, request.motion) for some in tier]
            margin, chosen = max(found, default=(margin, chosen), key=lambda one: one[0])
            if margin >= APART:
                break
        return self.phrase(noun, chosen, request.motion)

    def _best(
        self,
        target: Seen,
        rivals: list[Seen],
        noun: str,
        words: list[str],
        request: Describe,
        motion: tuple[float, float] | None = None,
    ) -> tuple[float, list[str]]:
        """Out of ``words``, those of an untried phrase with the largest margin, and the margin."""
        kept = [w for w in words if w in {canonical(p) for p in request.positive}]
        more = [w for w in words if w not in kept][:10]
        fixed = [m for m in (canonical(w) for w in noun.split()) if m]
        best, chosen = -np.inf, kept or words[:1]
        for some in (some for count in (1, 2, 3) for some in combinations(more, count)):
            if self.phrase(noun, [*kept, *some], motion) in request.tried:
                continue
            margin = self._margin(target, rivals, [*fixed, *kept, *some]) - 0.02 * len(some)
            if margin > best:
                best, chosen = margin, [*kept, *some]
        return best, chosen

    @staticmethod
    def _margin(target: Seen, rivals: list[Seen], meanings: list[str]) -> float:
        def fit(seen: Seen) -> Floats:
            return AttributesGrounder.score(seen, list(meanings)).max(1)

        return float(fit(target)[0] - max(fit(rival).max(initial=0.0) for rival in rivals))

    @staticmethod
    def phrase(noun: str, words: list[str], motion: tuple[float, float] | None = None) -> str:
        """Words in English order: size, tone, colour, noun, position, motion."""
        before = [w for kind in (SIZES, ASPECTS, TONES, TEXTURES, COLOURS) for w in words if w in kind]
        places = {"left": "on the left", "right": "on the right", "top": "at the top", "bottom": "at the bottom"}
        after = [places.get(w, "in the center") for w in words if w in POSITIONS]
        return " ".join([*before, noun, *after, *_motion_words(motion)])

    @staticmethod
    def _rivals(image: Image, box: Boxes) -> Seen:
        """The frame's proposals that stand out and neither contain the target nor belong to it."""
        seen = measured_proposals(image)
        if not len(seen.boxes):
            return seen
        apart = (_nesting(box, seen.boxes) < 0.5) & (seen.standing_out > 0.2)
        return seen.take(np.flatnonzero(apart))

    @staticmethod
    def _followed(departure: Departure | None) -> list[Seen]:
        """What a tracker followed in the target's place, as it was then; nothing where it did not leave the target."""
        if departure is None:
            return []
        return [measure(departure.frame.image(), departure.box[None])]

    def _background(self, rivals: Seen, request: Describe, count: int = 4) -> list[str]:
        """Phrases for what stands out most around the target, but for those that led to it."""
        names: list[str] = []
        for i in suppress(rivals.boxes, rivals.standing_out, 12):
            one = rivals.take(np.array([i]))
            shape = max(SHAPES, key=lambda s: float(one.evidence(s)[0]))
            noun = shape if one.evidence(shape)[0] >= TRUE_ENOUGH else "object"
            colour = [w for w in self.true_words(one, set()) if w in COLOURS][:1]
            names.append(" ".join([*colour, noun]))
        return [name for name in dict.fromkeys(names) if name not in request.background_dropped][:count]


def _motion_words(motion: tuple[float, float] | None) -> list[str]:
    """A motion of more than two target sizes over the feedback frames, in words."""
    if motion is None or np.hypot(*motion) < 2:
        return []
    dx, dy = motion
    if abs(dx) >= abs(dy):
        return ["moving to the right" if dx > 0 else "moving to the left"]
    return ["moving down" if dy > 0 else "moving up"]


class AttributesEncoder(_Offline):
    """Texts and crops as vectors over the attributes that a crop alone shows: colour, shape, tone, texture, aspect.

    It shares its measurements with the offline grounder, so its scores of texts chosen with that grounder are not
    independent evidence.
    """

    words = COLOURS + SHAPES + TONES + TEXTURES + ASPECTS

    def embed(self, requests: list[Embed]) -> list[Embedding | Exception]:
        """Unit vectors, or zeros for a text or crop without a known attribute."""
        return each(requests, self._embed, THREADS)

    def _embed(self, request: Embed) -> Embedding:
        crops = np.zeros((len(request.crops), len(self.words)), np.float32)
        by_frame: dict[tuple[int, int], list[int]] = {}
        for i, crop in enumerate(request.crops):
            by_frame.setdefault((crop.frame.frames.key, crop.frame.index), []).append(i)
        for rows in by_frame.values():
            boxes = np.stack([request.crops[i].box for i in rows])
            crops[rows] = measure(request.crops[rows[0]].frame.image(), boxes).matrix(list(self.words))
        texts = np.stack([self._text(t) for t in request.texts]) if request.texts else crops[:0]
        return Embedding(_unit(crops), _unit(texts), np.zeros(len(request.texts), bool))

    def _text(self, text: str) -> Floats:
        meanings = {m for phrase in phrases(text) for _, m in phrase}
        return np.array([float(w in meanings) for w in self.words], np.float32)


def _unit(rows: Floats) -> Floats:
    """Rows at unit length; a row of zeros stays zero, so that its cosines are 0."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
