"""The base of the encoders with a neural network: each frame decoded once a call, each crop and text encoded once.

A family defines ``_load``, which gives an EncoderModel. CLIP's own preprocessing cuts the centre square out of a
picture, which of a target four times as high as wide leaves a quarter; so crops are padded square before it. A model
whose preprocessing keeps the whole picture is left alone. The centre square stays to be had by name, for comparison
with published figures: ``open-clip-centre:MODEL``, ``clip-centre:MODEL``.

Crops are cut out on whole pixels:

>>> image = np.zeros((48, 64, 3), np.uint8)
>>> cut_out(image, [10.4, 10, 20, 30]).size                # width and height; the box is x, y, width, height
(20, 30)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chatdesc.backends.batching import Batches, own_batches
from chatdesc.backends.hub import pick_device
from chatdesc.types import BackendError, Crop, Embed, Embedding, Image

Vectors = NDArray[np.float32]
CropKey = tuple[int, int, bytes]

TEXTS = 4096  # whose vectors are kept


class EncoderModel(ABC):
    """A model of crops and texts in memory.

    Attributes:
        model: the network, on ``device`` and in inference mode.
        facts: model, weights and preprocessing, for a row's provenance.
        cuts: whether its own preprocessing loses what lies beside the centre square of a picture.
        fill: the colour, RGB in [0, 255], that its own preprocessing makes zero.
        room: the shorter side after its resizing, in sides of the square that it cuts out; 1 where only the longer
            side is cut.
    """

    def __init__(
        self,
        model: Any,
        device: str,
        facts: dict[str, str],
        cuts: bool,
        fill: tuple[int, int, int] = (0, 0, 0),
        room: float = 1.0,
    ) -> None:
        self.model, self.device, self.facts, self.cuts = model, device, facts, cuts
        self.fill, self.room = fill, room

    @cached_property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.encode_texts(list(self.tokenize(["a"])[0])).shape[1])

    @abstractmethod
    def preprocess(self, picture: Any) -> Any:
        """A PIL picture as the model takes it, on the CPU, without a batch."""

    @abstractmethod
    def tokenize(self, texts: list[str]) -> tuple[Any, list[bool]]:
        """Each text as the model takes it, and whether it was cut."""

    @abstractmethod
    def encode_crops(self, items: Any) -> Vectors:
        """Unit vectors [N, width] of N pictures from ``preprocess``."""

    @abstractmethod
    def encode_texts(self, items: Any) -> Vectors:
        """Unit vectors [N, width] of N texts from ``tokenize``."""


class CropEncoder(ABC):
    """Base of the encoders; loads its model on first use.

    ``batch_size`` crops or texts go into one forward pass at first. Where it is not given, 64 do; on a CPU the crops of
    one request, and a text alone.
    """

    max_batch = 64
    workers = 1
    centre = False  # whether the model's own preprocessing may cut a crop to its centre square

    def __init__(self, name: str, device: str, batch_size: int | None) -> None:
        self.name, self.device, self._first_size = name, device, batch_size
        self._known: dict[str, tuple[Vectors, bool]] = {}

    @abstractmethod
    def _load(self) -> EncoderModel: ...

    @cached_property
    def loaded(self) -> EncoderModel:
        """The model itself.

        Raises:
            BackendError: it is unknown, or its weights cannot be had; the message has a remedy.
        """
        model = self._load()
        if self.centre and not model.cuts:
            raise BackendError(f"{self.name}: this model sees the whole crop anyway; name it without -centre")
        return model

    @property
    def crops(self) -> str:
        """What the model sees of a crop, for a row's provenance: ``padded square``, ``centre square`` or ``whole``."""
        seen = "centre square" if self.centre else "padded square"
        return seen if self.loaded.cuts else "whole"

    def _look(self, picture: Any) -> Any:
        """A crop as the model takes it."""
        pad = self.loaded.cuts and not self.centre
        return self.loaded.preprocess(padded(picture, self.loaded.fill, self.loaded.room) if pad else picture)

    @cached_property
    def batches(self) -> Batches:
        """The batch size that fits, for crops and for texts."""
        return Batches(self.name, 64 if self._first_size is None else self._first_size, device=self.loaded.device)

    @property
    def batches_gain(self) -> bool:
        """Whether a batch is faster than its requests one by one."""
        return pick_device(self.device) != "cpu"

    def embed(self, requests: list[Embed]) -> list[Embedding | Exception]:
        """Vectors of every request's crops and texts. Each frame is decoded once, each crop and text encoded once.

        Raises:
            BackendError: the model cannot be loaded, or a single item does not fit into the device's memory.
        """
        alone = own_batches(self._first_size, self.loaded.device)
        crops: dict[CropKey, Vectors | Exception] = {}
        for part in [[request] for request in requests] if alone else [requests]:
            self._crops(part, crops)
        texts = self._texts([t for r in requests for t in r.texts])
        return [_answer(r, crops, texts, self.loaded.width) for r in requests]

    def _crops(self, requests: list[Embed], found: dict[CropKey, Vectors | Exception]) -> None:
        """A vector, or what went wrong, for each crop not yet ``found``; frame by frame: one is in memory at a time."""
        waiting: list[tuple[CropKey, Any]] = []
        for group in _by_frame(requests, found):
            waiting += _prepare(group, self._look, found)
            while len(waiting) >= (size := self.batches.size):
                self._encode_crops(waiting[:size], found)
                waiting = waiting[size:]
        self._encode_crops(waiting, found)

    def _encode_crops(self, items: Sequence[tuple[CropKey, Any]], found: dict[CropKey, Vectors | Exception]) -> None:
        vectors = self.batches.run([made for _, made in items], self.loaded.encode_crops)
        found.update(zip((key for key, _ in items), vectors, strict=True))

    def _texts(self, texts: list[str]) -> dict[str, tuple[Vectors, bool]]:
        """A vector for each distinct text, and whether it was cut. A tracked text comes again with every key frame."""
        distinct = list(dict.fromkeys(texts))
        new = [text for text in distinct if text not in self._known]
        if new:
            tokens, truncated = self.loaded.tokenize(new)
            # a text is asked for by many, and kept: on a CPU none depends on the others
            size = 1 if own_batches(self._first_size, self.loaded.device) else len(new)
            parts = [tokens[i : i + size] for i in range(0, len(new), size)]
            vectors = [v for part in parts for v in self.batches.run(list(part), self.loaded.encode_texts)]
            self._known.update(zip(new, zip(vectors, truncated, strict=True), strict=True))
        found = {text: self._known[text] for text in distinct}
        for text in list(self._known)[:-TEXTS]:
            del self._known[text]
        return found


def _key(crop: Crop) -> CropKey:
    return id(crop.frame.frames), crop.frame.index, np.asarray(crop.box, np.float32).tobytes()


def _by_frame(requests: list[Embed], found: Container[CropKey]) -> list[list[Crop]]:
    groups: dict[tuple[int, int], dict[CropKey, Crop]] = {}
    for crop in (c for r in requests for c in r.crops):
        key = _key(crop)
        if key not in found:
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


def padded(picture: Any, fill: tuple[int, int, int], room: float = 1.0) -> Any:
    """A PIL picture in the middle of a square of the colour ``fill``, ``room`` times as large as its longer side."""
    from PIL import Image as Pillow

    side = math.ceil(max(picture.size) * room)
    square = Pillow.new("RGB", (side, side), fill)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def colour_of(mean: Sequence[float]) -> tuple[int, int, int]:
    """The mean that a preprocessing subtracts, in [0, 1] per channel, as a colour."""
    red, green, blue = (round(255 * value) for value in mean)
    return red, green, blue


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
