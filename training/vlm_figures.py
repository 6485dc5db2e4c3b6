"""The small LLaVA's figures on scenes of the test split, asked through the project's own backend.

``measure("chatdesc/tiny/vlm", count=200).rates`` gives each rate by its name, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from vlm_talk import KINDS, NOUNS, around, asked_again, better_words, first_words, shared

from chatdesc.backends import create
from chatdesc.stages.describe import Description, UnreadableAnswer, parse_answer, prompt_text
from chatdesc.synthetic import PLACES, Still, Thing, place_of, stills, truth
from chatdesc.types import STOP_WORDS, Describe, FrameRef, split_words

NEEDED = "a place where something shares all other words"
SPARED = "no place where nothing does"
GOALS = {
    "parsed": 0.99, "colour and shape": 0.95, "background precision": 0.8, "background recall": 0.8,
    **{f"gone and true: {kind}": 0.9 for kind in KINDS}, NEEDED: 0.9, SPARED: 0.9,
}  # fmt: skip
ANSWER_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """``rates`` by name, each of ``counts`` cases; some answers to look at."""

    rates: dict[str, float]
    counts: dict[str, int]
    samples: tuple[str, ...]


def measure(folder: str, count: int = 300, seed: int = 0, split: str = "test", device: str = "auto") -> Measured:
    """Figures over ``count`` scenes, the first thing of each being the target.

    Those about places are over as many again, in which another thing shares all but the place of the target.
    """
    describer = create("describer", f"transformers:{folder}", device=device, max_new_tokens=ANSWER_TOKENS, max_batch=25)
    scenes = list(stills(split, count, seed))
    firsts = ask_all(describer, [first_request(still) for still in scenes])
    tally = Tally()
    for still, answer in zip(scenes, firsts, strict=True):
        tally.first(still, answer)
    twins = [s for k, place in enumerate(PLACES) for s in stills(split, count // 4, seed, (k + 1) * count, place)]
    named = [(still, kind, word) for still in scenes for kind, word in lasting_words(still.things[0])]
    named += [(still, "position", place_of(still.things[0])[0]) for still in twins]
    again = [(second_request(still, word, True), second_request(still, word, False)) for still, _, word in named]
    told, untold = (ask_all(describer, [pair[k] for pair in again]) for k in range(2))
    for (still, kind, word), with_it, without in zip(named, told, untold, strict=True):
        tally.second(still, kind, word, with_it, without)
    both = [*scenes, *twins]
    for still, answer in zip(both, ask_all(describer, [_again(still, (), ()) for still in both]), strict=True):
        tally.place(still, (), answer)
    several = list(many_words(scenes))
    for (still, words, _), answer in zip(several, ask_all(describer, [r for _, _, r in several]), strict=True):
        tally.several(still, words, answer)
    return tally.sum_up([*firsts[:4], *told[:8]])


def ask_all(describer: object, requests: list[Describe]) -> list[str]:
    """The raw answers.

    Raises:
        Exception: the first failure of the backend.
    """
    answers = describer.describe(requests)  # type: ignore[attr-defined]
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return list(answers)


def first_request(still: Still) -> Describe:
    frames = [still.image]  # a list of pictures will do where a frame is looked up by its number
    return Describe(FrameRef(frames, 0), still.boxes[0], prompt_text("describe"))  # type: ignore[arg-type]


def second_request(still: Still, word: str, named: bool) -> Describe:
    """After a round whose text was all that is true: ``word`` led elsewhere or, all else equal, is not named at all."""
    return _again(still, (word,) if named else (), (word,))


def many_words(scenes: list[Still]) -> Iterator[tuple[Still, tuple[str, ...], Describe]]:
    """Two or three negative words at once, of different kinds."""
    for i, still in enumerate(scenes):
        words = [word for _, word in lasting_words(still.things[0])]
        rng = np.random.default_rng([5, i])
        chosen = tuple(str(w) for w in rng.permutation(words)[: int(rng.integers(2, 4))])
        yield still, chosen, _again(still, chosen, chosen)


def _again(still: Still, negative: tuple[str, ...], unpraised: tuple[str, ...]) -> Describe:
    thing = still.things[0]
    whole = better_words(still.things, 0, ())
    positive = tuple(w for w in (thing.colour, thing.shape) if w not in unpraised)
    request = asked_again([first_words(thing), whole], positive, negative, ambiguous=True)
    return replace(request, frame=first_request(still).frame, box=still.boxes[0])


def lasting_words(thing: Thing) -> list[tuple[str, str]]:
    """The true word of each kind but position."""
    return [("colour", thing.colour), ("shape", thing.shape), ("size", thing.size)]


def all_true(thing: Thing, words: list[str]) -> bool:
    """Whether no word says anything false of a thing, or anything that nobody asked for."""
    return bool(words) and all(w in NOUNS or truth(thing, w) is not False for w in words)


def content(text: str) -> list[str]:
    return [w.text.lower() for w in split_words(text) if w.text.lower() not in STOP_WORDS]


class Tally:
    """Counts cases and successes by name."""

    def __init__(self) -> None:
        self.cases: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self.cases.setdefault(name, []).append(float(value))

    def parsed(self, answer: str) -> Description:
        try:
            found = parse_answer(answer)
        except UnreadableAnswer:
            found = Description("", (), answer)
        self.add("parsed", bool(found.text))
        return found

    def first(self, still: Still, answer: str) -> None:
        thing, found = still.things[0], self.parsed(answer)
        words = content(found.text)
        self.add("colour", thing.colour in words)
        self.add("shape", thing.shape in words)
        self.add("colour and shape", {thing.colour, thing.shape} <= set(words) and all_true(thing, words))
        said, there = set(found.background), set(around(still.things, 0))
        for name, of in (("background precision", said), ("background recall", there)):
            for one in of:
                self.add(name, one in said & there)

    def second(self, still: Still, kind: str, word: str, told: str, untold: str) -> None:
        words, without = content(self.parsed(told).text), content(self.parsed(untold).text)
        gone, true = word not in words, all_true(still.things[0], words)
        self.add(f"gone: {kind}", gone)
        self.add(f"true: {kind}", true)
        self.add(f"gone and true: {kind}", gone and true)
        self.add(f"gone though not named: {kind}", word not in without)
        if kind != "position":
            self.place(still, (word,), told)

    def place(self, still: Still, negative: tuple[str, ...], answer: str) -> None:
        """Whether an answer names a place where it should, and only there."""
        placed = bool(set(content(self.parsed(answer).text)) & set(PLACES))
        if not shared(still.things, 0, negative):
            self.add(SPARED, not placed)
        elif place_of(still.things[0]):
            self.add(NEEDED, placed)

    def several(self, still: Still, negative: tuple[str, ...], answer: str) -> None:
        words = content(self.parsed(answer).text)
        self.place(still, negative, answer)
        self.add(
            "gone and true: two or three words", not set(negative) & set(words) and all_true(still.things[0], words)
        )

    def sum_up(self, samples: list[str]) -> Measured:
        rates = {name: float(np.mean(values)) for name, values in self.cases.items()}
        return Measured(rates, {name: len(values) for name, values in self.cases.items()}, tuple(samples))


def table(measured: Measured) -> str:
    """The figures in Markdown, with the goals."""
    rows = ["| figure | measured | goal | cases |", "| --- | --- | --- | --- |"]
    for name, rate in measured.rates.items():
        goal = f">= {GOALS[name]:.2f}" if name in GOALS else ""
        rows.append(f"| {name} | {rate:.3f} | {goal} | {measured.counts[name]} |")
    return "\n".join(rows)
