"""Pictures for the small LLaVA, rendered once, and batches of conversations about them.

``Pool.rendered("train", 10000, processor, work=folder)`` holds ``pixels`` [N, 3, H, W], RGB, and ``facts`` [N, 5, 7];
FACTS names the seven facts of a thing. One picture serves several conversations in one pass: ``Talks`` packs them one
behind the other, each attending to the picture and itself, at the positions that it would have alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from vlm_model import GRID, WORDS, fixed_lines

from chatdesc.region import show
from chatdesc.synthetic import CANVAS, COLOURS, PLACES, SIZES, Still, Thing, stills
from chatdesc.vocabulary import SHAPES

FACTS = ("colour", "shape", "size", "x", "y", "width", "height")  # names' numbers, then the box in pixels of the frame
MOST_THINGS = 5
NAMES = (list(COLOURS), list(SHAPES), list(SIZES))
ABSENT = -1
TARGETS = 2  # of each scene, one picture each
IGNORED = -100
SECTIONS = ("A grounding model was asked", "Words that found", "Words that led", "Tried before")
NEGATIVE = 2


@dataclass(frozen=True, slots=True)
class Pool:
    """``pixels`` [N, 3, side, side] uint8, ``facts`` [N, 5, 7] (ABSENT where there is no thing), ``target`` [N]."""

    pixels: NDArray[np.uint8]
    facts: NDArray[np.float32]
    target: NDArray[np.int64]

    @classmethod
    def rendered(cls, split: str, scenes: int, processor: Any, work: Path, seed: int = 0) -> Pool:
        """The pool kept in ``work``, or a new one."""
        parts = [work / f"vlm-{split}-{scenes}-{seed}-{name}.npy" for name in cls.__slots__]
        if not all(part.is_file() for part in parts):
            made = cls.render(split, scenes, processor, seed)
            work.mkdir(parents=True, exist_ok=True)
            for part, name in zip(parts, cls.__slots__, strict=True):
                np.save(part, getattr(made, name))
        return cls(*(np.load(part, mmap_mode="r" if name == "pixels" else None)
                     for part, name in zip(parts, cls.__slots__, strict=True)))  # fmt: skip

    @classmethod
    def render(cls, split: str, scenes: int, processor: Any, seed: int = 0) -> Pool:
        """Every fourth scene has two things that only their places tell apart."""
        pixels, facts, target = [], [], []
        for i in range(scenes):
            [still] = stills(split, 1, seed, start=i, twin=list(PLACES)[i // 4 % 4] if i % 4 == 0 else "")
            order = np.random.default_rng([3, seed, i]).permutation(len(still.things))
            for chosen in order[:TARGETS]:
                pixels.append(picture(still, int(chosen), processor))
                facts.append(facts_of(still))
                target.append(int(chosen))
        return cls(np.stack(pixels), np.stack(facts), np.array(target, np.int64))

    def things(self, i: int, mirrored: bool = False) -> list[Thing]:
        """What is in picture ``i``, as the generator speaks of it."""
        return [_thing(row, mirrored) for row in self.facts[i] if row[0] != ABSENT]


def picture(still: Still, target: int, processor: Any) -> NDArray[np.uint8]:
    """[3, side, side]: what the backend shows of a still, at the size to which the processor brings it."""
    shown = show(still.image, still.boxes[target], "box")
    made = processor.image_processor(images=shown, do_normalize=False, do_rescale=False, return_tensors="np")
    return np.asarray(made["pixel_values"][0], np.uint8)


def facts_of(still: Still) -> NDArray[np.float32]:
    rows = np.full((MOST_THINGS, len(FACTS)), ABSENT, np.float32)
    for row, thing, box in zip(rows, still.things, still.boxes, strict=False):
        words = (thing.colour, thing.shape, thing.size)
        row[:] = [*(names.index(word) for names, word in zip(NAMES, words, strict=True)), *box]
    return rows


def _thing(row: NDArray[np.float32], mirrored: bool) -> Thing:
    colour, shape, size = (names[int(number)] for names, number in zip(NAMES, row, strict=False))
    x, y, w, h = (float(v) for v in row[3:])
    centre = (CANVAS[0] - x - w / 2 if mirrored else x + w / 2, y + h / 2)
    return Thing(colour, shape, size, w / 2, centre, (0.0, 0.0), (0.0, 0.0), 0.0, COLOURS[colour])


def cell_labels(facts: NDArray[np.float32], target: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """What each cell of the tower's grid is to say, and how much that counts.

    Args:
        facts, target: as in Pool, for n pictures.

    Returns:
        [n, 6, cells]: colour, shape, size, whether it is the target, place across and down, each from 1 on, 0 where
        the cell has no thing; and [n, cells], most where a thing's centre is.
    """
    n = len(facts)
    labels, best = np.zeros((n, 6, GRID, GRID), np.int64), np.full((n, GRID, GRID), 0.3, np.float32)
    weights = np.full((n, GRID, GRID), 0.1, np.float32)
    edges = np.arange(GRID, dtype=np.float32)
    for q in range(facts.shape[1]):
        here = facts[:, q, 0] != ABSENT
        x, w = (facts[:, q, k, None] / CANVAS[0] * GRID for k in (3, 5))
        y, h = (facts[:, q, k, None] / CANVAS[1] * GRID for k in (4, 6))
        across = np.clip(np.minimum(edges + 1, x + w) - np.maximum(edges, x), 0, 1)
        down = np.clip(np.minimum(edges + 1, y + h) - np.maximum(edges, y), 0, 1)
        cx, cy = ((v + s / 2)[:, 0] for v, s in ((x, w), (y, h)))
        middle = (np.floor(cy)[:, None, None] == edges[None, :, None]) & (np.floor(cx)[:, None, None] == edges)
        share = down[:, :, None] * across[:, None, :] + middle
        mine = (share > best) & here[:, None, None]
        best[mine] = share[mine]
        places = [1 + (c / GRID >= 0.35) + (c / GRID > 0.65) for c in (cx, cy)]
        said = [*(facts[:, q, k] + 1 for k in range(3)), 1 + (target == q), *places]
        for k, values in enumerate(said):
            labels[:, k][mine] = np.broadcast_to(values[:, None, None], mine.shape)[mine]
        weights[mine] = 0.5
        weights[mine & middle] = 2.0
    return labels.reshape(n, 6, -1), weights.reshape(n, -1)


def mirror(facts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Facts of pictures seen in a mirror."""
    turned = facts.copy()
    turned[..., 3] = np.where(facts[..., 0] == ABSENT, ABSENT, CANVAS[0] - facts[..., 3] - facts[..., 5])
    return turned


@dataclass(frozen=True, slots=True)
class Talks:
    """Packed conversations.

    ``ids``, ``positions``, ``labels`` [B, L]; ``weights`` [B, L], 1 where the answer's text is to be said; ``mask``
    [B, 1, L, L]; ``sections`` [B, L]: of a word in a prompt, which of SECTIONS it stands in; ``negative``
    [B, L, WORDS]: the words that led elsewhere, at every token of their conversation.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    mask: torch.Tensor
    sections: torch.Tensor
    negative: torch.Tensor


class Packer:
    """Prompts and answers as ids, in the form of the processor's chat template."""

    def __init__(self, tokenizer: Any, background_weight: float = 0.5) -> None:
        self.words = tokenizer
        ids = tokenizer.convert_tokens_to_ids
        self.head = [ids("<s>")] + [ids("<image>")] * (GRID * GRID)
        self.turn, self.end = [ids("</s>"), ids("<answer>")], ids("</s>")
        self.background_weight = background_weight
        self.names = {ids(word): k for k, word in enumerate(WORDS)}
        starts = [line for name in SECTIONS for line in fixed_lines() if line.startswith(name)]
        self.sections = {ids(line): k for k, line in enumerate(starts)} | {self.encode("\n")[0]: IGNORED}

    def encode(self, text: str) -> list[int]:
        return list(self.words.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    def part(self, prompt: str, answer: str) -> tuple[list[int], list[int], list[float]]:
        """A conversation behind the picture: ids, labels (of the next token) and their weights."""
        asked, said = self.encode(prompt) + self.turn, [*self.encode(answer), self.end]
        text = len(self.encode(answer[: answer.index('", "background"')])) + 1
        labels = [IGNORED] * (len(asked) - 1) + said + [IGNORED]
        weights = [1.0] * text + [self.background_weight] * (len(said) - text)
        return asked + said, labels, [0.0] * (len(asked) - 1) + weights + [0.0]

    def sections_of(self, asked: list[int]) -> list[int]:
        """For every token of a prompt the section it stands in, if it is a word."""
        found, here = [], IGNORED
        for token in asked:
            here = self.sections.get(token, here)
            found.append(here if token in self.names else IGNORED)
        return found

    def pack(self, talks: Sequence[Sequence[tuple[str, str]]]) -> Talks:
        """For each picture its (prompt, answer) pairs."""
        parts = [[self.part(*pair) for pair in pairs] for pairs in talks]
        first = len(self.head)
        length = first + max(sum(len(ids) for ids, _, _ in row) for row in parts)
        shape = (len(parts), length)
        ids, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        labels, weights = np.full(shape, IGNORED), np.zeros(shape, np.float32)
        sections, negative = np.full(shape, IGNORED), np.zeros((*shape, len(WORDS)), np.float32)
        owner = np.full(shape, -1)  # which conversation a token belongs to; 0: the picture, -1: padding
        for b, row in enumerate(parts):
            ids[b, :first], positions[b, :first], owner[b, :first] = self.head, np.arange(first), 0
            at = first
            for k, (tokens, aims, counts) in enumerate(row):
                span = slice(at, at + len(tokens))
                ids[b, span], labels[b, span], weights[b, span] = tokens, aims, counts
                positions[b, span], owner[b, span] = first + np.arange(len(tokens)), k + 1
                sections[b, span] = self.sections_of(tokens)
                named = [self.names[t] for t, s in zip(tokens, sections[b, span], strict=True) if s == NEGATIVE]
                negative[b, span][:, named] = 1
                at += len(tokens)
        sees = (owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None])
        mask = sees & np.tri(length, dtype=bool)
        return Talks(
            *(torch.from_numpy(a) for a in (ids, positions, labels, weights, mask[:, None], sections, negative))
        )
