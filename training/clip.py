"""The recipe of chatdesc/tiny/clip: an open_clip model that judges short texts about synthetic scenes.

    python training/clip.py                        # train, evaluate, write the model and its card
    python training/clip.py --evaluate             # the figures of the model that is there, and its card

It learns an order, not a match alone: of two true texts the one that says more scores higher, and a false word costs
more than a true one gives:

    small red circle > red circle > the circle > the moving object > blue circle

Words that a crop cannot show ("on the left") and words that are none ("ylelow") are to change nothing. The data of
a step depend on the seed and the step alone; a stopped run goes on from its checkpoint in ``--work``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from loop import Schedule, pick_device, train
from numpy.typing import NDArray

from chatdesc import synthetic
from chatdesc.backends.crop_encoder import cut_out
from chatdesc.types import Boxes, Image

KINDS = {"colour": list(synthetic.COLOURS), "shape": list(synthetic.SHAPES), "size": list(synthetic.SIZES)}
NOUNS = ("object", "thing", "shape", "target")
BEFORE = ("", "", "", "a ", "the ", "a photo of a ")
OTHER_WORDS = "a an the of on in at with and is photo picture moving that centre middle side left right top bottom"
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")
VOCABULARY = list(dict.fromkeys([*SPECIAL, *chain(*KINDS.values()), *NOUNS, *OTHER_WORDS.split()]))
PAD, END = SPECIAL.index("<pad>"), SPECIAL.index("</s>")
INPUT = 64  # pixels: a small thing is blown up and a large one is not, which is what tells size on a crop
UNKNOWN = -1  # an attribute that a text does not name, or that an empty crop does not have
NAMING = 1.0  # weight in the loss
RARE = 0.3  # weight in the loss of each kind of rare pair
LEVELS = 4  # of a true text: how many of the three attributes it names
FRAMES = 40  # of a sequence, as in ``chatdesc demo``
STREAM = {"pool": 11, "train": 12, "validation": 13, "test": 14}

CONFIG: dict[str, Any] = {
    "embed_dim": 64,
    # a ResNet: convolutions find out sooner than a transformer's patches how sharp an edge is
    "vision_cfg": {"image_size": INPUT, "layers": [1, 1, 1, 1], "width": 12, "patch_size": None},
    "text_cfg": {
        "context_length": 77, "vocab_size": len(VOCABULARY), "width": 96, "heads": 3, "layers": 2,
        "hf_tokenizer_name": ".", "pad_id": PAD, "eos_id": END, "pool_type": "eos",
    },
}  # fmt: skip
# squash: a box that the frame's edge cuts is shown whole
PREPROCESS = {"mean": [0.5] * 3, "std": [0.25] * 3, "interpolation": "bicubic", "resize_mode": "squash"}

Facts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Text:
    """Words, and what they say: index of colour, shape and size in KINDS, or UNKNOWN."""

    words: str
    said: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class View:
    """A frame and what of it can be told from a crop: ``boxes`` [n, 4] xywh of ``facts`` [n, 3] (see Text)."""

    image: Image
    boxes: Boxes
    facts: Facts


def facts_of(thing: synthetic.Thing) -> list[int]:
    return [names.index(getattr(thing, kind)) for kind, names in KINDS.items()]


# ---------------------------------------------------------------- pictures


def still_views(split: str, count: int, seed: int) -> Iterator[View]:
    for still in synthetic.stills(split, count, seed):
        yield _view(still.image, list(still.things), still.boxes, None)


def sequence_views(split: str, count: int, seed: int) -> Iterator[View]:
    """Two frames of each sequence: things move, cover each other, leave the frame, go behind the pole."""
    for i in range(count):
        yield from _two_frames(split, i, seed)


def _two_frames(split: str, i: int, seed: int) -> Iterator[View]:
    rng = np.random.default_rng([STREAM[split], seed, i])
    scene = synthetic.make_scene(rng, FRAMES, "none", int(rng.integers(3)))
    background = synthetic.backdrop(scene.background)
    for t in rng.choice(FRAMES, 2, replace=False).tolist():
        image = _stored(synthetic.draw(scene, t, background))
        middle = None if scene.pole is None else scene.pole - scene.camera(t)[0]
        yield _view(image, list(scene.things), np.stack([scene.box(thing, t) for thing in scene.things]), middle)


def _stored(frame: Image) -> Image:
    """A frame as it comes back out of a dataset (JPEG, quality 92)."""
    import cv2

    _, data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    return np.ascontiguousarray(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1])


def _view(image: Image, things: list[synthetic.Thing], boxes: Boxes, pole: float | None) -> View:
    clear = [k for k in range(len(things)) if visible_share(boxes, k, pole) >= 0.5]
    return View(image, boxes[clear], np.array([facts_of(things[k]) for k in clear], np.int64).reshape(-1, 3))


def visible_share(boxes: Boxes, k: int, pole: float | None) -> float:
    """How much of box k is in the frame and not under the boxes before it, nor under the pole (its middle, x)."""
    seen = np.zeros((synthetic.CANVAS[1], synthetic.CANVAS[0]), np.bool_)
    seen[_slices(boxes[k])] = True
    for over in boxes[:k]:
        seen[_slices(over)] = False
    if pole is not None:
        seen[_slices(np.array([pole - synthetic.POLE / 2, 0, synthetic.POLE, len(seen)]))] = False
    return float(seen.sum() / (boxes[k, 2] * boxes[k, 3]))


def _slices(box: NDArray[Any]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = (max(0, round(float(v))) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
    return slice(y0, y1), slice(x0, x1)


def beside(rng: np.random.Generator, boxes: Boxes, box: Boxes) -> Boxes | None:
    """A window of a box's size next to it, as alignment's are; None where it shows a thing or leaves the frame."""
    shift = np.array([[-1.5, 0], [1.5, 0], [0, -1.5], [0, 1.5]], np.float32)[rng.integers(4)]
    window = np.concatenate([box[:2] + shift * box[2:], box[2:]])
    low, high = np.maximum(window[:2], boxes[:, :2]), np.minimum(window[:2] + window[2:], boxes[:, :2] + boxes[:, 2:])
    inside = (window[:2] + window[2:] > 5).all() and (window[:2] < np.array(synthetic.CANVAS) - 5).all()
    return window if inside and not (low < high).all(1).any() else None


def crops(view: View, rng: np.random.Generator) -> Iterator[tuple[Image, list[int]]]:
    """Each thing's crop at the model's size, boxes moved by up to 5 % as a grounder's are; some empty windows."""
    for box, facts in zip(view.boxes, view.facts.tolist(), strict=True):
        moved = box + rng.uniform(-0.05, 0.05, 4) * box[[2, 3, 2, 3]] * (rng.random() < 0.7)
        yield _shrunk(view.image, moved), facts
        window = beside(rng, view.boxes, box) if rng.random() < 0.15 else None
        if window is not None:
            yield _shrunk(view.image, window), [UNKNOWN] * 3


def _shrunk(image: Image, box: NDArray[Any]) -> Image:
    """What the model's own preprocessing sees of a box, before it is normalised: [64, 64, 3]."""
    from PIL.Image import Resampling

    return np.asarray(cut_out(image, box).resize((INPUT, INPUT), Resampling.BICUBIC))


def load_pool(work: Path, scenes: int, seed: int) -> tuple[Image, Facts]:
    """Crops uint8 [N, 64, 64, 3] and their facts [N, 3], drawn once and kept in ``work``."""
    file = work / f"clip-pool-{scenes}-{seed}.npz"
    if not file.is_file():
        print(f"clip  drawing {scenes} scenes", flush=True)
        rng = np.random.default_rng([STREAM["pool"], seed])
        views = chain(still_views("train", scenes, seed), sequence_views("train", scenes // 3, seed))
        pictures, facts = zip(*(crop for view in views for crop in crops(view, rng)), strict=True)
        work.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"part-{file.name}")
        np.savez(part, pictures=np.stack(pictures), facts=np.array(facts, np.int64))
        part.replace(file)
    with np.load(file) as kept:
        return kept["pictures"], kept["facts"]


# ---------------------------------------------------------------- texts


def statement(rng: np.random.Generator, facts: Sequence[int]) -> Text:
    """A text about a thing: some of its attributes, some garbled, and words that say nothing about a crop."""
    said = [fact if rng.random() < often else UNKNOWN for fact, often in zip(facts, (0.6, 0.7, 0.45), strict=True)]
    words = [names[k] if k >= 0 else "" for names, k in zip(KINDS.values(), said, strict=True)]
    for k, word in enumerate(words):
        if len(word) > 3 and rng.random() < 0.06:
            words[k], said[k] = synthetic.swap_letters(rng, word), UNKNOWN
    before = [w for w in (words[2], words[0]) if w]
    if rng.random() < 0.15:
        before.reverse()
    for filler, often in (("moving", 0.1), ("plain", 0.07)):
        if rng.random() < often:
            before.insert(int(rng.integers(len(before) + 1)), filler)
    noun = words[1] or NOUNS[int(rng.integers(len(NOUNS)))]
    text = BEFORE[int(rng.integers(len(BEFORE)))] + " ".join([*before, noun, *_places(rng)])
    return Text(text, (said[0], said[1], said[2]))


def _places(rng: np.random.Generator) -> list[str]:
    """None to two places, true or not: a crop does not show them."""
    count = int(rng.integers(1, 3)) if rng.random() < 0.45 else 0
    return [list(synthetic.PLACES.values())[k] for k in rng.permutation(4)[:count]]


def levels(facts: NDArray[Any], said: NDArray[Any]) -> torch.Tensor:
    """[B, T] of crops [B, 3] and texts [T, 3]: 1 + how many attributes a true text names, and for a false one 0,
    -1 (false in one attribute alone, colour or shape) or -2 (in size alone).
    """
    crop, text = torch.as_tensor(facts)[:, None], torch.as_tensor(said)[None]
    wrong, empty = (text != UNKNOWN) & (text != crop), (crop == UNKNOWN).all(2)
    near = torch.where(wrong[..., 2], -2, -1) * ((wrong.sum(2) == 1) & ~empty)
    return torch.where(wrong.any(2) | empty, near, 1 + (text != UNKNOWN).sum(2))


def make_tokenizer() -> Any:
    """Whole words, so that a garbled word is an unknown one and not the sum of telling parts."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="<unk>"))
    plain = normalizers.Replace(Regex(r"[^\p{L}\p{N}]+"), " ")
    words.normalizer = normalizers.Sequence([normalizers.Lowercase(), plain])
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    ends = [(name, SPECIAL.index(name)) for name in ("<s>", "</s>")]
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, padding_side="right", model_max_length=77, **names)


# ---------------------------------------------------------------- model and loss


class Judge(torch.nn.Module):
    """An open_clip model, and what is there for training alone: the four cosines that part false texts and true ones
    of 0, 1, 2 and 3 attributes, and a head that names the attributes of a crop.
    """

    def __init__(self) -> None:
        import open_clip

        super().__init__()
        self.clip = open_clip.CLIP(**json.loads(json.dumps(CONFIG)))
        self.cuts = torch.nn.Parameter(torch.tensor([0.0, 0.2, 0.4, 0.6]))
        self.heads = torch.nn.ModuleList(torch.nn.Linear(CONFIG["embed_dim"], len(names)) for names in KINDS.values())
        torch.nn.init.constant_(self.clip.logit_scale, float(np.log(20)))

    def scores(self, pixels: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """[B, T] cosines of pixels [B, 3, 64, 64] and tokens [T, 77]."""
        return torch.nn.functional.normalize(self.clip.encode_image(pixels), dim=-1) @ encode_text(self.clip, tokens).T

    def loss(self, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        crops = self.clip.encode_image(batch.pixels)
        scores = torch.nn.functional.normalize(crops, dim=-1) @ encode_text(self.clip, batch.tokens).T
        ordered, named = self.order_loss(scores, batch.level), self.name_loss(crops, batch.facts)
        return ordered + NAMING * named, {"order": float(ordered.detach()), "naming": float(named.detach())}

    def order_loss(self, scores: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Ordinal regression: a pair of level l lies above the first l cuts and below the others.

        True and false pairs weigh the same; what is rare in a batch and tells most, texts that are true in much or
        false in little, counts once more.
        """
        above = (level[..., None] > torch.arange(LEVELS, device=level.device)).float()
        logits = self.clip.logit_scale.exp() * (scores[..., None] - self.cuts)
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, above, reduction="none").sum(-1)
        common = [_mean(each, group) for group in (level > 0, level <= 0)]
        rare = [_mean(each, level == value) for value in (3, 4, -1, -2)]
        return torch.stack(common).sum() + RARE * torch.stack(rare).sum()

    def name_loss(self, crops: torch.Tensor, facts: torch.Tensor) -> torch.Tensor:
        """Cross entropy of colour, shape and size from crops' vectors [B, 64]: pictures are understood sooner."""
        parts = [
            torch.nn.functional.cross_entropy(head(crops), facts[:, k], ignore_index=UNKNOWN)
            for k, head in enumerate(self.heads)
        ]
        return torch.stack(parts).sum()


def _mean(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)


def encode_text(clip: Any, tokens: torch.Tensor) -> torch.Tensor:
    """``clip.encode_text(tokens, normalize=True)`` without the padding: attention is causal, so nothing changes."""
    tokens = tokens[:, : int((tokens != PAD).sum(1).max())]
    length = tokens.shape[1]
    x = clip.token_embedding(tokens) + clip.positional_embedding[:length]
    x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:length, :length]))
    x = x[torch.arange(len(x), device=x.device), (tokens == END).int().argmax(1)] @ clip.text_projection
    return torch.nn.functional.normalize(x, dim=-1)


@dataclass(frozen=True, slots=True)
class Batch:
    """Pixels [B, 3, 64, 64], their facts [B, 3], tokens [T, 77] and the levels [B, T] of crops and texts."""

    pixels: torch.Tensor
    facts: torch.Tensor
    tokens: torch.Tensor
    level: torch.Tensor


class Batches:
    """What a step learns from: crops, and texts about some of them, every crop judged with every text."""

    def __init__(self, pictures: Image, facts: Facts, device: str, crops: int = 80, texts: int = 112) -> None:
        self.pictures, self.facts, self.device = pictures, facts, device
        self.things = np.flatnonzero(facts[:, 0] != UNKNOWN)
        self.crops, self.texts = crops, texts
        self.tokenizer = make_tokenizer()

    def __call__(self, rng: np.random.Generator) -> Batch:
        chosen = rng.integers(len(self.pictures), size=self.crops)
        pictures, mirrored = self.pictures[chosen], rng.random(self.crops) < 0.5
        pictures[mirrored] = pictures[mirrored, :, ::-1]
        about = self.things[rng.integers(len(self.things), size=self.texts)]
        texts = [statement(rng, facts) for facts in self.facts[about].tolist()]
        texts.append(Text("the moving object", (UNKNOWN,) * 3))
        level = levels(self.facts[chosen], np.array([text.said for text in texts]))
        facts = torch.as_tensor(self.facts[chosen], device=self.device)
        return Batch(self.pixels(pictures), facts, self.tokens(texts), level.to(self.device))

    def pixels(self, pictures: Image) -> torch.Tensor:
        """Normalised as the model's own preprocessing does."""
        scaled = torch.from_numpy(np.array(pictures)).to(self.device).permute(0, 3, 1, 2).float() / 255
        return (scaled - PREPROCESS["mean"][0]) / PREPROCESS["std"][0]  # type: ignore[index, operator]

    def tokens(self, texts: list[Text]) -> torch.Tensor:
        made = self.tokenizer([text.words for text in texts], padding="max_length", max_length=77, return_tensors="pt")
        return made["input_ids"].to(self.device)


def learn(judge: Judge, batches: Batches, schedule: Schedule, *, work: Path, seed: int, **options: Any) -> list[float]:
    """Train in place and return the losses; ``options`` are those of ``loop.train``."""

    def loss(step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        return judge.loss(batches(rng))

    matrices = [p for p in judge.parameters() if p.ndim > 1]
    rest = [p for p in judge.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    return train("clip", judge, loss, schedule, work=work, seed=seed, groups=groups, **options)


def new_judge(seed: int, device: str = "cpu") -> Judge:
    torch.manual_seed(seed)
    return Judge().to(device)


def export(judge: Judge, folder: Path, **made_by: str) -> None:
    """Write what open_clip's ``local-dir:`` reads, and into the weights' file what they were ``made_by``.

    Weights are kept in half precision and used in single.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: _stored_weight(value) for name, value in judge.clip.state_dict().items()}
    (folder / "open_clip_model.safetensors").write_bytes(save(state, {"format": "pt", **made_by}))
    config = json.dumps({"model_cfg": CONFIG, "preprocess_cfg": PREPROCESS}, indent=1)
    (folder / "open_clip_config.json").write_text(config + "\n", encoding="utf-8")
    make_tokenizer().save_pretrained(folder)


def _stored_weight(value: torch.Tensor) -> torch.Tensor:
    return (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--scenes", type=int, default=2500, help="scenes that the pool of crops is drawn from")
    parser.add_argument("--out", type=Path, default=Path("chatdesc/tiny/clip"))
    parser.add_argument("--work", type=Path, default=Path("build/tiny"), help="folder of checkpoints and the pool")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--evaluate", action="store_true", help="train nothing, evaluate the model in --out")
    given = parser.parse_args()
    if not given.evaluate:
        device = pick_device(given.device)
        judge = new_judge(given.seed, device)
        batches = Batches(*load_pool(given.work, given.scenes, given.seed), device)
        learn(judge, batches, Schedule(given.steps, lr=2e-3, clip=1.0), work=given.work, seed=given.seed)
        settings = {name: str(getattr(given, name)) for name in ("steps", "seed", "scenes")}
        export(judge, given.out, **settings)
    from clip_figures import report  # it needs what is defined here

    report(given.out)


if __name__ == "__main__":
    main()
