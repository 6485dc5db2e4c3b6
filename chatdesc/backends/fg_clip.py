"""FG-CLIP 2 as an encoder of crops and texts.

Xie et al., "FG-CLIP 2: A Bilingual Fine-grained Vision-language Alignment Model", arXiv 2510.10921. The published
models (``qihoo360/fg-clip2-base``, ``-large``, ``-so400m``) bring Python code of their own, which transformers does not
have; it runs only with ``--trust-remote-code``. Crops keep their aspect, in as many patches as the authors give a
picture of that size. Texts are lower-cased, and cut to the 64 tokens of the model's way for short texts.
"""

from __future__ import annotations

import json
from collections import defaultdict
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.backends import hub
from chatdesc.backends.crop_encoder import CropEncoder, EncoderModel
from chatdesc.types import BackendError

KIND = "fgclip2"
CONTEXT = 64  # tokens of a short text
PATCH = 16
PATCHES = (128, 256, 576, 784, 1024)


class FgClipEncoder(CropEncoder):
    """``fg-clip:<model>``.

    Args:
        model, revision: a Hub id and a commit, branch or tag, or a folder.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        batch_size: crops or texts in one forward pass at first, in place of ``batching``'s choice.
        trust_remote_code: run the Python code of the model's repository.
    """

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        device: str = "auto",
        batch_size: int | None = None,
        trust_remote_code: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(f"fg-clip:{hub.public_name(model)}", device, batch_size)
        self.model, self.revision, self.trusted = model, revision, trust_remote_code

    def _load(self) -> FgClipModel:
        import torch
        import transformers

        found = hub.resolve(self.model, self.revision)
        kind = str(found.config.get("model_type", "unknown"))
        if kind != KIND:
            raise BackendError(
                f"{found.name} is a {kind} model; fg-clip takes {KIND}, as qihoo360/fg-clip2-base; clip takes SigLIP 2"
            )
        if not self.trusted:
            raise BackendError(
                f"{found.name} brings Python code of its own, which transformers {version('transformers')} does not "
                "have: read it, then allow it with --trust-remote-code; clip:google/siglip2-base-patch16-224, of the "
                "family that it was made from, needs none"
            )
        device = hub.pick_device(self.device)
        trusted = {"trust_remote_code": True}
        model = hub.load(transformers.AutoModelForCausalLM, found, dtype=torch.float32, **trusted)
        tokenizer = hub.load(transformers.AutoTokenizer, found, **trusted)
        pictures = hub.load(transformers.AutoImageProcessor, found, **trusted)
        return FgClipModel(hub.place(model, device, self.name), tokenizer, pictures, device, found.facts())

    def describe_self(self) -> dict[str, str]:
        """Model, weights and preprocessing. Loads the model, so a run that cannot have it fails here."""
        return {"name": self.name, **self.loaded.facts, "transformers": version("transformers"), "crops": self.crops}


class FgClipModel(EncoderModel):
    """A model in memory with its tokenizer and its preprocessing of pictures."""

    def __init__(self, model: Any, tokenizer: Any, pictures: Any, device: str, facts: dict[str, str]) -> None:
        self.tokenizer, self.pictures = tokenizer, pictures
        settings = pictures.to_dict()
        shown = {k: settings[k] for k in sorted(settings) if k.startswith(("do_", "image_", "patch", "resample"))}
        preprocessing = json.dumps(shown, sort_keys=True, default=str)
        super().__init__(model, device, {**facts, "preprocessing": preprocessing, "texts": "short"}, cuts=False)

    def preprocess(self, picture: Any) -> dict[str, Any]:
        """A picture as the model takes it, on the CPU, without a batch."""
        made = self.pictures(images=[picture], max_num_patches=patches(*picture.size), return_tensors="pt")
        return {name: values[0] for name, values in made.items()}

    def tokenize(self, texts: list[str]) -> tuple[list[dict[str, Any]], list[bool]]:
        """Each text as the model takes it, and which were cut."""
        small = [text.lower() for text in texts]
        whole = self.tokenizer(small)["input_ids"]
        made = self.tokenizer(small, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt")
        rows = [{name: values[i] for name, values in made.items()} for i in range(len(texts))]
        return rows, [len(ids) > CONTEXT for ids in whole]

    def encode_crops(self, items: list[dict[str, Any]]) -> NDArray[np.float32]:
        alike = defaultdict[tuple[int, ...], list[int]](list)  # those of one size go into one pass
        for k, item in enumerate(items):
            alike[tuple(item["pixel_values"].shape)].append(k)
        vectors = {
            k: row
            for places in alike.values()
            for k, row in zip(places, self._vectors(self.model.get_image_features, [items[k] for k in places]))
        }
        return np.stack([vectors[k] for k in range(len(items))])

    def encode_texts(self, items: list[dict[str, Any]]) -> NDArray[np.float32]:
        return self._vectors(self.model.get_text_features, items, walk_type="short")

    def _vectors(self, encode: Any, items: list[dict[str, Any]], **how: str) -> NDArray[np.float32]:
        import torch

        batch = {name: torch.stack([item[name] for item in items]).to(self.device) for name in items[0]}
        with torch.inference_mode():
            rows = encode(**batch, **how)
            rows = rows / rows.norm(dim=-1, keepdim=True)
        return np.asarray(rows.float().cpu().numpy(), np.float32)


def patches(width: int, height: int) -> int:
    """How many patches a picture may have, by its size in pixels; the authors' steps.

    >>> patches(160, 160), patches(320, 200), patches(4000, 3000)
    (128, 256, 1024)
    """
    fitting = (width // PATCH) * (height // PATCH)
    return next((most for most in PATCHES if fitting <= most), PATCHES[-1])
