"""What the small LLaVA is asked and what it ought to answer: the project's own prompts, and right answers to them.

``feedback(rng, things, target)`` is a request as reflection makes it after a round or two; ``reply(things, target,
request)`` is the right answer, ``{"target": "small circle on the left at the top", "background": ["red circle"]}``.

A first description names colour and shape alone. After feedback it names size, colour and shape, but for those named
as leading elsewhere, so a word's absence can come from that naming only. Where the thing is, it says only if something
else shares all those words: they stay true when things move, a place does not. Background things come in a fixed
order, each once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chatdesc.stages.describe import fill, prompt_text, reflect_prompt
from chatdesc.synthetic import COLOURS, PLACES, SIZES, Thing, phrase, place_of
from chatdesc.types import STOP_WORDS, Describe, FrameRef
from chatdesc.vocabulary import SHAPES

NOUNS = ("object", "thing")  # what a thing is called whose shape's name led elsewhere
KINDS: dict[str, tuple[str, ...]] = {
    "colour": tuple(COLOURS), "shape": tuple(SHAPES), "size": tuple(SIZES), "position": tuple(PLACES)
}  # fmt: skip
PROBLEMS = ("no JSON object with a target in it", "the answer is empty", "the target phrase is empty")
NO_FRAME = FrameRef(None, 0)  # type: ignore[arg-type]


def first_words(thing: Thing) -> str:
    return phrase(thing, [thing.colour])


def better_words(things: Sequence[Thing], target: int, negative: Sequence[str]) -> str:
    """Size, colour and shape of a thing, and its place if they fit another thing too; nothing in ``negative``."""
    places = place_of(things[target]) if shared(things, target, negative) else []
    return _named(things[target], places, negative)


def lasting(thing: Thing) -> tuple[str, str, str]:
    """The words that stay true of a thing wherever it goes."""
    return thing.size, thing.colour, thing.shape


def shared(things: Sequence[Thing], target: int, negative: Sequence[str] = ()) -> bool:
    """Whether all lasting words of the target that are not in ``negative`` are true of another thing too."""
    said = {w for w in lasting(things[target]) if w not in negative}
    return any(said <= set(lasting(other)) for i, other in enumerate(things) if i != target)


def _named(thing: Thing, places: Sequence[str], negative: Sequence[str]) -> str:
    words = [w for w in (thing.size, thing.colour, *places) if w not in negative]
    nouns = [w for w in (thing.shape, *NOUNS) if w not in negative]
    return phrase(thing, words, nouns[0] if nouns else NOUNS[0])


def around(things: Sequence[Thing], target: int) -> list[str]:
    """The other things, look-alikes too, sorted by colour and shape."""
    others = {(t.colour, t.shape) for i, t in enumerate(things) if i != target}
    ordered = sorted(others, key=lambda o: (list(COLOURS).index(o[0]), SHAPES.index(o[1])))
    return [f"{colour} {shape}" for colour, shape in ordered]


def as_json(text: str, background: list[str]) -> str:
    return json.dumps({"target": text, "background": background})


def reply(things: Sequence[Thing], target: int, request: Describe) -> str:
    """The right answer to a first request or, where there is a previous text, to one with feedback."""
    again = bool(request.previous)
    text = better_words(things, target, request.negative) if again else first_words(things[target])
    return as_json(text, around(things, target))


def ask(region: str = "box") -> Describe:
    """The first request."""
    return Describe(NO_FRAME, np.zeros(4, np.float32), prompt_text("describe", region))


def feedback(rng: np.random.Generator, things: Sequence[Thing], target: int, most: int = 3) -> Describe:
    """A request after one to three rounds, with at most ``most`` words that led elsewhere."""
    thing = things[target]
    tried = [_first_try(rng, things, target)]
    while len(tried) < 3 and rng.random() < 0.4:
        tried.append(_later_try(rng, things, target))
    said = [w for w in dict.fromkeys(" ".join(tried).split()) if w not in STOP_WORDS]
    count = int(rng.integers(1, most + 1)) if rng.random() < 0.85 else 0
    negative = _negative(rng, thing, said, count)
    positive = [w for w in tried[-1].split() if w in said and w not in negative and rng.random() < 0.6]
    ambiguous = bool(rng.random() < 0.5 or (positive and negative))
    return asked_again(tried, tuple(dict.fromkeys(positive)), negative, ambiguous)


def asked_again(
    tried: Sequence[str], positive: tuple[str, ...], negative: tuple[str, ...], ambiguous: bool, region: str = "box"
) -> Describe:
    """A reflection request as the loop builds it."""
    request = replace(
        ask(region), previous=tried[-1], positive=positive, negative=negative, ambiguous=ambiguous, tried=tuple(tried)
    )
    return replace(request, prompt=reflect_prompt(request, region))


def repair(rng: np.random.Generator, things: Sequence[Thing], target: int) -> tuple[str, str]:
    """The prompt after an answer that could not be read, and the same answer in the right form."""
    right = as_json(first_words(things[target]), around(things, target))
    broken = right[1 : int(rng.integers(12, len(right)))]
    problem = PROBLEMS[int(rng.integers(len(PROBLEMS)))]
    return fill("repair", problem=problem, answer=broken), right


def _first_try(rng: np.random.Generator, things: Sequence[Thing], target: int) -> str:
    """Mostly what it says first; sometimes another thing's name, for a first description may be wrong."""
    if rng.random() < 0.9:
        return first_words(things[target])
    return first_words(things[int(rng.integers(len(things)))])


def _later_try(rng: np.random.Generator, things: Sequence[Thing], target: int) -> str:
    """What it says again, now and then with a place that is not needed."""
    thing = things[target]
    negative = [w for w in (*lasting(thing), *place_of(thing)) if rng.random() < 0.3]
    if rng.random() < 0.3:
        return _named(thing, place_of(thing), negative)
    return better_words(things, target, negative)


def _negative(rng: np.random.Generator, thing: Thing, said: list[str], count: int) -> tuple[str, ...]:
    """Words out of what was said, others that are true, and a few that are not; colour and shape most often."""
    chosen: dict[str, None] = {}
    while len(chosen) < count:
        kind = str(rng.choice(list(KINDS), p=[0.32, 0.32, 0.18, 0.18]))
        true = [w for w in (thing.colour, thing.shape, thing.size, *place_of(thing)) if w in KINDS[kind]]
        spoken = [w for w in said if w in (*KINDS[kind], *NOUNS)]
        chance = rng.random()
        words = (spoken if chance < 0.5 else []) or (true if chance < 0.85 else []) or list(KINDS[kind])
        chosen[words[int(rng.integers(len(words)))]] = None
    return tuple(chosen)
