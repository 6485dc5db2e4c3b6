"""Any image-text-to-text model of transformers as a describer.

>>> from chatdesc.backends import create
>>> create("describer", "transformers:HuggingFaceTB/SmolVLM2-500M-Video-Instruct", region="box+crop").name
'transformers:HuggingFaceTB/SmolVLM2-500M-Video-Instruct'

A model is a Hub id (``ORG/NAME`` or ``ORG/NAME@REVISION``) or a folder. Answers are greedy and returned unchanged: the
parser skips thoughts and chatter. A model that thinks aloud needs a higher ``max_new_tokens``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from chatdesc.backends.batching import Batches
from chatdesc.backends.hub import SHIPPED, Resolved, pick_device, pick_dtype, resolve
from chatdesc.backends.vlm_model import (
    Message,
    VisionLanguageModel,
    answer_tokens,
    check_kind,
    check_quantization,
    load_vlm,
)
from chatdesc.protocols import each
from chatdesc.region import PLACEHOLDER, REGIONS, coordinates, show
from chatdesc.types import Ask, BackendError, Boxes, Describe, FrameRef, Image, Reply, UnreadableAnswer

A = TypeVar("A")

MAX_PIXELS = 1024 * 1024
QUANTIZATIONS = ("", "4bit", "8bit")
# The convention for boxes that a model was trained with, by config.json's model_type; the others use thousandths.
CONVENTION = {"qwen2_5_vl": "pixels", "llava": "unit", "llava_next": "unit", "llava_onevision": "unit"}
GREY = 127
LEAST = 0.1  # probability of Yes and No together, under which a model does not answer the question


class TransformersDescriber:
    """An image-text-to-text model as a describer; loaded on first use.

    Args:
        model, revision: Hub id or folder, and a branch, tag or commit.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        region: the part of the frame that it is shown, one of ``chatdesc.region.REGIONS``; prompts must match it.
        max_pixels: larger pictures are downscaled; the model's own processor may shrink them further.
        max_new_tokens: the longest answer, in tokens.
        quantization: ``4bit`` or ``8bit`` (bitsandbytes), or none.
        max_batch: requests in one pass; halved for good when the device's memory does not suffice.
        trust_remote_code: run Python code from the model's repository.
    """

    workers = 1

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        device: str = "auto",
        region: str = "box",
        max_pixels: int | None = None,
        max_new_tokens: int = 256,
        quantization: str = "",
        max_batch: int = 8,
        trust_remote_code: bool = False,
        **options: Any,
    ) -> None:
        if region not in REGIONS:
            raise BackendError(f"no region prompt is called {region!r}; there are: {', '.join(REGIONS)}")
        if quantization not in QUANTIZATIONS:
            raise BackendError(f"--quantization is 4bit or 8bit, not {quantization!r}")
        self.model, self.revision, self.device = model, revision, device
        self.name = f"transformers:{Path(model).name if Path(model).expanduser().is_dir() else model}"
        self.region, self.max_pixels, self.max_new_tokens = region, max_pixels or MAX_PIXELS, max_new_tokens
        self.quantization, self.trust_remote_code = quantization, trust_remote_code
        self.max_batch = max(1, max_batch)

    @cached_property
    def found(self) -> Resolved:
        """The model's place, before it is loaded.

        Raises:
            BackendError: it cannot be had, or takes no pictures.
        """
        found = resolve(self.model, self.revision)
        if not self.trust_remote_code:
            check_kind(found)
        if self.quantization:
            check_quantization()
        return found

    @cached_property
    def facts(self) -> dict[str, str]:
        """The model's name, and its commit or the hash of its weights."""
        return self.found.facts()

    def describe_self(self) -> dict[str, str]:
        """Model, revision and what shapes its answers. Does not load the model, but fails where it cannot be had."""
        return {
            "name": self.name,
            **self.facts,
            "dtype": str(pick_dtype(pick_device(self.device))).removeprefix("torch."),
            "quantization": self.quantization,
            "region": self.region,
            "max_pixels": str(self.max_pixels),
            "max_new_tokens": str(self.max_new_tokens),
            "transformers": version("transformers"),
        }

    @cached_property
    def loaded(self) -> VisionLanguageModel:
        """The model itself.

        Raises:
            BackendError: it cannot be had, does not fit, or takes no pictures; the message has a remedy.
        """
        return load_vlm(self.found, self.device, self.quantization, self.trust_remote_code)

    @cached_property
    def batches(self) -> Batches:
        """The batch size that fits; it shrinks, and never grows beyond ``max_batch``."""
        return Batches(
            self.name,
            self.max_batch,
            device=self.loaded.device,
            limit=self.max_batch,
            smallest="a single request; lower --max-pixels, use --quantization 4bit, a smaller model or --device cpu",
            rejected="{name} cannot take this picture ({reason}); try another --region or --max-pixels",
        )

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        """The model's raw answers, in batches that fit into memory; a request that fails is answered with its error.

        Raises:
            BackendError: the model cannot be loaded.
        """
        loaded = self.loaded
        own = self.model.startswith(SHIPPED)  # it knows no line of the prompt but those that it was trained on
        made = each(requests, lambda r: self.message(r.frame, r.box, r.plain_prompt if own else r.prompt, loaded))
        return self._in_batches(made, self._say)

    def ask(self, requests: list[Ask]) -> list[Reply | Exception]:
        """Yes or No by the first word that the model would say, with the probability of Yes.

        Raises:
            BackendError: the model cannot be loaded, or its vocabulary does not tell Yes from No.
        """
        loaded = self.loaded
        answer_tokens(loaded.processor.tokenizer)
        found: dict[int, Reply | Exception] = {}
        for pictured in (True, False):  # a batch has pictures in all conversations or in none
            places = [k for k, request in enumerate(requests) if (request.frame is not None) == pictured]
            made = each([requests[k] for k in places], lambda request: self._question(request, loaded))
            chances = self._in_batches(made, self._chances)
            found |= zip(places, each(chances, _reply), strict=True)
        return [found[k] for k in range(len(requests))]

    def message(self, frame: FrameRef, box: Boxes, prompt: str, loaded: VisionLanguageModel) -> Message:
        """Pictures and prompt in the form of transformers' chat templates.

        Raises:
            BackendError, FrameError: the box has no area, or the frame cannot be read.
        """
        from PIL import Image as Pillow

        image = frame.image()
        shown = show(image, box, self.region, self.max_pixels)
        size, resized = (image.shape[1], image.shape[0]), None
        if loaded.cuts_edges:
            shown, size = [squared(picture) for picture in shown], (max(size), max(size))
        pictures = [Pillow.fromarray(np.ascontiguousarray(picture)) for picture in shown]
        if self.region == "coords":
            convention = CONVENTION.get(self.found.config.get("model_type", ""), "thousand")
            resized = loaded.resized(pictures[0]) if convention == "pixels" else None
            # The prompt's own placeholder comes first; what models said is quoted after it and may hold another.
            prompt = prompt.replace(PLACEHOLDER, coordinates(box, size, convention, resized), 1)
        return _turn(*({"type": "image", "image": picture} for picture in pictures), {"type": "text", "text": prompt})

    def _question(self, request: Ask, loaded: VisionLanguageModel) -> Message:
        if request.frame is None or request.box is None:
            return _turn({"type": "text", "text": request.question})
        return self.message(request.frame, request.box, request.question, loaded)

    def _in_batches(
        self, made: list[Message | Exception], run: Callable[[Sequence[Message]], list[A]]
    ) -> list[A | Exception]:
        """What the model answers to conversations; an exception in place of one stays."""
        answers = iter(self.batches.run_each([m for m in made if not isinstance(m, Exception)], run))
        return [m if isinstance(m, Exception) else next(answers) for m in made]

    def _say(self, batch: Sequence[Message]) -> list[str]:
        return self.loaded.generate(list(batch), self.max_new_tokens)

    def _chances(self, batch: Sequence[Message]) -> list[tuple[float, float]]:
        return self.loaded.chances(list(batch))


def _turn(*content: dict[str, Any]) -> Message:
    return [{"role": "user", "content": list(content)}]


def _reply(chances: tuple[float, float] | Exception) -> Reply:
    """The answer that the probabilities of Yes and of No give.

    Raises:
        UnreadableAnswer: the model would begin with another word.
    """
    if isinstance(chances, Exception):
        raise chances
    yes, no = chances
    if not yes + no >= LEAST:  # so that NaN, which half precision may give, is none
        raise UnreadableAnswer(f"it begins its answer with neither Yes nor No (probability of both {yes + no:.3f})")
    return Reply(yes >= no, yes / (yes + no))


def squared(image: Image) -> Image:
    """A picture with grey below or beside it, so that nothing is lost when the middle is cut out of it."""
    rows, columns = image.shape[:2]
    side = max(rows, columns)
    return np.pad(image, ((0, side - rows), (0, side - columns), (0, 0)), constant_values=GREY)
