"""The stages in which the small LLaVA learns: to see, to speak, and to speak of what it sees.

- ``see``: the tower learns, cell by cell of its grid, what is there and whether the green box is around it.
- ``speak``: the language model learns the conversations with symbols in the place of pictures: each cell's
  attributes, as the facts have them. That needs no pictures, and words named as leading elsewhere are learned early.
- ``link``: the projector learns to turn what the tower sees into those symbols.
- ``both``: everything together, on pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from vlm_data import NAMES, SECTIONS, Packer, Pool, Talks, cell_labels, mirror
from vlm_model import GRID, MEAN, STD, WIDTH, WORDS
from vlm_talk import ask, feedback, repair, reply

from chatdesc.synthetic import CANVAS

CLASSES = (*(len(names) + 1 for names in NAMES), 3, 4, 4)  # of a cell: see ``cell_labels``
SYMBOLS = 4  # the first so many of them are told to the language model; places it is to read from the order of cells
SHAPE = 1
PLACES = 3  # across or down: at the one side, in between, at the other
SHARED = [kinds for count in (1, 2, 3) for kinds in combinations(range(3), count)]  # out of colour, shape, size
CELLS_COUNT, STEPS_COUNT = 0.3, 0.3  # of the helping losses, beside that of the answers
Batch = tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]  # picture numbers, whether mirrored, targets


class Student(nn.Module):
    """The LLaVA with what it needs for learning alone: heads on the tower and the language model, and symbols.

    The heads of the language model are asked for the steps towards an answer: in which part of the prompt a word
    stands and which words led elsewhere; which column and row a cell is, and where the target is; which of its colour,
    shape and size another thing shares. Without them it is long before these are used at all: neither the tower nor the
    order of the cells says plainly where something is, and look-alikes are rare.
    """

    def __init__(self, llava: Any) -> None:
        super().__init__()
        self.llava = llava
        self.heads = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, sum(CLASSES)))
        self.symbols = nn.Linear(sum(CLASSES[:SYMBOLS]), WIDTH)
        nn.init.normal_(self.symbols.weight, std=0.1)
        self.sections = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(SECTIONS)))
        self.negative = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(WORDS)))
        self.where = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * GRID))
        self.places = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 2 * PLACES))
        self.alike = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, len(SHARED)))

    @property
    def helpers(self) -> tuple[nn.Module, ...]:
        """The language model's heads."""
        return self.sections, self.negative, self.where, self.places, self.alike

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

    def say(
        self,
        cells: torch.Tensor,
        talks: Talks,
        places: torch.Tensor | None = None,
        alike: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Mean loss of the answers, and to look at or learn from: the steps' loss, the share of right tokens.

        ``places`` [B, 2]: the targets' places across and down, 0 to 2. ``alike`` [B, 7]: for each of SHARED, 1 if
        another thing has these in common with the target. What is not given is not asked for.
        """
        speaker, counted = self.llava.model.language_model, talks.labels >= 0
        words = speaker.embed_tokens(talks.ids)
        states = speaker(
            inputs_embeds=torch.cat([words[:, :1], cells, words[:, 1 + cells.shape[1] :]], 1),
            attention_mask=talks.mask,
            position_ids=talks.positions,
            use_cache=False,
            output_hidden_states=True,
        )
        logits = self.llava.lm_head(states.last_hidden_state[counted])
        labels, weights = talks.labels[counted], talks.weights[counted]
        loss = (functional.cross_entropy(logits, labels, reduction="none") * weights).sum() / weights.sum()
        right = (logits.argmax(-1) == labels)[weights == 1].float().mean()
        figures = {"steps": self._steps(states.hidden_states, talks), "tokens": right}
        if places is not None:
            figures["where"] = self._where(states.hidden_states, talks, places)
        if alike is not None:
            figures["alike"] = self._alike(states.hidden_states, talks, alike)
        return loss, figures

    def _steps(self, states: tuple[torch.Tensor, ...], talks: Talks) -> torch.Tensor:
        """Loss of the heads in the middle of the language model, on its second and third layer."""
        told, text = talks.sections >= 0, talks.weights == 1
        named = self.negative(states[3][text])
        loss = functional.binary_cross_entropy_with_logits(named, talks.negative[text], reduction="none").sum(-1).mean()
        if told.any():
            loss = loss + functional.cross_entropy(self.sections(states[2][told]), talks.sections[told])
        return loss

    def _alike(self, states: tuple[torch.Tensor, ...], talks: Talks, alike: torch.Tensor) -> torch.Tensor:
        """Loss of the head for what look-alikes share, on the third layer."""
        text = talks.weights == 1
        rows = torch.arange(len(alike), device=alike.device)[:, None].expand_as(text)[text]
        said = self.alike(states[3][text])
        return functional.binary_cross_entropy_with_logits(said, alike[rows], reduction="none").sum(-1).mean()

    def _where(self, states: tuple[torch.Tensor, ...], talks: Talks, places: torch.Tensor) -> torch.Tensor:
        """Loss of the heads for columns and rows, on the second layer, and for the targets' places, on the third."""
        batch, count = len(places), GRID * GRID
        cells = torch.arange(count, device=places.device).expand(batch, -1)
        loss = torch.zeros((), device=places.device)
        said = self.where(states[2][:, 1 : 1 + count]).split(GRID, -1)
        for logits, wanted in zip(said, (cells % GRID, cells // GRID), strict=True):
            loss = loss + functional.cross_entropy(logits.flatten(0, 1), wanted.flatten())
        text = talks.weights == 1
        rows = torch.arange(batch, device=places.device)[:, None].expand_as(text)[text]
        for k, logits in enumerate(self.places(states[3][text]).split(PLACES, -1)):
            loss = loss + functional.cross_entropy(logits, places[rows, k])
        return loss


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
        talks = self._talks(batch, rng, step)
        loss, figures = self.student.say(self.student.symbolic(labels), talks, alike=self._alike(batch))
        return loss + STEPS_COUNT * (figures["steps"] + figures["alike"]), _logged(loss, figures)

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
        talks = self._talks(batch, rng, self.steps)
        loss, figures = self.student.say(self.student.project(seen), talks, self._places(batch), self._alike(batch))
        helping = CELLS_COUNT * cells + STEPS_COUNT * (figures["steps"] + figures["where"] + figures["alike"])
        return loss + helping, _logged(loss, figures) | right

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

    def _alike(self, batch: Batch) -> torch.Tensor:
        """[B, 7]: 1 where another thing has in common with the target what SHARED says."""
        chosen, _, targets = batch
        facts = self.pool.facts[chosen, :, :3]
        same = facts == self.pool.facts[chosen, targets, None, :3]
        same[np.arange(len(chosen)), targets] = False
        shared = [same[..., kinds].all(-1).any(-1) for kinds in map(list, SHARED)]
        return torch.from_numpy(np.stack(shared, -1).astype(np.float32)).to(self.device)

    def _places(self, batch: Batch) -> torch.Tensor:
        """[B, 2]: 0 for left or top, 1 in between, 2 for right or bottom."""
        chosen, mirrored, targets = batch
        boxes = self.pool.facts[chosen, targets, 3:]
        centres = (boxes[:, :2] + boxes[:, 2:] / 2) / CANVAS
        centres[mirrored, 0] = 1 - centres[mirrored, 0]
        return torch.from_numpy((centres >= 0.35).astype(np.int64) + (centres > 0.65)).to(self.device)

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
        """Two conversations about each picture, most with feedback; one negative word at a time at first."""
        most = 1 if step < self.steps * 0.3 else 3
        mending = rng.random() < 0.04
        talks = []
        for i, mirrored, target in zip(*batch, strict=True):
            things, t = self.pool.things(int(i), bool(mirrored)), int(target)
            first = ask() if rng.random() < 0.3 else feedback(rng, things, t, most)
            requests = [first, feedback(rng, things, t, most)]
            pairs = [(request.prompt, reply(things, t, request)) for request in requests]
            talks.append([repair(rng, things, t)] if mending else pairs)
        packed = self.packer.pack(talks)
        return Talks(*(getattr(packed, name).to(self.device) for name in Talks.__slots__))


def _logged(loss: torch.Tensor, figures: dict[str, torch.Tensor]) -> dict[str, float]:
    return {"said": float(loss.detach())} | {name: float(value.detach()) for name, value in figures.items()}


def learning(student: Student, stage: str, lr: float) -> list[dict[str, Any]]:
    """Which parameters learn in a stage, and how fast."""
    model = student.llava.model
    tower = [*student.tower.parameters(), *student.heads.parameters()]
    projector = list(model.multi_modal_projector.parameters())
    words = [p for part in (model.language_model, *student.helpers) for p in part.parameters()]
    groups: dict[str, list[dict[str, Any]]] = {
        "see": [{"params": tower}],
        "speak": [{"params": [*words, *student.symbols.parameters()]}],
        "link": [{"params": projector}],
        "both": [{"params": [*words, *projector]}, {"params": tower, "lr": lr * 0.5}],
    }
    return groups[stage]
