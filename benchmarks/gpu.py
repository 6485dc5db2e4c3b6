"""The neural stages at full size with random weights: items per second, GPU use, memory, and the gain of batching.

Architectures are built from their configurations, without a download: a Qwen3-VL of four billion parameters, an MM-
GroundingDINO with Swin-T and BERT, a CLIP ViT-B/32 and a SAM 2. Random weights have the cost of trained ones and say
nothing about quality. Without a GPU the same code runs on tiny networks, to show that it works, and says that its
figures mean nothing for a GPU. An item is a description, a grounding, four crops with a text, or three tracked
frames.

    python benchmarks/gpu.py [--sequences 16] [--tokens 48]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from sampled import Sampled

from chatdesc.backends import create
from chatdesc.engine.schedule import Lane, Scheduler
from chatdesc.loaders import load
from chatdesc.stages.describe import prompt_text
from chatdesc.synthetic import render
from chatdesc.types import Crop, Describe, Embed, Follow, FrameCache, FrameRef, Ground
from tests.makers import clips as tiny_clips
from tests.makers import grounders as tiny_grounders
from tests.makers import models as tiny_models
from tests.makers import trackers as tiny_trackers

QWEN_4B = {
    "text_config": {
        "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128,
    },
    "vision_config": {
        "depth": 24, "hidden_size": 1024, "intermediate_size": 4096, "num_heads": 16, "out_hidden_size": 2560,
        "num_position_embeddings": 2304, "deepstack_visual_indexes": [5, 11, 17],
    },
}  # fmt: skip
MROPE = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20], "mrope_interleaved": True}


def full_describer(tiny: Path, folder: Path) -> Path:
    """A Qwen3-VL of 4B parameters in half precision, with the tiny model's tokenizer and real picture sizes."""
    import torch
    from transformers import AutoProcessor, Qwen3VLConfig, Qwen3VLForConditionalGeneration

    config = json.loads((tiny / "config.json").read_text())
    for part, changes in QWEN_4B.items():
        config[part] |= changes
    config["text_config"]["rope_parameters"] = MROPE
    with torch.device("cuda"):
        model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**config)).to(torch.bfloat16)
    model.save_pretrained(folder)
    processor = AutoProcessor.from_pretrained(tiny)
    processor.image_processor.size = {"shortest_edge": 256 * 256, "longest_edge": 1024 * 1024}
    processor.save_pretrained(folder)
    return folder


def full_grounder(tiny: Path, folder: Path) -> Path:
    from transformers import (
        AutoProcessor,
        BertConfig,
        MMGroundingDinoConfig,
        MMGroundingDinoForObjectDetection,
        SwinConfig,
    )

    backbone = SwinConfig(window_size=7, out_indices=[2, 3, 4])
    config = MMGroundingDinoConfig(backbone_config=backbone, text_config=BertConfig(vocab_size=1100))
    MMGroundingDinoForObjectDetection(config).save_pretrained(folder)
    processor = AutoProcessor.from_pretrained(tiny)
    processor.image_processor.size = {"shortest_edge": 800, "longest_edge": 1333}
    processor.save_pretrained(folder)
    return folder


def full_encoder(tiny: Path, folder: Path) -> Path:
    from transformers import AutoProcessor, CLIPConfig, CLIPModel

    CLIPModel(CLIPConfig()).save_pretrained(folder)
    processor = AutoProcessor.from_pretrained(tiny)
    processor.image_processor.size = {"shortest_edge": 224}
    processor.image_processor.crop_size = {"height": 224, "width": 224}
    processor.save_pretrained(folder)
    return folder


def full_tracker(folder: Path) -> Path:
    from transformers import (
        Sam2ImageProcessor,
        Sam2VideoConfig,
        Sam2VideoModel,
        Sam2VideoProcessor,
        Sam2VideoVideoProcessor,
    )

    Sam2VideoModel(Sam2VideoConfig()).save_pretrained(folder)
    Sam2VideoProcessor(Sam2ImageProcessor(), Sam2VideoVideoProcessor()).save_pretrained(folder)
    return folder


def utilization() -> float:
    """Share of time in which the GPU worked lately; raises where the driver does not say."""
    import torch

    return torch.cuda.utilization() / 100


def drive(requests, lanes, in_flight: int) -> float:
    """Seconds for all requests, each a sequence of its own; their answers are thrown away."""

    def job(request):
        yield request

    start = time.perf_counter()
    for key, result in Scheduler(lanes, in_flight).run((i, job(r)) for i, r in enumerate(requests)):
        if isinstance(result, Exception):
            raise RuntimeError(f"request {key}") from result
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=48, help="tokens of a description")
    options = parser.parse_args()
    import torch

    gpu = torch.cuda.is_available()
    device = "cuda" if gpu else "cpu"
    print(torch.cuda.get_device_name() if gpu else "no GPU: tiny models on the CPU; these figures say nothing of a GPU")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        render(folder / "data", count=options.sequences, frames=4, seed=0)
        models = {
            "describer": tiny_models.build("qwen3-vl", folder / "tiny-describer"),
            "grounder": tiny_grounders.build("mm-grounding-dino", folder / "tiny-grounder"),
            "encoder": tiny_clips.build("clip", folder / "tiny-encoder"),
            "tracker": tiny_trackers.build("sam2", folder / "tiny-tracker"),
        }
        if gpu:
            models = {
                "describer": full_describer(models["describer"], folder / "describer"),
                "grounder": full_grounder(models["grounder"], folder / "grounder"),
                "encoder": full_encoder(models["encoder"], folder / "encoder"),
                "tracker": full_tracker(folder / "tracker"),
            }
        measure(folder / "data", models, device, options.tokens)


def measure(data: Path, models: dict[str, Path], device: str, tokens: int) -> None:
    import torch

    sequences = list(load("synthetic", data, cache=FrameCache(64)))
    frames, boxes = [FrameRef(s.frames, 0) for s in sequences], [s.boxes[0] for s in sequences]
    speaker = create(
        "describer", f"transformers:{models['describer']}", device=device, max_new_tokens=tokens, max_batch=16
    )
    finder = create("grounder", f"mm-grounding-dino:{models['grounder']}", device=device)
    clip = create("encoder", f"clip:{models['encoder']}", device=device)
    tracker = create("tracker", f"sam2:{models['tracker']}", device=device)
    targets = list(zip(frames, boxes, strict=True))
    kinds: dict[str, tuple[Any, Any, Any, list[Any]]] = {
        "describe": (
            Describe,
            speaker.describe,
            speaker,
            [Describe(f, b, prompt_text("describe")) for f, b in targets],
        ),
        "ground": (Ground, finder.ground, finder, [Ground(f, "the small red circle on the left") for f in frames]),
        "embed": ((Embed, "clip"), clip.embed, clip, [Embed("clip", (Crop(f, b),) * 4, ("red",)) for f, b in targets]),
        "track": (Follow, tracker.follow, tracker, [Follow(f.frames, 1, 4, init=b) for f, b in targets]),
    }
    times: dict[str, tuple[float, float]] = {}
    for name, (kind, call, backend, requests) in kinds.items():
        batch = backend.max_batch
        drive(requests[:2], [Lane(kind, call, batch)], 2)  # loads the model
        alone = drive(requests, [Lane(kind, call, batch)], 1)
        with Sampled(utilization, 0.1) as busy:
            together = drive(requests, [Lane(kind, call, batch)], len(requests))
        times[name] = (alone, together)
        share = f", GPU busy {busy.mean:.0%}" if device == "cuda" and busy.mean is not None else ""
        memory = f", {torch.cuda.max_memory_allocated() / 2**30:.1f} GB" if device == "cuda" else ""
        rates = f"{len(requests) / together:7.2f} items/s batched, {len(requests) / alone:7.2f} one at a time"
        print(f"{name:9} {rates}{share}{memory}")
    both = [times["describe"], times["ground"]]
    ratio = sum(alone for alone, _ in both) / sum(together for _, together in both)
    goal = " (goal: 4x)" if device == "cuda" else ""
    print(f"describe + ground, batched against one sequence at a time: {ratio:.1f}x{goal}")


if __name__ == "__main__":
    main()
