"""The recipe of chatdesc/tiny/vlm: a LLaVA that describes the boxed thing in synthetic scenes.

    python training/vlm.py                         # train, evaluate, write the model and its card
    python training/vlm.py --evaluate              # the figures of the model that is there, and its card

It learns in four stages (``vlm_stages``), each with a checkpoint of its own in ``--work``, so a stopped run goes on
where it was. The data of a step depend on the seed and the step alone.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from loop import Schedule, pick_device, train
from vlm_data import Packer, Pool
from vlm_figures import Measured, measure, table
from vlm_model import build_model, build_processor
from vlm_stages import Lessons, Student, learning

SCENES = 7000
SIZE = 32  # pictures in a step
EVALUATED = 500  # scenes
OUT = Path(__file__).parents[1] / "chatdesc" / "tiny" / "vlm"


@dataclass(frozen=True, slots=True)
class Stage:
    """``parts`` of the student are what a later stage takes over from this one; it begins with those of ``after``."""

    steps: int
    lr: float
    hold: float
    parts: tuple[str, ...]
    after: tuple[str, ...] = ()


SPEAKER = ("llava.model.language_model.", "llava.lm_head.", "sections.", "negative.", "alike.")
TOWER = ("llava.model.vision_tower.", "heads.")
STAGES = {
    "see": Stage(1000, 2e-3, 0.75, TOWER),
    "speak": Stage(1200, 2e-3, 0.5, (*SPEAKER, "symbols.")),
    "link": Stage(150, 3e-3, 0.3, ("llava.model.multi_modal_projector.",), ("see", "speak")),
    "both": Stage(1800, 1e-3, 0.25, ("",), ("see", "speak", "link")),
}
STEPS = sum(stage.steps for stage in STAGES.values())


def schedule(stage: Stage, total: int) -> Schedule:
    """A stage's share of ``total`` steps."""
    steps = max(1, round(stage.steps * total / STEPS))
    return Schedule(steps, stage.lr, warmup=max(1, min(50, steps // 5)), hold=stage.hold, weight_decay=0.02, clip=1.0)


def new_student(processor: Any, seed: int) -> Student:
    torch.manual_seed(seed)
    return Student(build_model(processor))


def take_over(student: Student, work: Path, stage: str) -> None:
    """Load what the stages before have learned."""
    for name in STAGES[stage].after:
        state = torch.load(work / f"vlm-{name}.pt", map_location="cpu", weights_only=True)["model"]
        mine = {key: value for key, value in state.items() if key.startswith(STAGES[name].parts)}
        student.load_state_dict(mine, strict=False)


def learn(
    stage: str,
    work: Path,
    steps: int = STEPS,
    seed: int = 0,
    scenes: int = SCENES,
    device: str = "cpu",
    until: int | None = None,
    out: Path | None = None,
    size: int = SIZE,
) -> tuple[Student, list[float]]:
    """One stage, behind those before it; with ``out`` the model is exported there at each checkpoint."""
    processor = build_processor()
    student = new_student(processor, seed)
    take_over(student, work, stage)
    student.to(device)
    plan = schedule(STAGES[stage], steps)
    pool = Pool.rendered("train", scenes, processor, work, seed)
    lessons = Lessons(student, pool, Packer(processor.tokenizer), device, plan.steps, size)
    losses = train(
        f"vlm-{stage}",
        student,
        getattr(lessons, stage),
        plan,
        work=work,
        seed=seed,
        groups=learning(student, stage, plan.lr),
        until=until,
        each=(lambda step: export(student, processor, out)) if out else None,
    )
    return student, losses


def export(student: Student, processor: Any, out: Path) -> None:
    """The LLaVA alone, in half precision, as ``from_pretrained`` takes it."""
    out.mkdir(parents=True, exist_ok=True)
    llava = copy.deepcopy(student.llava).cpu().half()
    llava.save_pretrained(out)
    processor.save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)  # it is written for its owner alone


def run(work: Path, out: Path, steps: int, seed: int, scenes: int, device: str) -> None:
    for stage in STAGES:
        student, _ = learn(stage, work, steps, seed, scenes, device, out=out if stage == "both" else None)
    export(student, build_processor(), out)


CARD = """---
license: {licence}
tags: [chatdesc, synthetic]
---
# chatdesc tiny VLM

A LLaVA ({parameters:.2f} M parameters: LeViT sees, Llama speaks) that answers chatdesc's own prompts about the
synthetic scenes of `chatdesc.synthetic`. **Synthetic scenes only, not for photographs**: it knows {things}.
It is there to prove chatdesc's loop by results, offline and on any CPU: `--describer transformers:FOLDER`.

Trained from nothing by `python training/vlm.py` (seed {seed}, {steps} steps in four stages, {scenes} scenes).
Licence: that of the project.

## Figures

On {count} scenes of the test split, none of which it saw, through the `transformers:` backend with the region `box` and
greedy answers. After feedback, one true word was named as leading elsewhere; *gone though not named* is the baseline:
how often that word is absent after the same prompt with no word named. After feedback it names a place only if another
thing shares the target's colour, shape and size, as far as they are not named as leading elsewhere; the figures of
positions are on as many scenes again, in which one does.

{table}

## Answers

```
{samples}
```
"""


def write_card(out: Path, measured: Measured, count: int, steps: int, seed: int, scenes: int) -> None:
    from safetensors import safe_open

    from chatdesc.synthetic import COLOURS
    from chatdesc.vocabulary import SHAPES

    with safe_open(out / "model.safetensors", "pt") as weights:
        parameters = sum(weights.get_tensor(name).numel() for name in weights.keys()) / 1e6  # noqa: SIM118
    things = f"{', '.join(COLOURS)}; {', '.join(SHAPES)}; small and large; left, right, top and bottom"
    text = CARD.format(
        licence="apache-2.0", parameters=parameters, things=things, seed=seed, steps=steps, scenes=scenes, count=count,
        table=table(measured), samples="\n".join(measured.samples),
    )  # fmt: skip
    (out / "README.md").write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=STEPS, help="of all stages together")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--work", type=Path, default=Path("build/tiny"), help="folder for pictures and checkpoints")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--count", type=int, default=EVALUATED, help="scenes of the evaluation")
    parser.add_argument("--stage", choices=STAGES, help="this stage alone")
    parser.add_argument("--evaluate", action="store_true", help="do not train")
    given = parser.parse_args(arguments)
    if given.stage:
        learn(given.stage, given.work, given.steps, given.seed, given.scenes, pick_device(given.device))
        return
    if not given.evaluate:
        run(given.work, given.out, given.steps, given.seed, given.scenes, pick_device(given.device))
    measured = measure(str(given.out), given.count, device=given.device)
    print(table(measured))
    write_card(given.out, measured, given.count, given.steps, given.seed, given.scenes)


if __name__ == "__main__":
    main()
