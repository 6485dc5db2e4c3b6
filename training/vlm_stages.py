"""The stages in which the small LLaVA learns: to see, to speak, and to speak of what it sees.

- ``see``: the tower learns, cell by cell of its grid, what is there and whether the green box is around it.
- ``speak``: the language model learns the conversations with symbols in the place of pictures: each cell's
  attributes, as the facts have them. That needs no pictures, and words named as leading elsewhere are learned early.
- ``link``: the projector learns to turn what the tower sees into those symbols.
- ``both``: everything together, on pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from vlm_data import NAMES, Packer, Pool, Talks, cell_labels, mirror
from vlm_model import MEAN, STD, WIDTH
from vlm_talk import ask, feedback, repair, reply

CLASSES = (*(len(names) + 1 for names in NAMES), 3, 4, 4)  # of a cell: see ``cell_labels``
SYMBOLS = 4  # the first so many of them are told to the language model; places it is to read from the order of cells
SHAPE = 1
Batch = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]  # picture numbers, whether mirrored, targets


class Student(nn.Module):
    """The LLaVA with what it needs for learning alone: heads on the tower, and symbols."""

    def __init__(self, llava: Any) -> None:
        super().__init__()
        self.llava = llava
        self.heads = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, sum(CLASSES)))
        self.symbols = nn.Linear(sum(CLASSES[:SYMBOLS]), WIDTH)
        nn.init.normal_(self.symbols.weight, std=0.1)

    @property
    def tower(self) -> Any:
        return self.llava.model.vision_tower

    def see(self, pixels: torch.Tensor) -> torch.Tensor:
        """[B, cells, WIDTH] of pictures [B, 3, side, side] uint8."""
        seen = self.tower(pixel_values=(pixels.float() / 255 - MEAN) / STD, output_hidden_states=True)
        return seen.hidden_states[self.llava.config.vision_feature_layer]

    def project(self, seen: torch.Tensor) -> torch.Tensor:
        return self.llava.model.multi_modal_projector(seen)

    def symbolic(self, labels: torch.Tensor) -> torch.Tensor:
        """[B, cells, WIDTH] of cell labels [B, 6, cells]."""
        hot = [functional.one_hot(labels[:, k], CLASSES[k]) for k in range(SYMBOLS)]
        return self.symbols(torch.cat(hot, -1).float())

    def say(self, cells: torch.Tensor, talks: Talks) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean loss of the answers, and the share of tokens that would have been right."""
        speaker, counted = self.llava.model.language_model, talks.labels >= 0
        first, count = 1, cells.shape[1]
        words = speaker.embed_tokens(talks.ids)
        inputs = torch.cat([words[:, :first], cells, words[:, first + count :]], 1)
        states = speaker(
            inputs_embeds=inputs, attention_mask=talks.mask, position_ids=talks.positions, use_cache=False
        ).last_hidden_state
        logits, labels, weights = self.llava.lm_head(states[counted]), talks.labels[counted], talks.weights[counted]
        loss = (functional.cross_entropy(logits, labels, reduction="none") * weights).sum() / weights.sum()
        return loss, (logits.argmax(-1) == labels).float().mean()


@dataclass(slots=True)
class Lessons:
    """The losses of the stages, on ``size`` pictures a step (twice as many where there is no text)."""

    student: Student
    pool: Pool
    packer: Packer
    device: str
    steps: int
    size: int = 32

    def see(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        batch = self._batch(rng, 2 * self.size)
        loss, right = self._cells(self.student.see(self._pixels(batch)), batch)
        return loss, right

    def speak(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        batch = self._batch(rng, self.size, anything=True)
        labels, _ = self._labels(batch)
        loss, right = self.student.say(self.student.symbolic(labels), self._talks(batch, rng, step))
        return loss, {"tokens": float(right)}

    def link(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        self.student.tower.eval()
        batch = self._batch(rng, self.size)
        labels, weights = self._labels(batch)
        with torch.no_grad():
            seen, wanted = self.student.see(self._pixels(batch)), self.student.symbolic(labels)
        error = (self.student.project(seen) - wanted).square().sum(-1)
        return (error * weights).sum() / weights.sum(), {}

    def both(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        for part in self.student.tower.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.eval()  # as it will be used; LeViT as a whole keeps old attention biases when it is not training
        batch = self._batch(rng, self.size)
        seen = self.student.see(self._pixels(batch))
        cells, right = self._cells(seen, batch)
        loss, tokens = self.student.say(self.student.project(seen), self._talks(batch, rng, self.steps))
        return loss + 0.3 * cells, {"said": float(loss.detach()), "tokens": float(tokens), **right}

    def _batch(self, rng: np.random.Generator, size: int, anything: bool = False) -> Batch:
        """Pictures of the pool; with ``anything`` any thing of a scene is the target, not the boxed one alone."""
        chosen = rng.integers(0, len(self.pool.target), size)
        targets = self.pool.target[chosen]
        if anything:
            counts = (self.pool.facts[chosen, :, 0] >= 0).sum(1)
            targets = rng.integers(0, counts)
        return chosen, rng.random(size) < 0.5, targets

    def _pixels(self, batch: Batch) -> torch.Tensor:
        chosen, mirrored, _ = batch
        pixels = [self.pool.pixels[i] for i in chosen]
        pixels = [p[..., ::-1] if turned else p for p, turned in zip(pixels, mirrored, strict=True)]
        return torch.from_numpy(np.stack(pixels)).to(self.device)

    def _labels(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        chosen, mirrored, targets = batch
        facts = self.pool.facts[chosen]
        facts = np.where(mirrored[:, None, None], mirror(facts), facts)
        labels, weights = cell_labels(facts, targets)
        return torch.from_numpy(labels).to(self.device), torch.from_numpy(weights).to(self.device)

    def _cells(self, seen: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """Loss of the heads, shapes counting most, and how often they are right where things have their centre."""
        labels, weights = self._labels(batch)
        said = self.student.heads(seen).split(CLASSES, -1)
        losses = [
            functional.cross_entropy(s.transpose(1, 2), labels[:, k], reduction="none") for k, s in enumerate(said)
        ]
        loss = sum((one * weights).sum() * (3 if k == SHAPE else 1) for k, one in enumerate(losses)) / weights.sum()
        centre = weights > 1
        right = {
            name: float((said[k].argmax(-1) == labels[:, k])[centre].float().mean())
            for k, name in enumerate(("colour", "shape", "size", "target"))
        }
        return loss, right

    def _talks(self, batch: Batch, rng: np.random.Generator, step: int) -> Talks:
        """A first description and two with feedback of each picture; one negative word at a time at first."""
        most = 1 if step < self.steps * 0.3 else 3
        mending = rng.random() < 0.04
        talks = []
        for i, mirrored, target in zip(*batch, strict=True):
            things, t = self.pool.things(int(i), bool(mirrored)), int(target)
            requests = [ask(), feedback(rng, things, t, most), feedback(rng, things, t, most)]
            pairs = [(request.prompt, reply(things, t, request)) for request in requests]
            talks.append([repair(rng, things, t)] if mending else pairs)
        packed = self.packer.pack(talks)
        return Talks(*(getattr(packed, name).to(self.device) for name in Talks.__slots__))


def learning(student: Student, stage: str, lr: float) -> list[dict[str, Any]]:
    """Which parameters learn in a stage, and how fast."""
    model = student.llava.model
    tower = [*student.tower.parameters(), *student.heads.parameters()]
    words, projector = list(model.language_model.parameters()), list(model.multi_modal_projector.parameters())
    groups: dict[str, list[dict[str, Any]]] = {
        "see": [{"params": tower}],
        "speak": [{"params": [*words, *student.symbols.parameters()]}],
        "link": [{"params": projector}],
        "both": [{"params": [*words, *projector]}, {"params": tower, "lr": lr * 0.5}],
    }
    return groups[stage]
