"""A network of transformers behind a grounder or a tracker: its loading, its arithmetic, and its provenance.

A family names its classes, the architectures that it takes, and the backends (``homes``) of other architectures:

>>> class MyTracker(NeuralModel):
...     family, model_types, model_class, processor_class = "mine", ("my_video",), "MyVideoModel", "MyProcessor"
...     homes = {"sam2_video": "sam2"}
>>> tracker = MyTracker("org/model", "", "cpu")
>>> tracker.name
'mine:org/model'
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
class Network:
    """A network of transformers in memory.

    Attributes:
        model: on ``device``, in inference mode.
        processor: what prepares pictures and texts for it.
        device: as torch spells it, ``cuda:1``.
        dtype: the torch dtype of its arithmetic.
    """

    model: Any
    processor: Any
    device: str
    dtype: Any


class NeuralModel:
    """Loads its network on first use. Weights stay in float32; a GPU computes in ``dtype`` by autocast.

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
    def resolved(self) -> hub.Resolved:
        """The model's place, before its weights are read.

        Raises:
            BackendError: it is unknown, cannot be had, or is of another architecture.
        """
        resolved = hub.resolve(self.model, self.revision)
        self._check(resolved)
        return resolved

    @cached_property
    def facts(self) -> dict[str, str]:
        """The model's name, and its commit or the hash of its weights."""
        return self.resolved.facts()

    @cached_property
    def loaded(self) -> Network:
        """The network itself.

        Raises:
            BackendError: it is unknown, cannot be had, is too large, or of another architecture; the message has a
                remedy.
        """
        return self._load()

    def _load(self) -> Network:
        import transformers

        resolved, device = self.resolved, hub.pick_device(self.device)
        dtype = self._dtype(device)
        processor = hub.load(getattr(transformers, self.processor_class), resolved)
        network = hub.place(self._network(resolved), device, self.name)
        return Network(network, processor, device, dtype)

    def _check(self, resolved: hub.Resolved) -> None:
        """Refuse another architecture before its weights are read."""
        kind = str(resolved.config.get("model_type", "unknown"))
        if kind not in self.model_types:
            raise BackendError(f"{resolved.name} is a {kind} model; {self._remedy(kind, resolved.name)}")

    def _remedy(self, kind: str, model: str) -> str:
        """The backend for this model, or the models for this backend."""
        home = self.homes.get(kind)
        return f"write {home}:{model}" if home else f"{self.family} takes {' or '.join(self.model_types)}"

    def _network(self, resolved: hub.Resolved, **options: Any) -> Any:
        import torch
        import transformers

        # some are published in half precision, which autocast does not expect and a CPU is slow at
        return hub.load(getattr(transformers, self.model_class), resolved, dtype=torch.float32, **options)

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
        dtype = self.loaded.dtype
        return {
            "name": self.name,
            **self.facts,
            "dtype": str(dtype).removeprefix("torch."),
            "transformers": version("transformers"),
        }
