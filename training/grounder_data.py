"""Scenes, phrases and word targets from which the small grounder learns.

``phrase(rng, scenes.things(0))`` gives the words of a phrase, ``the small red circle on the left``, with their keys,
``"", small, red, circle, "", "", left``; ``word_targets`` then says for each thing and word whether the word is true.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.synthetic import CANVAS, COLOURS, PLACES, SIZES, TWINS, Still, Thing, stills, swap_letters, truth
from chatdesc.vocabulary import SHAPES

HEIGHT, WIDTH = 128, 160  # what the network sees of a frame
SYNONYMS = {"small": ("tiny", "little"), "large": ("big", "huge")}
NOUNS = ("object", "thing", "shape")
NEVER = ("car", "bus", "person", "man", "woman", "dog", "cat", "road", "tree", "shirt", "ball", "kite")
ARTICLES = ("the", "a")
MOVING = "moving"  # true of whatever is in a scene
KINDS: tuple[tuple[str, ...], ...] = (tuple(COLOURS), tuple(SHAPES), tuple(SIZES), tuple(PLACES))
ATTRIBUTES = frozenset(word for kind in KINDS for word in kind)
WORDS = (
    *ARTICLES, "an", "on", "at", "in", "of", "to", "with", "and", "is", MOVING, *NOUNS, *sorted(ATTRIBUTES),
    *SYNONYMS["small"], *SYNONYMS["large"], *NEVER,
)  # fmt: skip
PARTIAL = 0.4  # of a word that is true of a thing that the phrase as a whole is not true of
MAX_THINGS = 5
TWIN_SHARE = 0.5

Resize = Callable[[list[NDArray[np.uint8]]], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words as written, and for each what it says: an attribute, "" (nothing), or "-" (something never true)."""

    words: list[str]
    keys: list[str]


@dataclass(frozen=True, slots=True)
class Scenes:
    """Rendered scenes: ``images`` uint8 [N, HEIGHT, WIDTH, 3] and their things, as numbers."""

    images: NDArray[np.uint8]
    kinds: NDArray[np.int8]  # [N, MAX_THINGS, 3] places in COLOURS, SHAPES, SIZES; -1: no thing
    circles: NDArray[np.float32]  # [N, MAX_THINGS, 3] centre and radius, pixels of CANVAS

    def __len__(self) -> int:
        return len(self.images)

    def things(self, i: int) -> tuple[Thing, ...]:
        return tuple(
            _thing(*(names[k] for names, k in zip(KINDS, kinds, strict=False)), *circle)
            for kinds, circle in zip(self.kinds[i].tolist(), self.circles[i].tolist(), strict=True)
            if kinds[0] >= 0
        )


def _thing(colour: str, shape: str, size: str, x: float, y: float, radius: float) -> Thing:
    return Thing(colour, shape, size, radius, (x, y), (0.0, 0.0), (0.0, 0.0), 0.0, COLOURS[colour])


def mirrored(things: tuple[Thing, ...]) -> tuple[Thing, ...]:
    """The things of a scene flipped from left to right; all shapes are their own mirror image."""
    return tuple(replace(t, start=(CANVAS[0] - t.start[0], t.start[1])) for t in things)


def scenes_of(split: str, count: int, seed: int = 0) -> Iterator[Still]:
    """``count`` scenes, half of them with a pair that differs in one respect, each respect in turn."""
    twins = int(count * TWIN_SHARE)
    yield from stills(split, count - twins, seed)
    for k, twin in enumerate(TWINS):
        yield from stills(split, twins // len(TWINS) + (k < twins % len(TWINS)), 100 + 10 * seed + k, twin=twin)


def pool(folder: Path, count: int, resize: Resize, seed: int = 0, split: str = "train") -> Scenes:
    """``count`` rendered scenes, kept in ``folder`` so that a resumed run need not render them again."""
    path = folder / f"grounder-{split}-{seed}-{count}-{WIDTH}x{HEIGHT}.npz"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **_render(scenes_of(split, count, seed), count, resize))
        part.replace(path)
    with np.load(path) as stored:
        return Scenes(stored["images"], stored["kinds"], stored["circles"])


def _render(made: Iterator[Still], count: int, resize: Resize) -> dict[str, Any]:
    images = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    kinds = np.full((count, MAX_THINGS, 3), -1, np.int8)
    circles = np.zeros((count, MAX_THINGS, 3), np.float32)
    for i, still in enumerate(made):
        images[i] = resize([still.image])[0]
        for k, thing in enumerate(still.things):
            kinds[i, k] = [KINDS[j].index(v) for j, v in enumerate((thing.colour, thing.shape, thing.size))]
            circles[i, k] = (*thing.start, thing.radius)
    return {"images": images, "kinds": kinds, "circles": circles}


# ---- phrases ---------------------------------------------------------------------------------------------------


def phrase(rng: np.random.Generator, things: tuple[Thing, ...]) -> Phrase:
    """What somebody may ask of a scene: mostly something true of a thing, sometimes of none."""
    thing = things[int(rng.integers(len(things)))]
    named = [thing.colour, thing.shape, thing.size, *(p for p in PLACES if truth(thing, p))]
    chances = [0.75, 0.82, 0.35, *[0.45] * (len(named) - 3)]
    chosen = [w for w, chance in zip(named, chances, strict=True) if rng.random() < chance]
    if not chosen and rng.random() < 0.6:
        chosen = [named[int(rng.integers(len(named)))]]
    if chosen and rng.random() < 0.28:
        chosen = _altered(rng, chosen)
    return _typo(rng, _written(rng, chosen))


def _altered(rng: np.random.Generator, words: list[str]) -> list[str]:
    """The words with one, now and then two of them exchanged for another of its kind."""
    for _ in range(1 + (rng.random() < 0.25)):
        k = int(rng.integers(len(words)))
        kind = next(kind for kind in KINDS if words[k] in kind)
        words = [*words[:k], kind[int(rng.integers(len(kind)))], *words[k + 1 :]]
    return words


def _written(rng: np.random.Generator, chosen: list[str]) -> Phrase:
    """A phrase out of attributes, in the orders and with the synonyms that texts have."""
    said: list[tuple[str, str]] = []
    if rng.random() < 0.35:
        said.append((ARTICLES[int(rng.random() < 0.3)], ""))
    places = [w for w in chosen if w in PLACES]
    rng.shuffle(places)
    before, after = (places, []) if places and rng.random() < 0.1 else ([], places)
    if not chosen or rng.random() < 0.02:
        said.append((MOVING, ""))
    said += [(w, w) for w in before]
    said += [(_synonym(rng, w), w) for w in chosen if w in SIZES] + [(w, w) for w in chosen if w in COLOURS]
    said.append(_noun(rng, chosen))
    for place in after:
        said += [(w, place if w == place else "") for w in PLACES[place].split()]
    return Phrase([w for w, _ in said], [k for _, k in said])


def _noun(rng: np.random.Generator, chosen: list[str]) -> tuple[str, str]:
    if rng.random() < 0.03:
        made_up = "".join(chr(97 + int(c)) for c in rng.integers(0, 26, int(rng.integers(3, 7))))
        return (NEVER[int(rng.integers(len(NEVER)))] if rng.random() < 0.7 else made_up), "-"
    shape = next((w for w in chosen if w in SHAPES), "")
    return (shape, shape) if shape else (NOUNS[int(rng.choice(3, p=[0.6, 0.25, 0.15]))], "")


def _synonym(rng: np.random.Generator, word: str) -> str:
    return str(rng.choice(SYNONYMS[word])) if rng.random() < 0.15 else word


def _typo(rng: np.random.Generator, one: Phrase) -> Phrase:
    """One phrase in twenty has two letters of an attribute swapped; it is true of what it was true of."""
    long = [i for i, (w, k) in enumerate(zip(one.words, one.keys, strict=True)) if k in ATTRIBUTES and len(w) > 3]
    if not long or rng.random() > 0.05:
        return one
    i = long[int(rng.integers(len(long)))]
    return Phrase([*one.words[:i], swap_letters(rng, one.words[i]), *one.words[i + 1 :]], one.keys)


def word_targets(one: Phrase, things: tuple[Thing, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """[things, words] score that each word should have on each thing, and whether that can be said.

    Every word of a phrase that is true of a thing scores 1 on it. Where the phrase is not true, the words that are
    score PARTIAL and the others 0. What lies a little to one side only decides nothing.
    """
    targets = np.zeros((len(things), len(one.words)), np.float32)
    known = np.ones(targets.shape, bool)
    for row, thing in enumerate(things):
        true = [key != "-" if key in ("", "-") else truth(thing, key) for key in one.keys]
        if all(true):
            targets[row] = 1
        elif False not in true:
            known[row] = False
        else:
            means = [bool(key) or word in NOUNS for word, key in zip(one.words, one.keys, strict=True)]
            targets[row] = [PARTIAL if t and m else 0 for t, m in zip(true, means, strict=True)]
            known[row] = [t is not None for t in true]
    return targets, known


# ---- batches ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """Scenes, and ``texts`` of each; B scenes, B * texts rows of text, G things, L tokens.

    Attributes:
        images: uint8 [B, HEIGHT, WIDTH, 3].
        boxes: float32 [B, G, 4], centre and size as shares of the frame.
        kinds: int64 [B, G, 3] places in COLOURS, SHAPES, SIZES; -1 where there is no thing.
        tokens, mask: int64 [B * texts, L].
        targets, known: [B * texts, G, L].
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    kinds: NDArray[np.int64]
    tokens: NDArray[np.int64]
    mask: NDArray[np.int64]
    targets: NDArray[np.float32]
    known: NDArray[np.bool_]


class Texts:
    """Phrases as tokens; a word is taken apart once."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.known: dict[str, list[int]] = {}

    def ids(self, word: str) -> list[int]:
        if word not in self.known:
            self.known[word] = self.tokenizer(word, add_special_tokens=False)["input_ids"]
        return self.known[word]

    def row(
        self, phrases: list[Phrase], things: tuple[Thing, ...], presence: float
    ) -> tuple[list[int], NDArray[np.float32], NDArray[np.bool_]]:
        """Tokens of "phrase. phrase." and, per thing and token, target and whether it is known.

        [CLS] scores ``presence`` on every thing, so that things that the text does not name are proposed too.
        """
        tokens, targets, known = [self.tokenizer.cls_token_id], [np.full((len(things), 1), presence)], []
        known.append(np.ones((len(things), 1), bool))
        for one in phrases:
            parts = [self.ids(w) for w in one.words]
            score, sure = word_targets(one, things)
            counts = [len(p) for p in parts]
            tokens += [t for p in parts for t in p] + self.ids(".")
            targets += [np.repeat(score, counts, 1), np.zeros((len(things), 1))]
            known += [np.repeat(sure, counts, 1), np.ones((len(things), 1), bool)]
        tokens.append(self.tokenizer.sep_token_id)
        targets.append(np.zeros((len(things), 1)))
        known.append(np.ones((len(things), 1), bool))
        return tokens, np.concatenate(targets, 1, dtype=np.float32), np.concatenate(known, 1)


def batch(rng: np.random.Generator, scenes: Scenes, texts: Texts, size: int, each: int, presence: float = 0.3) -> Batch:
    """``size`` scenes with ``each`` texts: the first of one phrase, the others of up to three."""
    chosen = rng.integers(len(scenes), size=size)
    images = scenes.images[chosen]
    flipped = rng.random(size) < 0.5
    images[flipped] = images[flipped, :, ::-1]
    boxes = np.tile(np.array([0.5, 0.5, 0.01, 0.01], np.float32), (size, MAX_THINGS, 1))
    rows = []
    for k, i in enumerate(chosen.tolist()):
        things = mirrored(scenes.things(i)) if flipped[k] else scenes.things(i)
        for g, thing in enumerate(things):
            side = 2 * thing.radius
            boxes[k, g] = (
                thing.start[0] / CANVAS[0], thing.start[1] / CANVAS[1], side / CANVAS[0], side / CANVAS[1],
            )  # fmt: skip
        for j in range(each):
            count = 1 if j == 0 else int(rng.integers(1, 4))
            rows.append(texts.row([phrase(rng, things) for _ in range(count)], things, presence))
    return Batch(images, boxes, scenes.kinds[chosen].astype(np.int64), *_padded(rows))


def _padded(
    rows: list[tuple[list[int], NDArray[np.float32], NDArray[np.bool_]]],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    length = max((len(tokens) for tokens, _, _ in rows), default=0)
    tokens = np.zeros((len(rows), length), np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    targets = np.zeros((len(rows), MAX_THINGS, length), np.float32)
    known = np.ones((len(rows), MAX_THINGS, length), bool)
    for r, (ids, score, sure) in enumerate(rows):
        tokens[r, : len(ids)], mask[r, : len(ids)] = ids, 1
        targets[r, : len(score), : len(ids)], known[r, : len(sure), : len(ids)] = score, sure
    return tokens, mask, targets, known
