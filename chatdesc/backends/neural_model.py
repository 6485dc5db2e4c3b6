"""A network of transformers behind a grounder or a tracker: its loading, its arithmetic, and what it says of itself.

A family names its classes, the architectures it takes, and the backends (``homes``) of those that are not for it:

>>> class MyTracker(NeuralModel):
...     family, model_types, model_class, processor_class = "mine", ("my_video",), "MyVideoModel", "MyProcessor"
...     homes = {"sam2_video": "sam2"}
>>> MyTracker("org/model").loaded.model
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import Any, ClassVar

from chatdesc.backends import hub
from chatdesc.types import BackendError


@dataclass(frozen=True, slots=True)
class Loaded:
    """A network in memory with its processor; ``dtype`` is that of its arithmetic on a GPU."""

    model: Any
    processor: Any
    device: str
    dtype: Any
    facts: dict[str, str]


class NeuralModel:
    """Loads its network when it is first asked for. Weights stay in float32; a GPU computes in ``dtype`` by autocast.

    Args:
        model, revision: a Hub id and a commit, branch or tag, or a folder.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    """

    family: ClassVar[str]
    model_types: ClassVar[tuple[str, ...]]
    model_class: ClassVar[str]
    processor_class: ClassVar[str]
    homes: ClassVar[dict[str, str]]

    def __init__(self, model: str, revision: str, device: str) -> None:
        self.model, self.revision, self.device = model, revision, device
        self.name = f"{self.family}:{hub.public_name(model)}"

    @cached_property
    def loaded(self) -> Loaded:
        """The network itself.

        Raises:
            BackendError: it is unknown, not to be had, too large, or of another architecture; the message says what
                to do.
        """
        return self._load()

    def _load(self) -> Loaded:
        import transformers

        found = hub.resolve(self.model, self.revision)
        self._check(found)
        device = hub.pick_device(self.device)
        dtype = self._dtype(device)
        processor = hub.load(getattr(transformers, self.processor_class), found)
        network = hub.place(self._network(found), device, self.name)
        return Loaded(network, processor, device, dtype, found.facts())

    def _check(self, found: hub.Resolved) -> None:
        """Refuse another architecture before its weights are read."""
        kind = str(found.config.get("model_type", "unknown"))
        if kind not in self.model_types:
            raise BackendError(f"{found.name} is a {kind} model; {self._remedy(kind, found.name)}")

    def _remedy(self, kind: str, model: str) -> str:
        """What to write in place of this backend or this model."""
        home = self.homes.get(kind)
        return f"write {home}:{model}" if home else f"{self.family} takes {' or '.join(self.model_types)}"

    def _network(self, found: hub.Resolved, **options: Any) -> Any:
        import torch
        import transformers

        # some are published in half precision, which autocast does not expect and a CPU is slow at
        return hub.load(getattr(transformers, self.model_class), found, dtype=torch.float32, **options)

    def _dtype(self, device: str) -> Any:
        return hub.pick_dtype(device)

    def _arithmetic(self) -> Any:
        """A context in which a GPU computes in the chosen precision."""
        import torch

        loaded = self.loaded
        half = loaded.device.startswith("cuda") and loaded.dtype != torch.float32
        return torch.autocast("cuda", loaded.dtype) if half else nullcontext()

    def describe_self(self) -> dict[str, str]:
        """Model, weights and arithmetic. Loads the model, so a run that cannot have it fails here."""
        return {
            "name": self.name,
            **self.loaded.facts,
            "dtype": str(self.loaded.dtype).removeprefix("torch."),
            "transformers": version("transformers"),
        }
