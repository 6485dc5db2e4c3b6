"""Any open_clip model as an encoder of crops and texts.

>>> from chatdesc.backends import create
>>> encoder = create("encoder", "open-clip:ViT-B-32-quickgelu/openai", device="cuda")
>>> [answer] = encoder.embed([Embed("clip", crops, ("the red car on the left",))])
>>> 100 * answer.crops @ answer.texts.T          # cosines x 100

A model is spelled

- ``NAME/TAG``: an open_clip architecture and its published weights, ``RN50-quickgelu/openai``;
- ``NAME/FILE``: the same with a checkpoint of yours, ``ViT-B-32//weights/mine.pt`` (the file is ``/weights/mine.pt``);
- ``local-dir:FOLDER``: a folder with open_clip_config.json and weights;
- ``hf-hub:ORG/NAME`` or ``hf-hub:ORG/NAME@REVISION``: a repository on the Hub.

Crops go through the model's own preprocessing, so that numbers equal open_clip's, whatever the batch.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.backends.open_clip_model import Loaded, load, parse_spec
from chatdesc.types import BackendError, Crop, Embed, Embedding, Image

log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]
CropKey = tuple[int, int, bytes]


class OpenClipEncoder:
    """An open_clip model; loaded when it is first asked for something.

    Args:
        model, revision: see the module's text.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        batch_size: crops or texts in one forward pass; halved for good when the device's memory does not suffice.
    """

    max_batch = 64
    workers = 1

    def __init__(
        self, model: str = "", revision: str = "", *, device: str = "auto", batch_size: int = 64, **options: Any
    ) -> None:
        self.spec = parse_spec(model, revision)
        self.name = f"open-clip:{self.spec.label}"
        self.device = device
        self.batch_size = max(1, batch_size)

    @cached_property
    def loaded(self) -> Loaded:
        """The model itself.

        Raises:
            BackendError: it is unknown, or its weights are not to be had; the message says what to do.
        """
        return load(self.spec, self.device)

    def describe_self(self) -> dict[str, str]:
        """Model, weights and preprocessing. Loads the model, so a run that cannot have it fails here."""
        return {"name": self.name, "revision": self.spec.revision, **self.loaded.facts}

    def embed(self, requests: list[Embed]) -> list[Embedding | Exception]:
        """Vectors of every request's crops and texts. Each frame is decoded once, each crop and text encoded once.

        Raises:
            BackendError: the model cannot be loaded, or a single item does not fit into the device's memory.
        """
        crops = self._crops(requests)
        texts = self._texts([t for r in requests for t in r.texts])
        return [_answer(r, crops, texts, self.loaded.width) for r in requests]

    def _crops(self, requests: list[Embed]) -> dict[CropKey, Vectors | Exception]:
        """A vector, or what went wrong, for each distinct crop; frame by frame, so that one is in memory at a time."""
        found: dict[CropKey, Vectors | Exception] = {}
        waiting: list[tuple[CropKey, Any]] = []
        for group in _by_frame(requests):
            waiting += _prepare(group, self.loaded.preprocess, found)
            while len(waiting) >= self.batch_size:
                self._encode_crops(waiting[: self.batch_size], found)
                waiting = waiting[self.batch_size :]
        self._encode_crops(waiting, found)
        return found

    def _encode_crops(self, items: list[tuple[CropKey, Any]], found: dict[CropKey, Vectors | Exception]) -> None:
        vectors = self._in_batches(self.loaded.encode_crops, [tensor for _, tensor in items])
        found.update(zip((key for key, _ in items), vectors, strict=True))

    def _texts(self, texts: list[str]) -> dict[str, tuple[Vectors, bool]]:
        distinct = list(dict.fromkeys(texts))
        if not distinct:
            return {}
        tokens, truncated = self.loaded.tokenize(distinct)
        vectors = self._in_batches(self.loaded.encode_texts, list(tokens))
        return dict(zip(distinct, zip(vectors, truncated, strict=True), strict=True))

    def _in_batches(self, encode: Callable[[list[Any]], Vectors], items: list[Any]) -> list[Vectors]:
        import torch

        done: list[Vectors] = []
        while len(done) < len(items):
            try:
                done += list(encode(items[len(done) : len(done) + self.batch_size]))
            except torch.cuda.OutOfMemoryError as error:
                self._shrink(error)
        return done

    def _shrink(self, error: Exception) -> None:
        import torch

        if self.batch_size == 1:
            raise BackendError(
                f"{self.name}: out of memory at one item; use a smaller model or --device cpu"
            ) from error
        self.batch_size //= 2
        torch.cuda.empty_cache()
        log.warning("%s: out of memory, going on with batches of %d", self.name, self.batch_size)


def _key(crop: Crop) -> CropKey:
    return id(crop.frame.frames), crop.frame.index, np.asarray(crop.box, np.float32).tobytes()


def _by_frame(requests: list[Embed]) -> list[list[Crop]]:
    groups: dict[tuple[int, int], dict[CropKey, Crop]] = {}
    for crop in (c for r in requests for c in r.crops):
        key = _key(crop)
        groups.setdefault(key[:2], {})[key] = crop
    return [list(group.values()) for group in groups.values()]


def _prepare(
    crops: list[Crop], preprocess: Any, failed: dict[CropKey, Vectors | Exception]
) -> list[tuple[CropKey, Any]]:
    """The model's input for crops of one frame; what goes wrong is put into ``failed``."""
    ready = []
    try:
        image = crops[0].frame.image()
    except Exception as error:
        failed.update((_key(crop), error) for crop in crops)
        return []
    for crop in crops:
        try:
            ready.append((_key(crop), preprocess(cut_out(image, crop.box))))
        except Exception as error:
            failed[_key(crop)] = error
    return ready


def cut_out(image: Image, box: ArrayLike) -> Any:
    """The part of an image in a box xywh, as a PIL picture: whole pixels, within the image, at least one.

    Raises:
        BackendError: the box is no box.
    """
    from PIL import Image as Pillow

    x, y, w, h = (float(v) for v in np.asarray(box, np.float64))
    if not (np.isfinite([x, y, w, h]).all() and w > 0 and h > 0):
        raise BackendError(f"there is nothing to crop in the box {[x, y, w, h]}")
    rows, columns = image.shape[:2]
    left, top = min(max(round(x), 0), columns - 1), min(max(round(y), 0), rows - 1)
    right, bottom = min(max(round(x + w), left + 1), columns), min(max(round(y + h), top + 1), rows)
    return Pillow.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))


def _answer(
    request: Embed,
    crops: dict[CropKey, Vectors | Exception],
    texts: dict[str, tuple[Vectors, bool]],
    width: int,
) -> Embedding | Exception:
    rows: list[Vectors] = []
    for crop in request.crops:
        found = crops[_key(crop)]
        if isinstance(found, Exception):
            return found
        rows.append(found)
    words = [texts[t][0] for t in request.texts]
    cut = np.array([texts[t][1] for t in request.texts], np.bool_)
    return Embedding(_stack(rows, width), _stack(words, width), cut)


def _stack(rows: list[Vectors], width: int) -> Vectors:
    return np.stack(rows) if rows else np.zeros((0, width), np.float32)
