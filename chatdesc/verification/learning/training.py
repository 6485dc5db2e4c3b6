"""Training of a learned verifier on recorded evidence: seeded, resumable, stopped where validation gets no better.

    loss = cross-entropy of the choice + binary cross-entropy of *none* + squared error of the overlap

The choice is towards softmax(IoU / .1), and counts in a key frame by what there is to gain: best less mean IoU. What is
validated and kept is a moving average of the weights: single epochs differ more than the ways to train.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from chatdesc.atomic import write_atomic
from chatdesc.evidence import Evidence
from chatdesc.verification.figures import Judged
from chatdesc.verification.learning.choosing import choose_among, tokens
from chatdesc.verification.learning.examples import Examples
from chatdesc.verification.learning.networks import NETWORKS, Linear, Scores, SetEncoder

TEMPERATURE = 0.1  # of the overlaps that a choice is taught
KEPT = 0.995  # what the moving average keeps of itself in a step; less in the first ones
STATE = "state.safetensors"

Network = Linear | SetEncoder


@dataclass(frozen=True, slots=True)
class Plan:
    """How a verifier is trained.

    Attributes:
        kind: ``set`` or ``linear``.
        epochs: at most; ``patience``: epochs without a better one after which it stops.
        batch: key frames per step.
        lr, weight_decay: AdamW's, the rate falling along a cosine.
        seed: of the first weights, the order and the key frames that are met again.
    """

    kind: str = "set"
    epochs: int = 12
    patience: int = 4
    batch: int = 128
    lr: float = 1.5e-3
    weight_decay: float = 1e-2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """The validation after an epoch; shares as in ``figures``. ``score`` decides which epoch is kept."""

    epoch: int
    loss: float
    share: float
    lost: float
    none_auc: float
    calibration: float

    @property
    def score(self) -> float:
        """The mean of the figures that the validation defines; 0 where it defines none."""
        known = [v for v in (self.share, self.lost, self.none_auc) if not np.isnan(v)]
        return float(np.mean(known)) if known else 0.0


@dataclass(slots=True)
class Trained:
    """A network in evaluation mode, and its epochs; ``best`` is the one whose weights it has."""

    network: Network
    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best(self) -> Epoch:
        return max(self.epochs, key=lambda e: e.score)


def fit(
    train: Sequence[Evidence],
    validation: Sequence[Evidence],
    plan: Plan,
    work: Path | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> Trained:
    """Train a network; go on from ``work`` where a training with the same plan was stopped there.

    Args:
        train, validation: evidence with its truth, of different sequences.
        work: a folder for the state after each epoch.
    """
    examples, seen = Examples.of(train, plan.seed), tokens(validation)
    torch.manual_seed(plan.seed)
    network = NETWORKS[plan.kind]()
    optimizer = torch.optim.AdamW(network.parameters(), plan.lr, weight_decay=plan.weight_decay)
    smooth = copy.deepcopy(network)
    done = Trained(smooth)
    best = copy.deepcopy(smooth.state_dict())
    if work is not None:
        best = _resume(work, plan, network, smooth, optimizer, done.epochs) or best
    for number in range(len(done.epochs), plan.epochs):
        if done.epochs and number - done.best.epoch >= plan.patience:
            break
        loss = _epoch(network, smooth, optimizer, examples, plan, number)
        epoch = _validated(smooth, validation, seen, number + 1, loss)
        done.epochs.append(epoch)
        if done.best is epoch:
            best = copy.deepcopy(smooth.state_dict())
        if work is not None:
            _save(work, plan, {"now": network, "smooth": smooth}, best, optimizer, done.epochs)
        on_epoch(epoch)
    smooth.load_state_dict(best)
    smooth.eval()
    return done


def _validated(
    network: Network, evidence: Sequence[Evidence], seen: tuple[Tensor, Tensor], number: int, loss: float
) -> Epoch:
    """The figures of a network on evidence that it did not learn from, and its ``tokens``."""
    network.eval()
    judged = Judged.of(evidence, choose_among(network, *seen))
    return Epoch(number, loss, judged.share(), judged.share(judged.lost), judged.none_auc(), judged.calibration())


def loss_of(scores: Scores, examples: Examples) -> Tensor:
    """The mean loss of a batch."""
    seen = examples.overlap.amax(1) > 0
    none = functional.binary_cross_entropy_with_logits(scores.none, examples.none)
    if not seen.any():
        return none
    present, overlap = examples.present[seen], examples.overlap[seen]
    wanted = (overlap / TEMPERATURE).masked_fill(~present, -torch.inf).softmax(1)
    logs = scores.target[seen].log_softmax(1).masked_fill(~present, 0)
    gain = overlap.amax(1) - overlap.sum(1) / present.sum(1)
    choice = -(gain * (wanted * logs).sum(1)).sum() / gain.sum().clamp_min(1e-6)
    error = ((scores.overlap[seen] - overlap) ** 2)[present].mean()
    return choice + none + error


def _epoch(
    network: Network, smooth: Network, optimizer: torch.optim.Optimizer, examples: Examples, plan: Plan, number: int
) -> float:
    """One pass; its order and dropout come from seed and number alone, so that a resumed training is the same."""
    network.train()
    torch.manual_seed(1000 * plan.seed + number)
    order, losses = torch.randperm(len(examples)).split(plan.batch), []
    for step, rows in enumerate(order):
        part = (number + step / len(order)) / plan.epochs
        for group in optimizer.param_groups:
            group["lr"] = plan.lr * max(0.02, 0.5 * (1 + np.cos(np.pi * part)))
        batch = examples.rows(rows)
        loss = loss_of(network(batch.tokens, batch.present), batch)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        taken = number * len(order) + step
        share = max(1 - KEPT, 9 / (10 + taken))
        with torch.no_grad():
            for kept, now in zip(smooth.parameters(), network.parameters(), strict=True):
                kept.lerp_(now, share)
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _save(
    work: Path, plan: Plan, networks: dict[str, Network], best: dict[str, Tensor], optimizer: Any, epochs: list[Epoch]
) -> None:
    state = {f"{name}.{k}": v for name, network in networks.items() for k, v in network.state_dict().items()}
    state |= {f"best.{k}": v for k, v in best.items()}
    for number, values in optimizer.state_dict()["state"].items():
        state |= {f"adam.{number}.{k}": v for k, v in values.items()}
    progress = json.dumps({"plan": asdict(plan), "epochs": [asdict(e) for e in epochs]})
    write_atomic(work / STATE, save({k: v.clone() for k, v in state.items()}, {"progress": progress}))


def _resume(
    work: Path, plan: Plan, network: Network, smooth: Network, optimizer: Any, epochs: list[Epoch]
) -> dict[str, Tensor] | None:
    """Load the state of a training with the same plan; the best weights so far, or None."""
    if not (work / STATE).exists():
        return None
    with safe_open(work / STATE, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if progress["plan"] != asdict(plan):
        return None
    network.load_state_dict(_part(state, "now."))
    smooth.load_state_dict(_part(state, "smooth."))
    adam: dict[int, dict[str, Tensor]] = {}
    for name, value in state.items():
        if name.startswith("adam."):
            _, number, key = name.split(".", 2)
            adam.setdefault(int(number), {})[key] = value
    known = optimizer.state_dict()
    optimizer.load_state_dict(known | {"state": adam})
    epochs.extend(Epoch(**e) for e in progress["epochs"])
    return _part(state, "best.")


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
