"""CLIP, SigLIP and SigLIP 2 from transformers as encoders of crops and texts.

>>> from chatdesc.backends import create
>>> create("encoder", "clip:google/siglip2-base-patch16-224@main", device="cuda").name
'clip:google/siglip2-base-patch16-224'

Crops are cut out before they are resized, and padded square where the model's own preprocessing would cut them (CLIP);
with ``clip-centre:MODEL`` they are not. Texts are padded the way a family was trained (SigLIP: to its full length)
and cut to the model's own length, 77 or 64 tokens, with their end token kept. Vectors have length 1; SigLIP's bias
and temperature are not part of a cosine. Weights stay in float32, because numbers are compared.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.backends import hub
from chatdesc.backends.crop_encoder import CropEncoder, EncoderModel, colour_of
from chatdesc.types import BackendError

PADDING = {"clip": True, "siglip": "max_length", "siglip2": "max_length"}


class TransformersClipEncoder(CropEncoder):
    """``clip:<model>``.

    Args:
        model, revision: a Hub id and a commit, branch or tag, or a folder.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        batch_size: crops or texts in one forward pass at first, in place of ``batching``'s choice.
    """

    family = "clip"

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        device: str = "auto",
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(f"{self.family}:{hub.public_name(model)}", device, batch_size)
        self.model, self.revision = model, revision

    def _load(self) -> TransformersClipModel:
        import torch
        import transformers

        found = hub.resolve(self.model, self.revision)
        kind = str(found.config.get("model_type", "unknown"))
        if kind not in PADDING:
            raise BackendError(
                f"{found.name} is a {kind} model; clip takes {', '.join(PADDING)}, open-clip has many others"
            )
        device = hub.pick_device(self.device)
        model = hub.place(hub.load(transformers.AutoModel, found, dtype=torch.float32), device, self.name)
        processor = hub.load(transformers.AutoProcessor, found)
        return TransformersClipModel(model, processor, device, found.facts())

    def describe_self(self) -> dict[str, str]:
        """Model, weights and preprocessing. Loads the model, so a run that cannot have it fails here."""
        return {"name": self.name, **self.loaded.facts, "transformers": version("transformers"), "crops": self.crops}


class CentreTransformersClipEncoder(TransformersClipEncoder):
    """``clip-centre:<model>``: crops are cut to their centre square, as transformers does by itself."""

    family = "clip-centre"
    centre = True


class TransformersClipModel(EncoderModel):
    """A model in memory with its processor; ``context`` is its length of a text in tokens."""

    def __init__(self, model: Any, processor: Any, device: str, facts: dict[str, str]) -> None:
        self.processor, self.padding = processor, PADDING[model.config.model_type]
        lengths = (model.config.text_config.max_position_embeddings, processor.tokenizer.model_max_length)
        self.context = min(lengths)
        settings = processor.image_processor.to_dict()
        shown = {
            k: settings[k] for k in sorted(settings) if k.startswith(("crop", "do_", "image_", "resample", "size"))
        }
        preprocessing = json.dumps(shown, sort_keys=True, default=str)
        cuts = bool(settings.get("do_center_crop")) or "shortest_edge" in (settings.get("size") or {})
        fill = colour_of(settings["image_mean"])
        super().__init__(model, device, {**facts, "preprocessing": preprocessing}, cuts, fill, _room(settings))

    def preprocess(self, picture: Any) -> dict[str, Any]:
        """A picture as the model takes it, on the CPU, without a batch."""
        made = self.processor.image_processor(images=[picture], return_tensors="pt")
        return {name: values[0] for name, values in made.items()}

    def tokenize(self, texts: list[str]) -> tuple[list[dict[str, Any]], list[bool]]:
        """Each text as the model takes it, and which were cut."""
        whole = self.processor.tokenizer(texts)["input_ids"]
        made = self.processor(
            text=texts, padding=self.padding, truncation=True, max_length=self.context, return_tensors="pt"
        )
        rows = [{name: values[i] for name, values in made.items()} for i in range(len(texts))]
        return rows, [len(ids) > self.context for ids in whole]

    def encode_crops(self, items: list[dict[str, Any]]) -> NDArray[np.float32]:
        return self._vectors(self.model.get_image_features, items)

    def encode_texts(self, items: list[dict[str, Any]]) -> NDArray[np.float32]:
        return self._vectors(self.model.get_text_features, items)

    def _vectors(self, encode: Any, items: list[dict[str, Any]]) -> NDArray[np.float32]:
        import torch

        batch = {name: torch.stack([item[name] for item in items]).to(self.device) for name in items[0]}
        with torch.inference_mode():
            rows = encode(**batch).pooler_output
            rows = rows / rows.norm(dim=-1, keepdim=True)
        return np.asarray(rows.float().cpu().numpy(), np.float32)


def _room(settings: dict[str, Any]) -> float:
    """The shorter side after resizing, in sides of the square that is cut out.

    >>> _room({"do_center_crop": True, "size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}})
    1.1428571428571428
    """
    shortest = (settings.get("size") or {}).get("shortest_edge")
    square = (settings.get("crop_size") or {}).get("height")
    return max(1.0, shortest / square) if settings.get("do_center_crop") and shortest and square else 1.0
