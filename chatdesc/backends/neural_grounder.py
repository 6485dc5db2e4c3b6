"""The base of the grounders with a neural network, beyond ``neural_model``: frames prepared once, batches by size.

A family defines ``_forward``, which runs its network on a batch; a new family needs a line in ``thresholds``, too:

>>> class MyGrounder(NeuralGrounder):
...     family, model_types = "owlv2", ("my-detector",)
...     def _forward(self, items):
...         return [nothing(split_words(item.text)) for item in items]
>>> MyGrounder("org/model").threshold
0.1
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

from chatdesc.backends import hub
from chatdesc.backends.batching import Batches, own_batches
from chatdesc.backends.neural_model import NeuralModel
from chatdesc.backends.thresholds import default_threshold
from chatdesc.backends.words_and_boxes import lower, nothing, split_phrases
from chatdesc.lru_cache import LruCache
from chatdesc.protocols import each
from chatdesc.types import BackendError, ChatdescError, FrameRef, Ground, Grounding, split_words

TEXTS = 4096  # of which it is remembered whether they are cut
THREADS = 4  # decode and resize frames
Answers = list[Grounding | Exception | None]
HOMES = {
    "grounding-dino": "grounding-dino",
    "mm-grounding-dino": "mm-grounding-dino",
    "owlv2": "owlv2",
    "omdet-turbo": "omdet-turbo",
    "sam3": "sam3",
    "sam3_video": "sam3",
}


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A request made ready. ``inputs`` is what the image processor made of the frame, one image without a batch."""

    slot: int
    frame: Hashable
    inputs: dict[str, Any]
    width: int
    height: int
    text: str


class NeuralGrounder(NeuralModel, ABC):
    """Base of the grounders; see ``NeuralModel``.

    Args:
        model, revision, device: as there.
        dtype: arithmetic on a GPU: ``auto`` (the family's), ``float16``, ``bfloat16``, ``float32``; other devices
            compute in float32.
        batch_size: requests in one forward pass, in place of 8, from which a GPU goes up; halved for good when the
            device's memory does not suffice. Where it is not given, a CPU takes together what is asked about one frame,
            and nothing else.
        threshold: in place of the one in ``thresholds``.
    """

    model_class = "AutoModelForZeroShotObjectDetection"
    processor_class = "AutoProcessor"
    homes = HOMES
    words: ClassVar[bool] = True  # whether scores tell one word from another
    half: ClassVar[str] = "float16"  # bfloat16's eight bits would round a box to some pixels
    max_batch = 32
    workers = 1

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model, revision, device)
        self.dtype, self._first_size = dtype, batch_size
        self._cut = LruCache[str, bool](TEXTS)  # key frames ask for the same texts
        self.threshold = default_threshold(self.family, model) if threshold is None else float(threshold)
        if not 0 <= self.threshold <= 1:
            raise ChatdescError(f"{self.family}: a threshold is a score in [0, 1], not {self.threshold}")

    @cached_property
    def batches(self) -> Batches:
        """The batch size that fits; on a GPU it grows, to the requests of a call, but not beyond the one asked for."""
        smallest, device = "one frame; use a smaller model or --device cpu", self.loaded.device
        size, limit = (8, self.max_batch) if self._first_size is None else (self._first_size, self._first_size)
        return Batches(self.name, size, device=device, limit=limit, smallest=smallest)

    @property
    def batches_gain(self) -> bool:
        """Whether a batch is faster than its requests one by one."""
        return hub.pick_device(self.device) != "cpu"

    def _dtype(self, device: str) -> Any:
        import torch

        if self.dtype not in ("auto", "float16", "bfloat16", "float32"):
            raise BackendError(f"{self.family}: dtype is auto, float16, bfloat16 or float32, not {self.dtype}")
        if not device.startswith("cuda"):
            return torch.float32
        return getattr(torch, self.half if self.dtype == "auto" else self.dtype)

    def describe_self(self) -> dict[str, str]:
        return {**super().describe_self(), "threshold": f"{self.threshold:g}"}

    def ground(self, requests: list[Ground]) -> list[Grounding | Exception]:
        """Groundings in the order of the requests; each frame is decoded and prepared once.

        Raises:
            BackendError: the model cannot be loaded.
        """
        _ = self.loaded  # a model that cannot be loaded is no single request's error
        answers: Answers = [None] * len(requests)
        groups: dict[Hashable, list[Item]] = {}
        for item in self._prepare(requests, answers):
            alone = item.frame if own_batches(self._first_size, self.loaded.device) else None
            groups.setdefault((alone, self._group(item)), []).append(item)
        for group in groups.values():
            for item, answer in zip(group, self.batches.run_each(group, self._ask), strict=True):
                if isinstance(answer, Grounding) and self.truncates(item.text):
                    answers[item.slot] = replace(answer, truncated=True)
                else:
                    answers[item.slot] = answer
        return [BackendError(f"{self.name}: no answer") if a is None else a for a in answers]

    def _prepare(self, requests: list[Ground], answers: Answers) -> list[Item]:
        """The requests that the network can answer; the others (an unreadable frame, a text without words) are answered
        at once."""
        asked = [(slot, r) for slot, r in enumerate(requests) if split_words(r.text)]
        shown = {_frame(r): r.frame for _, r in asked}
        made = dict(zip(shown, each(shown.values(), self._inputs, THREADS), strict=True))
        for slot in set(range(len(requests))) - {slot for slot, _ in asked}:
            answers[slot] = nothing(())
        items = []
        for slot, request in asked:
            inputs = made[_frame(request)]
            if isinstance(inputs, Exception):
                answers[slot] = inputs
            else:
                items.append(Item(slot, _frame(request), *inputs, request.text))
        return items

    def _inputs(self, frame: FrameRef) -> tuple[dict[str, Any], int, int]:
        """A frame as the network takes it, on the CPU, and its width and height."""
        image = frame.image()
        try:
            made = self.loaded.processor.image_processor(images=image.copy(), return_tensors="pt")
        except Exception as error:  # processors raise whatever their parts raise
            raise BackendError(f"{self.name}: the image processor rejects the frame ({hub.reason(error)})") from error
        height, width = image.shape[:2]
        return {k: made[k][0] for k in ("pixel_values", "pixel_mask") if k in made}, width, height

    def _group(self, item: Item) -> Hashable:
        """Items with equal keys may share a forward pass. Pictures are never padded to each other's size: what lies
        beside a picture would change its features."""
        return tuple(item.inputs["pixel_values"].shape)

    def _ask(self, batch: Sequence[Item]) -> list[Grounding]:
        import torch

        with torch.inference_mode(), self._arithmetic():
            return self._forward(list(batch))

    @abstractmethod
    def _forward(self, items: list[Item]) -> list[Grounding]:
        """Run the network on a batch with pictures of equal size; called in inference mode."""

    def truncates(self, text: str) -> bool:
        """Whether the network reads less than the whole of some query of ``text``."""

        def cut() -> bool:
            tokens = self.loaded.processor.tokenizer(self.queries(text))["input_ids"]
            return any(len(ids) > self.context for ids in tokens)

        return self._cut.get(text, cut)

    def queries(self, text: str) -> list[str]:
        """What the network is asked for a text that has words."""
        return [phrase.text for phrase in split_phrases(lower(text))]

    @cached_property
    def context(self) -> int:
        """The most tokens that the text encoder reads of a query."""
        return int(self.loaded.model.config.text_config.max_position_embeddings)

    def stack(self, items: list[Item], key: str = "pixel_values") -> Any:
        """One input of several items as a batch on the device."""
        import torch

        return torch.stack([item.inputs[key] for item in items]).to(self.loaded.device)

    def tokens(self, texts: list[str]) -> dict[str, Any]:
        """[T, context] token numbers and mask on the device, each text cut or padded to the text encoder's context."""
        loaded = self.loaded
        made = loaded.processor.tokenizer(
            texts, padding="max_length", truncation=True, max_length=self.context, return_tensors="pt"
        )
        return {name: made[name].to(loaded.device) for name in ("input_ids", "attention_mask")}


def _frame(request: Ground) -> Hashable:
    return request.frame.frames.key, request.frame.index
