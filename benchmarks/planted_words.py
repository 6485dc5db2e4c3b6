"""Synthetic scenes whose texts have words that are needed, redundant or harmful; geometry says which.

A text is size, colour and shape of its target, or two of them. In a harmful text one word, of colour or shape, is that
of another thing; it is not true of the target, and without it the text is true of the target alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from planted_scenes import beside_rival

from chatdesc.synthetic import Scene, Thing, make_scene, truth

ROLES = ("needed", "redundant", "harmful")
ORDER = ("size", "colour", "shape")  # of words in a text


def planted_words(each: int, frames: int, seed: int) -> tuple[list[Scene], list[dict[str, str | None]]]:
    """``each`` scenes with a harmful word and as many with a needed one, and the role of each word of their texts."""
    rng = np.random.default_rng([seed, 1])
    found = [one for harmful in (True, False) for one in _some(rng, each, frames, harmful)]
    return [scene for scene, _ in found], [roles for _, roles in found]


def roles_of(things: Sequence[Thing], words: Sequence[str]) -> dict[str, str | None]:
    """What each word does for a text about ``things[0]``; None for all else.

    A word is needed if without it another thing is meant as well, and harmful if it is true of another thing only, of
    which all other words but one are true: the text then fits target and other thing alike.
    """
    found: dict[str, str | None] = {}
    for word in words:
        rest = [other for other in words if other != word]
        alone = _alone(things, rest)
        if _alone(things, words):
            found[word] = "redundant" if alone else "needed"
        else:
            found[word] = "harmful" if alone and not truth(things[0], word) and _lured(things, word, rest) else None
    return found


def _alone(things: Sequence[Thing], words: Sequence[str]) -> bool:
    return [thing for thing in things if all(truth(thing, word) for word in words)] == [things[0]]


def _lured(things: Sequence[Thing], word: str, rest: Sequence[str]) -> bool:
    return any(truth(t, word) and sum(not truth(t, other) for other in rest) <= 1 for t in things[1:])


def _some(
    rng: np.random.Generator, each: int, frames: int, harmful: bool
) -> Iterator[tuple[Scene, dict[str, str | None]]]:
    made = 0
    while made < each:
        differs = ("colour", "shape") if harmful else (("colour", "shape")[int(rng.integers(2))],)
        scene = beside_rival(rng, make_scene(rng, frames, "none", 0), differs)
        kinds = (ORDER, ORDER, ORDER[1:], ORDER[::2])[int(rng.integers(4))]
        words = [getattr(scene.things[0], kind) for kind in kinds]
        if harmful:
            k = int(rng.integers(len(kinds)))
            words[k] = getattr(scene.things[kinds[k] != "size"], kinds[k])
        roles = roles_of(scene.things, words)
        wanted = "harmful" if harmful else "needed"
        if wanted in roles.values():
            made += 1
            yield replace(scene, manual=" ".join(words), fault=wanted), roles
