"""The verifier ``learned``: a small network that was trained on recorded evidence; by itself the shipped one.

>>> LearnedVerifier().name
'learned:tiny:verifier'
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from chatdesc.backends import hub
from chatdesc.evidence import Choice
from chatdesc.types import BackendError, Verify
from chatdesc.verification.features import NAMES

OWN = "tiny:verifier"
WEIGHTS = "model.safetensors"
AGAIN = "train it again with `chatdesc train-verifier`"


class LearnedVerifier:
    """Loads its network on first use, and runs it on the CPU, where an answer takes about a millisecond.

    Args:
        model, revision: a Hub id and a commit, branch or tag, or a folder; without one, the network of the package.
    """

    max_batch, workers = 1, 2

    def __init__(self, model: str = "", revision: str = "", **_: Any) -> None:
        self.model, self.revision = model or OWN, revision
        self.name = f"learned:{hub.public_name(self.model)}"

    @cached_property
    def resolved(self) -> hub.Resolved:
        """The network's place, before its weights are read.

        Raises:
            BackendError: it is unknown, cannot be had, or is no verifier that this version can use.
        """
        resolved = hub.resolve(self.model, self.revision)
        features = resolved.config.get("features")
        if not isinstance(features, list):
            raise BackendError(f"{resolved.name}: is no verifier (its config.json names no features)")
        if features != list(NAMES):
            raise BackendError(f"{resolved.name}: was trained with other features than this version has; {AGAIN}")
        return resolved

    @cached_property
    def network(self) -> Any:
        """The network in evaluation mode.

        Raises:
            BackendError: its weights cannot be had or read.
        """
        from safetensors.torch import load_file

        from chatdesc.verification.learning.networks import NETWORKS

        resolved, config = self.resolved, self.resolved.config
        if (kind := config.get("kind")) not in NETWORKS:
            raise BackendError(f"{resolved.name}: is of the kind {kind!r}, and not {' or '.join(NETWORKS)}")
        file = self._folder(resolved) / WEIGHTS
        try:
            # Not from_pretrained: it prints, and takes a file that lacks weights for a whole one.
            network = NETWORKS[kind](**config)
            network.load_state_dict(load_file(file))
            return network.eval()
        except Exception as error:  # torch and safetensors raise whatever their parts raise
            raise BackendError(f"{resolved.name}: cannot be loaded ({hub.reason(error)}); {AGAIN}") from error

    def _folder(self, resolved: hub.Resolved) -> Path:
        """A folder with config.json and model.safetensors; never a pickle."""
        if not resolved.commit:
            if not (resolved.path / WEIGHTS).is_file():
                raise BackendError(f"{resolved.name}: has no {WEIGHTS}")
            return resolved.path
        from huggingface_hub import hf_hub_download

        try:
            return Path(hf_hub_download(resolved.source, WEIGHTS, revision=resolved.commit)).parent
        except Exception as error:
            raise BackendError(hub.why_not(resolved.name, resolved.commit, error)) from error

    def describe_self(self) -> dict[str, str]:
        self.network  # noqa: B018 - a model that cannot be loaded is no model to record
        return {"name": self.name, **self.resolved.facts()}

    def choose(self, requests: list[Verify]) -> list[Choice | Exception]:
        from chatdesc.verification.learning.choosing import choose

        return list(choose(self.network, [request.evidence for request in requests]))
