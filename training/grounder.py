"""Train the small grounder from nothing: MM-GroundingDINO on synthetic scenes.

    python training/grounder.py                            # train (or go on), evaluate, write the model's card
    python training/grounder.py --evaluate                 # figures and card of the model that is there
    python training/grounder.py --steps 40 --out /tmp/it   # a try

First the backbone learns alone what is where (dense heads over its features, thrown away afterwards), then the whole
learns to ground phrases. A picture is looked at once for two texts.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from grounder_data import Resize, Scenes, Texts, batch, pool
from grounder_figures import figures, table, write_card
from grounder_loss import Training, tensors
from grounder_model import build
from loop import Schedule, pick_device, train
from numpy.typing import NDArray

OUT = Path(__file__).resolve().parent.parent / "chatdesc" / "tiny" / "grounder"
WORK = Path("build/tiny")
STEPS = 3600
FIRST = 0.2  # share of the steps in which the backbone learns alone; such a step takes half as long
LOOKED = 32  # scenes of such a step
SIZE, TEXTS = 16, 2
POOL = 12_000
LR, SLOW = 1e-3, 0.3  # sampling offsets learn more slowly: they jump to where there is nothing


class Recipe:
    """A network in training: loss of a step, export."""

    def __init__(self, scenes: Scenes, model: Any, processor: Any, device: str, first: int) -> None:
        self.scenes, self.processor, self.device, self.first = scenes, processor, device, first
        self.texts = Texts(processor.tokenizer)
        self.training = Training(model).to(device)
        images = processor.image_processor
        self.mean, self.spread = (
            torch.tensor(v, device=device)[None, :, None, None] for v in (images.image_mean, images.image_std)
        )

    def loss(self, step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        alone = step < self.first
        made = batch(rng, self.scenes, self.texts, LOOKED if alone else SIZE, 0 if alone else TEXTS)
        pixels = torch.from_numpy(made.images).to(self.device).permute(0, 3, 1, 2).float() / 255
        pixels = (pixels - self.mean) / self.spread
        ask = self.training.looked if alone else self.training.grounded
        return ask(pixels, tensors(made, self.device))

    def groups(self) -> list[dict[str, Any]]:
        named = list(self.training.named_parameters())
        slow = [p for name, p in named if "sampling_offsets" in name]
        fast = [p for name, p in named if "sampling_offsets" not in name]
        return [{"params": fast}, {"params": slow, "lr": LR * SLOW}]

    def export(self, folder: Path) -> None:
        """Save what the backend loads, in half precision (the backend computes in float32)."""
        with self.training.bare() as model:
            weights = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
            model.save_pretrained(folder, state_dict=weights)
        self.processor.save_pretrained(folder)


def resizer(processor: Any) -> Resize:
    """Pictures as the network sees them, before normalisation, made by the processor that the backend uses."""

    def resize(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        made = processor.image_processor(images=images, do_rescale=False, do_normalize=False, return_tensors="pt")
        return np.asarray(made["pixel_values"].permute(0, 2, 3, 1).numpy(), np.uint8)

    return resize


def make(work: Path, steps: int, seed: int, device: str, count: int = POOL) -> Recipe:
    """Everything ready for training; equal arguments make equal weights."""
    torch.manual_seed(seed)
    model, processor = build()
    scenes = pool(work, count, resizer(processor), seed)
    return Recipe(scenes, model, processor, pick_device(device), round(steps * FIRST))


def main() -> None:
    asked = arguments()
    if not asked.evaluate:
        recipe = make(asked.work, asked.steps, asked.seed, asked.device, asked.pool)
        schedule = Schedule(steps=asked.steps, lr=LR)
        train(
            "grounder", recipe.training, recipe.loss, schedule, work=asked.work, seed=asked.seed,
            groups=recipe.groups(), each=lambda step: recipe.export(asked.out),
        )  # fmt: skip
        recipe.export(asked.out)
    made = figures(asked.out, asked.count, device=asked.device)
    print(table(made))
    write_card(asked.out, made, asked.count, {"steps": asked.steps, "seed": asked.seed, "scenes": asked.pool})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pool", type=int, default=POOL, help="scenes rendered for training")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the model")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for scenes and checkpoints")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--evaluate", action="store_true", help="figures of the model in --out, without training")
    parser.add_argument("--count", type=int, default=600, help="test scenes per figure")
    return parser.parse_args()


if __name__ == "__main__":
    main()
