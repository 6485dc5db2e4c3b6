"""Any open_clip model as an encoder of crops and texts.

>>> from chatdesc.backends import create
>>> create("encoder", "open-clip:ViT-B-32-quickgelu/openai", device="cuda").name
'open-clip:ViT-B-32-quickgelu/openai'

Spellings of a model:

- ``NAME/TAG``: an open_clip architecture and its published weights, ``RN50-quickgelu/openai``;
- ``NAME/FILE``: the same with your own checkpoint, ``ViT-B-32//weights/mine.pt`` (the file is ``/weights/mine.pt``);
- ``local-dir:FOLDER``: a folder with open_clip_config.json and weights;
- ``hf-hub:ORG/NAME`` or ``hf-hub:ORG/NAME@REVISION``: a repository on the Hub.

Crops go through the model's own preprocessing, so numbers equal those of open_clip, whatever the batch; those that it
would cut are padded square first, or with ``open-clip-centre:MODEL`` are not.
"""

from __future__ import annotations

from typing import Any

from chatdesc.backends.crop_encoder import CropEncoder
from chatdesc.backends.open_clip_model import OpenClipModel, load, parse_spec


class OpenClipEncoder(CropEncoder):
    """An open_clip model; loaded on first use.

    Args:
        model, revision: see the spellings above.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        batch_size: crops or texts in one forward pass at first, in place of ``batching``'s choice.
    """

    family = "open-clip"

    def __init__(
        self,
        model: str = "",
        revision: str = "",
        *,
        device: str = "auto",
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        self.spec = parse_spec(model, revision)
        super().__init__(f"{self.family}:{self.spec.label}", device, batch_size)

    def _load(self) -> OpenClipModel:
        return load(self.spec, self.device)

    def describe_self(self) -> dict[str, str]:
        """Model, weights and preprocessing. Loads the model, so a run that cannot have it fails here."""
        return {"name": self.name, "revision": self.spec.revision, **self.loaded.facts, "crops": self.crops}


class CentreOpenClipEncoder(OpenClipEncoder):
    """``open-clip-centre:<model>``: crops are cut to their centre square, as open_clip does by itself."""

    family = "open-clip-centre"
    centre = True
