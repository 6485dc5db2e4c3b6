"""An encoder around any other whose cosines lie as CLIP's do: image-text in .2 to .3, image-image in .5 to .95.

Offline encoders have cosines from 0 to 1, so a threshold or a weight that fits them says nothing of CLIP. A constant
component, one for images and another for texts, is joined to each vector of length 1, which is made as long as 1 again.
So the order of cosines among images, and between images and texts, stays; a text of unknown words is a vector too.

>>> from chatdesc.backends import create
>>> encoder = NarrowCone(create("encoder", "attributes"))
>>> encoder.name
'narrow-cone:attributes'
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chatdesc.protocols import Encoder
from chatdesc.types import Embed, Embedding

IMAGES, TEXTS = 1.2, 5.0  # lengths of the constant components
ANGLE = 0.265  # cosine of the two


class NarrowCone:
    """The encoder ``inner`` with its vectors pushed into a narrow cone for images and another one for texts."""

    def __init__(self, inner: Encoder) -> None:
        self.inner = inner
        self.name, self.max_batch, self.workers = f"narrow-cone:{inner.name}", inner.max_batch, inner.workers

    def describe_self(self) -> dict[str, str]:
        """The facts of the inner encoder under another name."""
        return self.inner.describe_self() | {"name": self.name}

    def embed(self, requests: list[Embed]) -> list[Embedding | Exception]:
        """The inner encoder's answers, narrowed."""
        return [a if isinstance(a, Exception) else self._narrowed(a) for a in self.inner.embed(requests)]

    def _narrowed(self, answer: Embedding) -> Embedding:
        images = narrowed(answer.crops, IMAGES * np.array([1.0, 0.0]))
        images[np.linalg.norm(answer.crops, axis=1) == 0] = 0  # crops of which nothing is known
        texts = narrowed(answer.texts, TEXTS * np.array([ANGLE, np.sqrt(1 - ANGLE**2)]))
        return replace(answer, crops=images, texts=texts)


def narrowed(vectors: NDArray[np.float32], constant: NDArray[np.float64]) -> NDArray[np.float32]:
    """Vectors [N, D] with a constant joined to each, of length 1."""
    joined = np.concatenate([np.tile(constant, (len(vectors), 1)), vectors], axis=1)
    return (joined / np.linalg.norm(joined, axis=1, keepdims=True)).astype(np.float32)
