"""What the small grounder achieves, measured through the project's own backend, and its card.

``figures(Path("chatdesc/tiny/grounder"), count=400)`` gives each figure by its name, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from grounder_data import HEIGHT, KINDS, WIDTH
from numpy.typing import NDArray

from chatdesc.backends import create
from chatdesc.metrics.overlap import iou_matrix
from chatdesc.synthetic import COLOURS, PLACES, SHAPES, TWINS, Still, Thing, phrase, stills, truth, unique_phrase
from chatdesc.types import FrameRef, Frames, Ground, Grounding

SEED = 1
THRESHOLD = 0.75  # that of ``chatdesc.backends.thresholds`` for this model
NAMES = ("colour", "shape", "size", "place")
GOALS = {
    "mean IoU, unique phrase": 0.88,
    **{f"look-alikes told apart by {twin}": 0.95 for twin in TWINS},
    **{f"word scores higher where it is true, {name}": 0.95 for name in NAMES},
    "absent against present, AUC": 0.98,
}


@dataclass(frozen=True, slots=True)
class Question:
    """A text asked of a scene; ``target`` is the thing that it means, or -1."""

    still: Still
    text: str
    target: int = -1


def means(thing: Thing, text: str) -> bool | None:
    """Whether a phrase of ``chatdesc.synthetic.phrase`` is true of a thing; None if that is undecided."""
    true = [truth(thing, w) for w in text.split() if any(w in kind for kind in KINDS)]
    return False if False in true else None if None in true else True


def only(target: int, things: tuple[Thing, ...], text: str) -> bool:
    """Whether a phrase is true of one thing and certainly not of the others."""
    return all(means(thing, text) is (k == target) for k, thing in enumerate(things))


def unique(split: str, count: int) -> Iterator[Question]:
    """Phrases that are true of one thing, the shortest there is."""
    for still in stills(split, count, SEED):
        text = unique_phrase(still.things[0], list(still.things[1:]))
        if only(0, still.things, text):
            yield Question(still, text, 0)


def twins(split: str, count: int, twin: str) -> Iterator[Question]:
    """Phrases that only the respect in which two things differ can decide."""
    for still in stills(split, count, SEED, twin=twin):
        thing = still.things[0]
        words = [thing.colour, *([twin] if twin in PLACES else [thing.size] if twin == "size" else [])]
        text = phrase(thing, words)
        if only(0, still.things, text):
            yield Question(still, text, 0)


def absent(split: str, count: int) -> Iterator[Question]:
    """A colour and a shape that no thing has together; each may be there on its own."""
    rng = np.random.default_rng([SEED, count])
    for still in stills(split, count, SEED):
        pairs = [f"{c} {s}" for c in COLOURS for s in SHAPES]
        rng.shuffle(pairs)
        yield Question(still, next(t for t in pairs if not any(means(thing, t) for thing in still.things)))


def ambiguous(split: str, count: int) -> Iterator[Question]:
    """Phrases that are true of both of two look-alikes."""
    for k, still in enumerate(stills(split, count, SEED, twin="left")):
        thing = still.things[0]
        yield Question(still, phrase(thing, [thing.colour]) if k % 2 else f"the {thing.shape}", 0)


def ask(grounder: object, questions: Iterable[Question], at_once: int = 32) -> Iterator[tuple[Question, Grounding]]:
    """Questions and the backend's answers.

    Raises:
        BackendError: the backend could not answer.
    """
    asked = list(questions)
    for start in range(0, len(asked), at_once):
        part = asked[start : start + at_once]
        frames = frames_of([q.still.image for q in part])
        answers = grounder.ground([Ground(FrameRef(frames, i), q.text) for i, q in enumerate(part)])  # type: ignore[attr-defined]
        for question, answer in zip(part, answers, strict=True):
            if isinstance(answer, Exception):
                raise answer
            yield question, answer


def frames_of(images: list[NDArray[np.uint8]]) -> Frames:
    """Pictures as the frames of a sequence."""
    import cv2

    files = {f"{i}.png": cv2.imencode(".png", image[..., ::-1])[1].tobytes() for i, image in enumerate(images)}
    return Frames(tuple(files), files.__getitem__)


def on_things(question: Question, found: Grounding) -> NDArray[np.float32]:
    """[things, words] the best score of each word among the proposals that lie on a thing (IoU > .5)."""
    scores = np.zeros((len(question.still.things), len(found.words)), np.float32)
    overlaps = iou_matrix(found.boxes, question.still.boxes)
    for k in range(len(scores)):
        scores[k] = found.scores[overlaps[:, k] > 0.5].max(0, initial=0.0)
    return scores


def margin(question: Question, found: Grounding) -> float:
    """Best score on the target less the best elsewhere."""
    overlaps = iou_matrix(found.boxes, question.still.boxes[question.target][None])[:, 0]
    best = found.scores.max(1)
    return float(best[overlaps >= 0.5].max(initial=0.0) - best[overlaps < 0.5].max(initial=0.0))


def told_apart(question: Question, found: Grounding) -> bool:
    """Whether the best proposal lies on the thing that was meant."""
    overlaps = iou_matrix(found.boxes[:1], question.still.boxes)
    return bool(overlaps.max() > 0.3 and overlaps[0].argmax() == question.target)


def word_pairs(answers: list[tuple[Question, Grounding]]) -> dict[str, float]:
    """Per kind of word: how often it scores higher on a thing that bears it than on one that does not."""
    won: dict[str, list[float]] = {name: [] for name in NAMES}
    for question, found in answers:
        scores = on_things(question, found)
        for column, word in enumerate(found.words):
            for name, kind in zip(NAMES, KINDS, strict=True):
                if word.text in kind:
                    true = [truth(thing, word.text) for thing in question.still.things]
                    yes = [scores[k, column] for k, t in enumerate(true) if t]
                    no = [scores[k, column] for k, t in enumerate(true) if t is False]
                    won[name] += [float(a > b) for a in yes for b in no]
    return {f"word scores higher where it is true, {name}": float(np.mean(w)) for name, w in won.items() if w}


def auc(high: list[float], low: list[float]) -> float:
    """How often one of ``high`` is above one of ``low``; ties count half."""
    a, b = np.array(high)[:, None], np.array(low)[None]
    return float(((a > b) + 0.5 * (a == b)).mean())


def figures(folder: Path, count: int = 400, split: str = "test", device: str = "auto") -> dict[str, float]:
    """All figures of a model, on scenes of a split; ``count`` scenes for each."""
    grounder = create("grounder", f"mm-grounding-dino:{folder}", device=device, batch_size=16)
    plain = list(ask(grounder, unique(split, count)))
    made = {
        "mean IoU, unique phrase": float(np.mean([iou_matrix(f.boxes[:1], q.still.boxes[:1])[0, 0] for q, f in plain]))
    }
    pairs = list(plain)
    for twin in TWINS:
        answers = list(ask(grounder, twins(split, count // 2, twin)))
        made[f"look-alikes told apart by {twin}"] = float(np.mean([told_apart(q, f) for q, f in answers]))
        pairs += answers
    made |= word_pairs(pairs)
    there = [float(f.scores.max()) for _, f in plain]
    gone = [float(f.scores.max()) for _, f in ask(grounder, absent(split, count))]
    made["absent against present, AUC"] = auc(there, gone)
    return made | _scores(grounder, pairs, there, gone, split, count)


def _scores(
    grounder: object,
    sound: list[tuple[Question, Grounding]],
    there: list[float],
    gone: list[float],
    split: str,
    count: int,
) -> dict[str, float]:
    """What the threshold and the loop rest on: how high scores are, and how far apart."""
    unsure = [on_things(q, f).max(1)[:2] for q, f in ask(grounder, ambiguous(split, count // 2))]
    kept = [on_things(q, f).max(1) >= THRESHOLD for q, f in sound]
    right = [k[q.target] for k, (q, _) in zip(kept, sound, strict=True)]
    wrong = [np.delete(k, q.target).any() for k, (q, _) in zip(kept, sound, strict=True)]
    return {
        f"what is meant is kept at {THRESHOLD}": float(np.mean(right)),
        f"nothing else is kept at {THRESHOLD}": 1 - float(np.mean(wrong)),
        f"both are kept at {THRESHOLD}, ambiguous phrase": float(np.mean([u.min() >= THRESHOLD for u in unsure])),
        "scores within .1, ambiguous phrase": float(np.mean([np.ptp(u) < 0.1 for u in unsure])),
        "margin above .1, unique phrase": float(np.mean([margin(q, f) > 0.1 for q, f in sound])),
        "median score, unique phrase": float(np.median(there)),
        "median score, absent phrase": float(np.median(gone)),
    }


def table(made: dict[str, float]) -> str:
    """Figures as a Markdown table, with the goal where there is one."""
    lines = ["| on unseen scenes | measured | goal |", "| --- | --- | --- |"]
    lines += [f"| {name} | {value:.3f} | {GOALS.get(name, '')} |" for name, value in made.items()]
    return "\n".join(lines)


CARD = """---
license: apache-2.0
library_name: transformers
pipeline_tag: zero-shot-object-detection
tags: [chatdesc, synthetic]
---

# A small MM-GroundingDINO for synthetic scenes

Finds coloured shapes by phrases ("small red circle on the left") in the synthetic scenes of chatdesc, and scores every
word of the phrase on every proposal. **For these synthetic scenes only, not for photographs**: it has seen nothing
else, and knows eight colours, five shapes, two sizes, four places and little more. It is there so that the neural path
of chatdesc can be tested and tried without any download.

```python
from chatdesc.backends import create

grounder = create("grounder", "mm-grounding-dino:tiny:grounder")
```

{parameters:,} parameters, stored in half precision. Trained from nothing by `python training/grounder.py`
({settings}); the input is {width} x {height} pixels, whatever the frame's size.

## Figures

Measured through the backend by the same command, on {count} scenes of the test split per figure (half as many per kind
of look-alike). A place is asked for only where it is clear: a thing's middle in the outer 35 % of the frame. Figures
about words, margins and thresholds are of unique phrases, those about look-alikes included. A phrase that is nearly
true of something (one word off) scores up to the threshold on it, now and then above.

{table}

Licence: that of chatdesc (Apache-2.0). No data of others took part.
"""


def write_card(folder: Path, made: dict[str, float], count: int, settings: dict[str, int]) -> None:
    """The model's card: what it is for, how it was made, what it achieves."""
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "np") as weights:
        parameters = sum(int(np.prod(weights.get_slice(name).get_shape())) for name in weights.keys())  # noqa: SIM118
    said = ", ".join(f"{name} {value}" for name, value in settings.items())
    text = CARD.format(parameters=parameters, settings=said, width=WIDTH, height=HEIGHT, count=count, table=table(made))
    (folder / "README.md").write_text(text, encoding="utf-8")
