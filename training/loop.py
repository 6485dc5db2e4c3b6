"""One training loop for all recipes: seeded, counted in steps, resumable.

``train(name, model, loss, Schedule(steps=2000, lr=1e-3), work=folder)`` calls ``loss(step, rng)`` in every step, which
gives the loss and figures for the log. The data of step k come from ``generator(seed, k)`` alone, so a run that was
interrupted and resumed ends as one that was not.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

Loss = Callable[[int, np.random.Generator], tuple[torch.Tensor, dict[str, float]]]
CHECKPOINT_EVERY = 250
LOG_EVERY = 50


@dataclass(frozen=True, slots=True)
class Schedule:
    """Learning rate: warm-up, a plateau until ``hold``, then a cosine down to ``floor`` of it."""

    steps: int
    lr: float = 1e-3
    warmup: int = 100
    hold: float = 0.15
    floor: float = 0.02
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 5.0

    def factor(self, step: int) -> float:
        done = max(0.0, (step / max(self.steps, 1) - self.hold) / (1 - self.hold))
        return min(1.0, (step + 1) / self.warmup) * max(self.floor, 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def generator(seed: int, step: int) -> np.random.Generator:
    """The random numbers of one step."""
    return np.random.default_rng([7, seed, step])


def pick_device(device: str = "auto") -> str:
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


def train(
    name: str,
    model: torch.nn.Module,
    loss: Loss,
    schedule: Schedule,
    *,
    work: Path,
    seed: int = 0,
    groups: list[dict[str, Any]] | None = None,
    until: int | None = None,
    each: Callable[[int], None] | None = None,
) -> list[float]:
    """Train ``model`` in place, going on from the checkpoint in ``work`` where there is one.

    Args:
        loss: step and its random numbers -> loss and figures to log.
        groups: AdamW's parameter groups; a group's ``lr`` is its own peak. All parameters that learn, if None.
        until: stop after this step, with a checkpoint, as if interrupted.
        each: called after every checkpoint, to export or to evaluate.

    Returns:
        The losses of the steps that were made here.

    Raises:
        ValueError: the checkpoint is one of another schedule or seed.
    """
    groups = groups or [{"params": [p for p in model.parameters() if p.requires_grad]}]
    for group in groups:
        group.setdefault("lr", schedule.lr)
        group["peak"] = group["lr"]
    optimiser = torch.optim.AdamW(groups, lr=schedule.lr, betas=schedule.betas, weight_decay=schedule.weight_decay)
    checkpoint = work / f"{name}.pt"
    first = resume(checkpoint, model, optimiser, schedule, seed)
    last = min(schedule.steps, schedule.steps if until is None else until)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    losses: list[float] = []
    progress = Progress(name, first, schedule.steps)
    model.train()
    for step in range(first, last):
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * schedule.factor(step)
        torch.manual_seed(seed * 1_000_003 + step)
        value, figures = loss(step, generator(seed, step))
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, schedule.clip)
        optimiser.step()
        losses.append(float(value.detach()))
        progress.add(losses[-1], figures)
        if (step + 1) % LOG_EVERY == 0 or step + 1 == last:
            progress.show(step + 1)
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == last:
            save(checkpoint, model, optimiser, schedule, seed, step + 1)
            if each:
                each(step + 1)
                model.train()
    model.eval()
    return losses


def save(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, schedule: Schedule, seed: int, step: int
) -> None:
    """Write a checkpoint; a kill in the middle leaves the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "run": _run(schedule, seed),
    }
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def resume(path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, schedule: Schedule, seed: int) -> int:
    """Load a checkpoint, if there is one, and return the step to go on from."""
    if not path.is_file():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["run"] != _run(schedule, seed):
        raise ValueError(f"{path} is of another run ({state['run']}); delete it or name another --work folder")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _run(schedule: Schedule, seed: int) -> str:
    return f"seed {seed}, {schedule}"


class Progress:
    """One line every so often: losses averaged since the last one, speed, time left."""

    def __init__(self, name: str, first: int, steps: int) -> None:
        self.name, self.first, self.steps = name, first, steps
        self.began = time.monotonic()
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, loss: float, figures: dict[str, float]) -> None:
        self.count += 1
        for key, value in {"loss": loss, **figures}.items():
            self.sums[key] = self.sums.get(key, 0.0) + float(value)

    def show(self, step: int) -> None:
        speed = (step - self.first) / max(time.monotonic() - self.began, 1e-9)
        left = round((self.steps - step) / speed)
        means = "  ".join(f"{key} {value / self.count:.3f}" for key, value in self.sums.items())
        print(
            f"{self.name}  {step}/{self.steps}  {means}  {speed:.2f} steps/s  {left // 60}:{left % 60:02d} left",
            flush=True,
        )
        self.sums, self.count = {}, 0
