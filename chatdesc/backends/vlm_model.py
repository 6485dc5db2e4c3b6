"""An image-text-to-text model of transformers: its checks, its loading, and its answers. See ``transformers_vlm``.

``load_vlm(resolve("HuggingFaceTB/SmolVLM2-500M-Video-Instruct"), "auto").generate(conversations, 64)`` answers each
conversation of a batch; a conversation is a Message, a list of turns in the form of transformers' chat templates.
"""

from __future__ import annotations

import logging
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from chatdesc.backends.closed_questions import SPELLINGS, YES, meaning
from chatdesc.backends.hub import Resolved, load, pick_attention, pick_device, pick_dtype, place, quiet
from chatdesc.backends.neural_model import Network
from chatdesc.types import BackendError

log = logging.getLogger(__name__)

Message = list[dict[str, Any]]


class VisionLanguageModel(Network):
    """An image-text-to-text model in memory, with a processor that has a chat template."""

    __slots__ = ()

    @property
    def cuts_edges(self) -> bool:
        """Whether the processor crops the middle out of a picture: a target at the side would be cut away."""
        return bool(getattr(self.processor.image_processor, "do_center_crop", False))

    def resized(self, picture: Any) -> tuple[int, int] | None:
        """Width and height in pixels to which a processor of Qwen's kind resizes a picture; None for others."""
        processor = self.processor.image_processor
        seen = processor(images=[picture], return_tensors="pt")
        if "image_grid_thw" not in seen:
            return None
        _, rows, columns = seen["image_grid_thw"][0].tolist()
        return columns * processor.patch_size, rows * processor.patch_size

    def generate(self, messages: list[Message], max_new_tokens: int) -> list[str]:
        """Greedy answers to a batch of conversations, of at most ``max_new_tokens`` each."""
        inputs, out = self._generate(messages, max_new_tokens)
        new = out.sequences[:, inputs["input_ids"].shape[1] :]
        return list(self.processor.batch_decode(new, skip_special_tokens=True))

    def chances(self, messages: list[Message]) -> list[tuple[float, float]]:
        """The probabilities that an answer begins with Yes, and with No, for a batch of conversations."""
        import torch

        _, out = self._generate(messages, 1, output_logits=True)
        found = torch.softmax(out.logits[0].float(), -1)
        yes, no = (found[:, ids].sum(-1).tolist() for ids in answer_tokens(self.processor.tokenizer))
        return list(zip(yes, no, strict=True))

    def _generate(self, messages: list[Message], max_new_tokens: int, **options: Any) -> tuple[Any, Any]:
        """What the model was given, and what it generated from it."""
        import torch

        with torch.inference_mode(), quiet():
            inputs = self.processor.apply_chat_template(
                messages,
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                processor_kwargs={"padding": True},
            ).to(self.device, dtype=self.dtype)
            options |= {"pad_token_id": self.processor.tokenizer.pad_token_id, "return_dict_in_generate": True}
            out = self.model.generate(**inputs, do_sample=False, num_beams=1, max_new_tokens=max_new_tokens, **options)
        return inputs, out


def answer_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """The tokens with which Yes begins in any spelling, and those with which No does; none of both.

    Raises:
        BackendError: the tokenizer has none that tell them apart.
    """
    yes, no = set[int](), set[int]()
    for word in SPELLINGS:
        first = tokenizer.encode(word, add_special_tokens=False)[:1]
        (yes if meaning(word) == YES else no).update(first)
    unknown = {tokenizer.unk_token_id}
    if not (yes - no - unknown and no - yes - unknown):
        raise BackendError("the model's vocabulary does not tell Yes from No, so it cannot answer closed questions")
    return sorted(yes - no - unknown), sorted(no - yes - unknown)


def load_vlm(
    found: Resolved, device: str, quantization: str = "", trust_remote_code: bool = False
) -> VisionLanguageModel:
    """Load a model and its processor.

    Raises:
        BackendError: they cannot be downloaded or read, do not fit, or were not made for conversations.
    """
    import transformers

    device = pick_device(device)
    dtype = pick_dtype(device)
    processor = load(transformers.AutoProcessor, found, trust_remote_code=trust_remote_code)
    if getattr(processor, "chat_template", None) is None or not hasattr(processor, "image_processor"):
        raise BackendError(f"{found.name} has no chat template for pictures; name an instruction-tuned model")
    processor.tokenizer.padding_side = "left"  # answers begin where prompts end
    if processor.tokenizer.pad_token_id is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": trust_remote_code}
    if quantization:
        four = {"load_in_4bit": True, "bnb_4bit_compute_dtype": dtype}
        config = transformers.BitsAndBytesConfig(**four if quantization == "4bit" else {"load_in_8bit": True})
        options |= {"quantization_config": config, "device_map": {"": device}}
    model = _load_model(found, device, options)
    model = model.eval() if quantization else place(model, device, found.name)
    return VisionLanguageModel(model, processor, device, dtype)


def _load_model(found: Resolved, device: str, options: dict[str, Any]) -> Any:
    """With flash attention where that is at hand and the architecture has it; else as transformers chooses (sdpa)."""
    import transformers

    cls = transformers.AutoModelForImageTextToText
    if pick_attention(device) == "flash_attention_2":
        try:
            return load(cls, found, attn_implementation="flash_attention_2", **options)
        except BackendError as error:
            log.info("%s: no flash attention (%s)", found.name, error)
    return load(cls, found, **options)


def check_kind(found: Resolved) -> None:
    """Refuse a model that is no image-text-to-text model, before its weights are read.

    Raises:
        BackendError: it is another kind of model, unknown to this transformers, or has Python code of its own.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KINDS

    kind = found.config.get("model_type")
    if kind in KINDS:
        return
    if "auto_map" in found.config:
        raise BackendError(f"{found.name} brings Python code of its own; read it, then allow it by trust_remote_code")
    if kind not in CONFIG_MAPPING_NAMES:
        raise BackendError(
            f"transformers {version('transformers')} knows no model of type {kind!r}; is there a newer one?"
        )
    raise BackendError(
        f"{found.name} is a {kind!r} model, which does not answer with text to a picture; name an image-text-to-text "
        "model such as HuggingFaceTB/SmolVLM2-500M-Video-Instruct"
    )


def check_quantization() -> None:
    """Refuse quantization without its packages.

    Raises:
        BackendError: bitsandbytes or accelerate is not installed.
    """
    if missing := [name for name in ("bitsandbytes", "accelerate") if find_spec(name) is None]:
        raise BackendError(f"--quantization needs {' and '.join(missing)}: pip install 'chatdesc[quantization]'")
