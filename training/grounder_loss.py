"""What the grounder is trained by: every word on every thing, boxes, and dense heads that are thrown away afterwards.

transformers' own loss marks all words of a phrase alike and leaves the proposals of the first stage untrained.

>>> training = Training(model)                             # the network and the dense heads
>>> value, figures = training.loss(batch, pixels)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from grounder_data import KINDS, Batch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

STRIDES = (8, 16)
REACH = 0.6  # how much of a thing's half counts as its middle, of the cells that answer for it
LIKENESS = (5.0, 2.0)  # weights of distance and of generalised IoU between boxes


def corners(boxes: Tensor) -> Tensor:
    """[..., 4] centre and size -> x0 y0 x1 y1."""
    return torch.cat([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2], -1)


def overlap(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Generalised IoU and IoU of boxes (centre and size), element by element with broadcasting."""
    a, b = corners(one), corners(other)
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1) - shared
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    around = hull.clamp(min=0).prod(-1) + 1e-7
    iou = shared / (union + 1e-7)
    return iou - (around - union) / around, iou


def word_loss(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Summed cross entropy towards soft targets, stronger where the score is further off and where there is one."""
    off = (targets - logits.detach().sigmoid()).abs() ** 1.5
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (each * off * weights * (1 + (targets > 0.05))).sum()


def box_loss(found: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Mean loss and mean IoU of pairs of boxes [n, 4]."""
    if not len(found):
        return found.sum(), found.sum().detach()
    like, iou = overlap(found, true)
    apart = (found - true).abs().sum(-1)
    return (LIKENESS[0] * apart + LIKENESS[1] * (1 - like)).mean(), iou.mean().detach()


def assign(cost: Tensor, present: Tensor) -> Tensor:
    """[R, G] a query of its own for each thing: the cheapest pair first, then the cheapest of those left.

    Args:
        cost: [R, G, Q]; a row's things and queries.
        present: [R, G] whether the thing is there.
    """
    rows, things, queries = cost.shape
    left = cost.masked_fill(~present[..., None], torch.inf)
    chosen = torch.zeros(rows, things, dtype=torch.long, device=cost.device)
    row = torch.arange(rows, device=cost.device)
    for _ in range(things):
        value, flat = left.flatten(1).min(1)
        thing, query = flat // queries, flat % queries
        chosen[row, thing] = torch.where(value.isfinite(), query, chosen[row, thing])
        left = left.clone()
        left[row, thing] = torch.inf
        left[row, :, query] = torch.inf
    return chosen


def centres(height: int, width: int, device: Any) -> Tensor:
    """[N, 2] x, y of every cell of both levels, as shares of the frame."""
    cells = []
    for stride in STRIDES:
        h, w = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
        cells.append(torch.stack([(x.flatten() + 0.5) / w, (y.flatten() + 0.5) / h], 1))
    return torch.cat(cells)


class Responsible:
    """Which cell answers for which thing: those around its middle, of overlapping things the nearer one's."""

    def __init__(self, boxes: Tensor, present: Tensor, cells: Tensor, margin: float) -> None:
        off = (cells[None, None] - boxes[:, :, None, :2]).abs() / (boxes[:, :, None, 2:] / 2 * REACH + margin)
        distance = off.amax(-1).masked_fill(~present[..., None], torch.inf)  # [B, G, N]
        nearest, self.thing = distance.min(1)
        self.yes = nearest < 1  # [B, N]


class Shared(nn.Module):
    """A backbone that looks at each picture once, though every picture is there ``each`` times in a row."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.position_embedding = backbone.position_embedding
        self.each = 1
        self.seen: list[Tensor] = []

    def forward(self, pixels: Tensor, mask: Tensor) -> tuple[list[tuple[Tensor, Tensor]], list[Tensor]]:
        levels, places = self.backbone(pixels[:: self.each], mask[:: self.each])
        self.seen = [features for features, _ in levels]
        again = [(f.repeat_interleave(self.each, 0), m.repeat_interleave(self.each, 0)) for f, m in levels]
        return again, [p.repeat_interleave(self.each, 0) for p in places]


class Dense(nn.Module):
    """Per cell: is there a thing, of which colour, shape and size, its box, and where in the frame the cell lies.

    The last one makes the features carry the place from the start; the network's own position embeddings steer only
    where it looks, and "left" and "right" were not learned without it.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.counts = [1, *(len(kind) for kind in KINDS[:3]), 4, 2]
        self.heads = nn.ModuleList(nn.Linear(width, sum(self.counts)) for width in widths)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        """Per level [B, N, C] -> there, colour, shape, size, box, place, each [B, all N, ...]."""
        made = [head(level) for head, level in zip(self.heads, levels, strict=True)]
        return list(torch.cat(made, 1).split(self.counts, -1))


def dense_loss(heads: list[Tensor], boxes: Tensor, kinds: Tensor, cells: Tensor) -> tuple[Tensor, dict[str, float]]:
    """Loss of the dense heads, and what they get right."""
    there, colour, shape, size, box, place = heads
    answer = Responsible(boxes, kinds[..., 0] >= 0, cells, 0.02)
    row = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(answer.thing)[answer.yes]
    thing = answer.thing[answer.yes]
    total = F.binary_cross_entropy_with_logits(there[..., 0], answer.yes.float()) * 2
    figures = {}
    for k, (name, logits) in enumerate({"colour": colour, "shape": shape, "size": size}.items()):
        own, true = logits[answer.yes], kinds[row, thing, k]
        total = total + F.cross_entropy(own, true)
        figures[name] = float((own.argmax(-1) == true).float().mean())
    own_cells = cells.expand(len(boxes), -1, -1)[answer.yes]
    found = torch.cat([own_cells + 0.2 * box[answer.yes][:, :2], (box[answer.yes][:, 2:] - 1.5).sigmoid()], -1)
    loss, iou = box_loss(found, boxes[row, thing])
    off = (place - 4 * (cells - 0.5)).abs()  # -2 at one side, 2 at the other
    return total + loss + off.mean(), {**figures, "seen": float(iou), "place": float(off.detach().mean() / 4)}


class Training(nn.Module):
    """The network with what only training needs.

    Args:
        model: MMGroundingDinoForObjectDetection.
        dense: weight of the dense heads beside the detector.
    """

    def __init__(self, model: Any, dense: float = 0.3) -> None:
        super().__init__()
        self.model = model
        self.weight = dense
        model.model.backbone = Shared(model.model.backbone)
        self.dense = Dense(tuple(self.shared.backbone.conv_encoder.intermediate_channel_sizes))
        self.memory = Dense((model.config.d_model,) * len(STRIDES))

    @property
    def shared(self) -> Shared:
        return self.model.model.backbone  # type: ignore[no-any-return]

    @contextmanager
    def bare(self) -> Iterator[Any]:
        """The network as transformers knows it."""
        shared = self.shared
        self.model.model.backbone = shared.backbone
        try:
            yield self.model
        finally:
            self.model.model.backbone = shared

    def looked(self, pixels: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Loss of the picture side alone: the backbone and its dense heads."""
        mask = torch.ones(len(pixels), *pixels.shape[-2:], dtype=torch.long, device=pixels.device)
        self.shared.each = 1
        self.shared(pixels, mask)
        return self._dense(self.dense, self.shared.seen, pixels, batch)

    def grounded(self, pixels: Tensor, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Loss of the whole."""
        rows, length = batch["tokens"].shape
        each = rows // len(pixels)
        self.shared.each = each
        out = self.model.model(
            pixel_values=pixels.repeat_interleave(each, 0), input_ids=batch["tokens"], attention_mask=batch["mask"]
        )
        boxes = batch["boxes"].repeat_interleave(each, 0)
        present = (batch["kinds"][..., 0] >= 0).repeat_interleave(each, 0)
        cells = centres(*pixels.shape[-2:], pixels.device)
        total, figures = self._proposals(out, batch, boxes, present, cells, length)
        for layer in range(out.intermediate_hidden_states.shape[1]):
            loss, iou = self._layer(out, layer, batch, boxes, present, length)
            total = total + loss
        figures["iou"] = float(iou)
        seen, known = self._dense(self.dense, self.shared.seen, pixels, batch)
        memory = out.encoder_last_hidden_state_vision[::each]
        counts = [f.shape[-2] * f.shape[-1] for f in self.shared.seen]
        kept, _ = dense_loss(self.memory(list(memory.split(counts, 1))), batch["boxes"], batch["kinds"], cells)
        figures["shape"] = known["shape"]
        return total + self.weight * (seen + kept), figures

    def _dense(
        self, heads: Dense, levels: list[Tensor], pixels: Tensor, batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, float]]:
        flat = [f.flatten(2).transpose(1, 2) for f in levels]
        return dense_loss(heads(flat), batch["boxes"], batch["kinds"], centres(*pixels.shape[-2:], pixels.device))

    def _proposals(
        self, out: Any, batch: dict[str, Tensor], boxes: Tensor, present: Tensor, cells: Tensor, length: int
    ) -> tuple[Tensor, dict[str, float]]:
        """The first stage: every cell near a thing's middle scores its words and proposes its box."""
        answer = Responsible(boxes, present, cells, 0.02)
        row = torch.arange(len(boxes), device=boxes.device)[:, None]
        logits = _scores(out.enc_outputs_class, batch["mask"], length)
        targets = batch["targets"][row, answer.thing] * answer.yes[..., None]
        sure = (batch["known"][row, answer.thing] | ~answer.yes[..., None]) & batch["mask"][:, None].bool()
        words = word_loss(logits, targets, sure.float()) / present.sum() / 3
        good = answer.yes & out.enc_outputs_coord_logits.isfinite().all(-1)
        true = boxes[row.expand_as(answer.thing)[good], answer.thing[good]]
        box, _ = box_loss(out.enc_outputs_coord_logits[good].sigmoid(), true)
        return 2 * words + box, {"first": float(words.detach())}

    def _layer(
        self, out: Any, layer: int, batch: dict[str, Tensor], boxes: Tensor, present: Tensor, length: int
    ) -> tuple[Tensor, Tensor]:
        """One decoder layer: each thing gets a query of its own, the others score nothing."""
        hidden = out.intermediate_hidden_states[:, layer]
        start = out.init_reference_points if layer == 0 else out.intermediate_reference_points[:, layer - 1]
        logits = self.model.class_embed[layer](hidden, out.encoder_last_hidden_state_text, batch["mask"].bool())
        logits = _scores(logits, batch["mask"], length)
        found = (self.model.bbox_embed[layer](hidden) + torch.special.logit(start, eps=1e-5)).sigmoid()
        sure = batch["known"] & batch["mask"][:, None].bool()
        with torch.no_grad():
            like, _ = overlap(found[:, None], boxes[:, :, None])
            apart = (found[:, None] - boxes[:, :, None]).abs().sum(-1)
            wrong = (logits.sigmoid()[:, None] - batch["targets"][:, :, None]).abs() * sure[:, :, None]
            cost = LIKENESS[0] * apart - LIKENESS[1] * like + 2 * wrong.sum(-1) / sure.sum(-1)[..., None].clamp(min=1)
            query = assign(cost, present)
        row = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(query)[present]
        own = query[present]
        targets, weights = torch.zeros_like(logits), batch["mask"][:, None].float().repeat(1, logits.shape[1], 1)
        targets[row, own], weights[row, own] = batch["targets"][present], sure[present].float()
        words = word_loss(logits, targets, weights) / present.sum()
        box, iou = box_loss(found[row, own], boxes[present])
        return 2 * words + box, iou


def _scores(logits: Tensor, mask: Tensor, length: int) -> Tensor:
    """Logits of the real tokens; those of padding are infinite, which a loss cannot bear."""
    return logits[..., :length].masked_fill(~mask[:, None].bool(), 0.0)


def tensors(batch: Batch, device: str) -> dict[str, Tensor]:
    names = ("boxes", "kinds", "tokens", "mask", "targets", "known")
    return {name: torch.from_numpy(getattr(batch, name)).to(device) for name in names}
