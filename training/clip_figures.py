"""What chatdesc/tiny/clip achieves on unseen scenes, and its card. Everything goes through the project's backend.

``measure(Path("chatdesc/tiny/clip"), stills=300, sequences=100)["stills"]["right description first of 8"].share`` is a
share of comparisons, in [0, 1].
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from clip import INPUT, KINDS, STREAM, UNKNOWN, View, beside, sequence_views, still_views
from numpy.typing import NDArray

from chatdesc import synthetic
from chatdesc.backends import create
from chatdesc.types import Crop, Embed, FrameRef, Frames

SUBSETS = [set(some) for n in range(4) for some in combinations(range(3), n)]
PLACES = list(synthetic.PLACES.values())


@dataclass(slots=True)
class Figure:
    """A mean over ``count`` comparisons."""

    values: list[float] = field(default_factory=list)

    @property
    def share(self) -> float:
        return float(np.mean(self.values))

    @property
    def count(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A thing in a frame: its crop, crops of what it could be confused with, and its facts."""

    crop: Crop
    others: tuple[Crop, ...]
    facts: tuple[int, ...]


def measure(folder: Path, stills: int, sequences: int, seed: int = 0) -> dict[str, dict[str, Figure]]:
    """Figures on stills, and on frames of sequences, where things are covered in part."""
    encoder = create("encoder", f"open-clip:local-dir:{folder}", device="cpu")
    rng = np.random.default_rng([STREAM["test"], seed, 0])
    kinds = {
        "stills": still_views("test", stills, seed),
        "frames of sequences": sequence_views("test", sequences, seed),
    }
    return {kind: _figures(encoder, [c for v in shown for c in cases(v, rng)], rng) for kind, shown in kinds.items()}


def cases(view: View, rng: np.random.Generator) -> Iterator[Case]:
    frame = FrameRef(_frames(view.image), 0)
    for k, box in enumerate(view.boxes):
        differing = [view.boxes[j] for j in range(len(view.boxes)) if (view.facts[j] != view.facts[k]).any()]
        windows = [w for _ in range(2) if (w := beside(rng, view.boxes, box)) is not None]
        others = tuple(Crop(frame, b) for b in [*differing, *windows])
        yield Case(Crop(frame, box), others, tuple(view.facts[k].tolist()))


def _frames(image: NDArray[np.uint8]) -> Frames:
    """One picture as a sequence's frames, without loss."""
    import cv2

    _, data = cv2.imencode(".png", image[..., ::-1])
    return Frames(("1.png",), lambda path: data.tobytes())


def words(facts: Any, named: set[int], place: str = "", garble: tuple[int, str] = (UNKNOWN, "")) -> str:
    """A text that names some of (colour, shape, size); one of them as ``garble`` has it."""
    said = [names[facts[k]] if k in named else "" for k, names in enumerate(KINDS.values())]
    if garble[1]:
        said[garble[0]] = garble[1]
    colour, shape, size = said
    noun = shape or ("object" if named or garble[1] else "moving object")
    return " ".join(word for word in ("" if named else "the", size, colour, noun, place) if word)


class Scores:
    """Cosines of crops and texts; each text goes to the encoder once."""

    def __init__(self, encoder: Any, crops: list[Crop], texts: list[str]) -> None:
        texts = list(dict.fromkeys(texts))
        [answer] = encoder.embed([Embed("clip", tuple(crops), tuple(texts))])
        if isinstance(answer, Exception):
            raise answer
        self.crops, self.rows = answer.crops, dict(zip(texts, answer.texts, strict=True))

    def __call__(self, crop: int, text: str) -> float:
        return float(self.crops[crop] @ self.rows[text])


@dataclass(frozen=True, slots=True)
class Questions:
    """The texts that one case is judged with."""

    true: list[str]  # one for each of SUBSETS
    false: list[tuple[str, str]]  # kind of the false word, text
    eight: list[str]  # the right one is the first
    eight_plain: list[str]  # the same by colour and shape alone
    place: list[tuple[str, str]]  # the same text with and without a place
    garbled: list[tuple[str, str, str]]  # with a garbled word, with the sound word, without the word

    def texts(self) -> list[str]:
        groups = [self.true, self.eight, self.eight_plain, [text for _, text in self.false]]
        return [t for group in [*groups, *self.place, *self.garbled] for t in group]


def ask(facts: tuple[int, ...], rng: np.random.Generator) -> Questions:
    whole, place = {0, 1, 2}, PLACES[int(rng.integers(4))]
    rivals = [facts, *_changed(facts, 1, 3, rng), *_changed(facts, 0, 4, rng)]
    false = []
    for named in SUBSETS[1:]:
        k = int(rng.choice(sorted(named)))
        false.append((list(KINDS)[k], words(_changed(facts, k, 1, rng)[0], named)))
    garbled = []
    for k, names in enumerate(KINDS.values()):
        if len(word := names[facts[k]]) > 3:
            rest = whole - {k}
            typo = words(facts, rest, garble=(k, synthetic.swap_letters(rng, word)))
            garbled.append((typo, words(facts, whole), words(facts, rest)))
    return Questions(
        [words(facts, named) for named in SUBSETS],
        false,
        [words(rival, whole, place) for rival in rivals],
        [words(rival, {0, 1}) for rival in rivals],
        [(words(facts, named, place), words(facts, named)) for named in SUBSETS[1:]],
        garbled,
    )


def _changed(facts: tuple[int, ...], k: int, count: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """``count`` other facts that differ in attribute k alone."""
    values = [v for v in range(len(list(KINDS.values())[k])) if v != facts[k]]
    return [(*facts[:k], int(v), *facts[k + 1 :]) for v in rng.permutation(values)[:count]]


def _figures(encoder: Any, cases: list[Case], rng: np.random.Generator) -> dict[str, Figure]:
    questions = [ask(case.facts, rng) for case in cases]
    crops = [crop for case in cases for crop in (case.crop, *case.others)]
    scores = Scores(encoder, crops, [t for q in questions for t in q.texts()])
    found: defaultdict[str, Figure] = defaultdict(Figure)
    first = 0
    for case, question in zip(cases, questions, strict=True):
        _judge_words(found, scores, first, question)
        _judge_crops(found, scores, first, len(case.others), question)
        first += 1 + len(case.others)
    return dict(found)


def _judge_words(found: defaultdict[str, Figure], scores: Scores, crop: int, asked: Questions) -> None:
    def add(name: str, value: float) -> None:
        found[name].values.append(float(value))

    true = [scores(crop, text) for text in asked.true]
    add("right description first of 8", np.argmax([scores(crop, t) for t in asked.eight]) == 0)
    add(
        "right description first of 8, colour and shape only",
        np.argmax([scores(crop, t) for t in asked.eight_plain]) == 0,
    )
    for a, b in ((a, b) for a in range(8) for b in range(8)):
        if SUBSETS[a] < SUBSETS[b] and len(SUBSETS[b]) == len(SUBSETS[a]) + 1:
            add(f"{len(SUBSETS[b])} true words above {len(SUBSETS[a])} of them", true[b] > true[a])
    for kind, text in asked.false[-1:]:
        add(f"whole text above the same with a false {kind}", true[-1] > scores(crop, text))
        add(f"text that says nothing above a whole one with a false {kind}", true[0] > scores(crop, text))
    for kind, text in asked.false:
        for value in true:
            add(f"true text above one with a false {kind}", value > scores(crop, text))
    for typo, sound, without in asked.garbled:
        add("sound word above a garbled one", scores(crop, sound) > scores(crop, typo))
        add("garbled word against none: change of the cosine", abs(scores(crop, typo) - scores(crop, without)))
    for placed, plain in asked.place:
        add("place added: change of the cosine", abs(scores(crop, placed) - scores(crop, plain)))
    steps = [np.mean([v for v, s in zip(true, SUBSETS, strict=True) if len(s) == n]) for n in range(4)]
    add("true word added: change of the cosine", (steps[3] - steps[0]) / 3)


def _judge_crops(found: defaultdict[str, Figure], scores: Scores, crop: int, others: int, asked: Questions) -> None:
    if others:
        rivals = max(scores(crop + k, asked.true[-1]) for k in range(1, 1 + others))
        found["whole text higher on its thing than on others and beside them"].values.append(
            float(scores(crop, asked.true[-1]) > rivals)
        )


CARD = """---
license: apache-2.0
library_name: open_clip
pipeline_tag: zero-shot-image-classification
---

# tiny/clip: a judge of short texts about synthetic scenes

An open_clip model of {parameters:,} parameters (a ResNet that sees {size} x {size} pixels, a text transformer with
{vocabulary} words), trained from nothing on the scenes of `chatdesc/synthetic.py`. **It is made for synthetic scenes
alone and says nothing about photographs.** It serves to prove that texts, crops and scores are wired as they should be.

Of two true texts the one that says more is to score higher, and a text with a false word lower than it would without:
"small red circle" > "red circle" > "the circle" > "the moving object" > "blue circle". Places cannot be seen on a crop
and change next to nothing; words that it does not know count as none. Two limits, with figures below: size is told from
the sharpness of edges alone, and is mistaken most often; a whole text with one false word often stands above one that
says nothing.

```python
from chatdesc.backends import create

encoder = create("encoder", "open-clip:tiny:clip")
```

## Figures

On test scenes that were not trained on, through that backend; boxes as annotated, crops as `align` takes them.
Things of which less than half is to be seen are left out.

| {head} |
|{rule}|
{rows}

A share, with the number of comparisons; "change of the cosine" is the mean absolute difference.

## Training

`python training/clip.py` made the model and this page: {training}. It sees crops of the training scenes (a box moved by
up to 5 %, some windows without a thing) and judges each with texts about other crops: ordinal regression on the cosine,
with a level for false texts and one for each number of true words, and a head that names the attributes, which is not
kept. Licence: Apache-2.0, as the project.
"""


def report(folder: Path, stills: int = 300, sequences: int = 150) -> None:
    """Print the figures, and write them into the model's card."""
    figures = measure(folder, stills, sequences)
    names = list(figures["stills"])
    rows = [f"| {name} | " + " | ".join(_cell(of[name]) for of in figures.values()) + " |" for name in names]
    print("\n".join(f"{name}: " + ", ".join(_cell(of[name]) for of in figures.values()) for name in names))
    known = _about(folder)
    head = " | ".join(["", *figures])
    rule = " --- |" * (1 + len(figures))
    card = CARD.format(rows="\n".join(rows), head=head.strip(), rule=rule[:-1], size=INPUT, **known)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _cell(figure: Figure) -> str:
    return f"{figure.share:.3f} ({figure.count})"


def _about(folder: Path) -> dict[str, Any]:
    """Parameters, vocabulary and how it was trained, as the weights' file says."""
    import json

    from safetensors import safe_open

    with safe_open(folder / "open_clip_model.safetensors", "np") as file:
        parameters = sum(int(np.prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118
        said = file.metadata()
    config = json.loads((folder / "open_clip_config.json").read_text(encoding="utf-8"))
    vocabulary = config["model_cfg"]["text_cfg"]["vocab_size"]
    training = f"{said['steps']} steps, seed {said['seed']}, {said['scenes']} scenes"
    return {"parameters": parameters, "vocabulary": vocabulary, "training": training}
