"""The learned verifiers: a linear scorer, and a small set encoder. Both read ``features`` and answer with ``Scores``.

>>> import torch
>>> network = SetEncoder(width=8).eval()
>>> tokens, present = torch.rand(1, 3, len(NAMES)), torch.ones(1, 3, dtype=torch.bool)
>>> turned = network(tokens.flip(1), present).target.flip(1)     # the order of the proposals says nothing
>>> torch.allclose(network(tokens, present).target, turned, atol=1e-5)
True
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import Tensor, nn

from chatdesc.verification.features import NAMES

HUB = {"library_name": "chatdesc", "tags": ["foreground-verification"], "license": "apache-2.0"}


class Scores(NamedTuple):
    """What a network says of a batch of B key frames with at most P proposals.

    Attributes:
        target: [B, P] logit that a proposal is the target, comparable within a key frame.
        overlap: [B, P] the IoU that it has with the target, as the network guesses.
        none: [B] logit that none of the proposals is the target.
    """

    target: Tensor
    overlap: Tensor
    none: Tensor


class Linear(nn.Module, PyTorchModelHubMixin, **HUB):
    """A weighted sum of the features; *none* by the greatest and the tracker's own value of each.

    Args:
        kind: its name among NETWORKS, kept in its configuration.
        features: the names that it was trained with, in order.
    """

    def __init__(self, kind: str = "linear", features: list[str] = list(NAMES)) -> None:  # noqa: B006
        super().__init__()
        self.features = count = len(features)
        self.target = nn.Linear(count, 1)
        self.overlap = nn.Linear(count, 1)
        self.none = nn.Linear(3 * count, 1)

    def forward(self, tokens: Tensor, present: Tensor) -> Scores:
        """``tokens`` [B, P, F], ``present`` bool [B, P]; the tracker's own is the last that is present."""
        target = self.target(tokens).squeeze(-1).masked_fill(~present, -torch.inf)
        best = tokens[torch.arange(len(tokens)), target.argmax(1)]
        own = tokens[torch.arange(len(tokens)), present.sum(1) - 1]
        most = tokens.masked_fill(~present[..., None], -torch.inf).amax(1)
        none = self.none(torch.cat([best, own, most], -1)).squeeze(-1)
        return Scores(target, torch.sigmoid(self.overlap(tokens).squeeze(-1)), none)


class SetEncoder(nn.Module, PyTorchModelHubMixin, **HUB):
    """A transformer over the proposals of a key frame and one token for *none*; without positions, so without order.

    Args:
        kind: its name among NETWORKS, kept in its configuration.
        features: the names that it was trained with, in order.
        width, layers, heads: of the transformer.
        dropout: while it is trained.
    """

    def __init__(
        self,
        kind: str = "set",
        features: list[str] = list(NAMES),  # noqa: B006
        width: int = 64,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.features = len(features)
        self.enter = nn.Linear(len(features), width)
        self.nobody = nn.Parameter(torch.zeros(1, 1, width))
        block = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(block, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.leave = nn.Linear(width, 2)
        self.none = nn.Linear(width, 1)

    def forward(self, tokens: Tensor, present: Tensor) -> Scores:
        """``tokens`` [B, P, F], ``present`` bool [B, P]."""
        entered = torch.cat([self.nobody.expand(len(tokens), -1, -1), self.enter(tokens)], 1)
        absent = torch.cat([torch.zeros_like(present[:, :1]), ~present], 1)
        seen = self.blocks(entered, src_key_padding_mask=absent)
        target, overlap = self.leave(seen[:, 1:]).unbind(-1)
        none = self.none(seen[:, 0]).squeeze(-1)
        return Scores(target.masked_fill(~present, -torch.inf), torch.sigmoid(overlap), none)


NETWORKS: dict[str, type[Linear] | type[SetEncoder]] = {"linear": Linear, "set": SetEncoder}
