"""The grounder's training loss: every word on every thing, boxes, and dense heads that are not kept.

transformers' own loss marks all words of a phrase alike and leaves the proposals of the first stage untrained.
``Training(model)`` is the network with the dense heads; its ``loss(batch, pixels)`` gives the loss and figures for the
log.
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
REACH = 0.6  # how much of a thing's half counts as its middle; the cells there learn its box and attributes
NEAR = 0.6  # cells from a thing's middle; those there propose it: more of them would take all queries
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


def word_loss(logits: Tensor, targets: Tensor, weights: Tensor, own: Tensor) -> Tensor:
    """Summed cross entropy towards soft targets [..., regions, tokens].

    Regions that answer for no thing (``own`` [..., regions] is False) count by how wrong they are, so that the many
    that are nearly right weigh nothing. Those that do count more evenly: there, scores of 0, PARTIAL and 1 are to be
    told apart.
    """
    off = (targets - logits.detach().sigmoid()).abs()
    off = torch.where(own[..., None], 2 * off**0.5, off**1.5)
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (each * off * weights).sum()


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


def grid(height: int, width: int, device: Any) -> tuple[Tensor, Tensor]:
    """[N, 2] x, y of the middle of every cell of both levels, and their sizes, as shares of the frame."""
    middles, sizes = [], []
    for stride in STRIDES:
        h, w = height // stride, width // stride
        y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
        middles.append(torch.stack([(x.flatten() + 0.5) / w, (y.flatten() + 0.5) / h], 1))
        sizes.append(torch.tensor([[1 / w, 1 / h]], device=device).expand(h * w, 2))
    return torch.cat(middles), torch.cat(sizes)


class Responsible:
    """Which cell answers for which thing: those closer to its middle than ``span``, of several things the nearest's.

    Args:
        boxes: [B, G, 4] centre and size.
        present: [B, G].
        cells: [N, 2].
        span: [B, G, N, 2] or what broadcasts to it.
    """

    def __init__(self, boxes: Tensor, present: Tensor, cells: Tensor, span: Tensor) -> None:
        off = (cells[None, None] - boxes[:, :, None, :2]).abs() / span
        distance = off.amax(-1).masked_fill(~present[..., None], torch.inf)  # [B, G, N]
        nearest, self.thing = distance.min(1)
        self.yes = nearest < 1  # [B, N]


def middles(boxes: Tensor) -> Tensor:
    """[B, G, 1, 2] how far from a thing's middle its cells learn its box."""
    return boxes[:, :, None, 2:] / 2 * REACH + 0.02


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
    answer = Responsible(boxes, kinds[..., 0] >= 0, cells, middles(boxes))
    row = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(answer.thing)[answer.yes]
    thing = answer.thing[answer.yes]
    total = F.binary_cross_entropy_with_logits(there[..., 0], answer.yes.float()) * 2
    figures = {}
    for k, (name, logits) in enumerate({"colour": colour, "shape": shape, "size": size}.items()):
        own, true = logits[answer.yes], kinds[row, thing, k]
        total = total + F.cross_entropy(own, true) * (2 if name == "shape" else 1)  # the hardest
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
        total, figures = self._proposals(out, batch, boxes, present, pixels, length)
        for layer in range(out.intermediate_hidden_states.shape[1]):
            loss, figures["words"], figures["iou"] = self._layer(out, layer, batch, boxes, present, length)
            total = total + loss
        seen, known = self._dense(self.dense, self.shared.seen, pixels, batch)
        memory = out.encoder_last_hidden_state_vision[::each]
        counts = [f.shape[-2] * f.shape[-1] for f in self.shared.seen]
        cells, _ = grid(*pixels.shape[-2:], pixels.device)
        kept, _ = dense_loss(self.memory(list(memory.split(counts, 1))), batch["boxes"], batch["kinds"], cells)
        figures["shape"] = known["shape"]
        return total + self.weight * (seen + kept), figures

    def _dense(
        self, heads: Dense, levels: list[Tensor], pixels: Tensor, batch: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, float]]:
        flat = [f.flatten(2).transpose(1, 2) for f in levels]
        cells, _ = grid(*pixels.shape[-2:], pixels.device)
        return dense_loss(heads(flat), batch["boxes"], batch["kinds"], cells)

    def _proposals(
        self, out: Any, batch: dict[str, Tensor], boxes: Tensor, present: Tensor, pixels: Tensor, length: int
    ) -> tuple[Tensor, dict[str, float]]:
        """The first stage: the cells at a thing's middle score its words, those around too learn its box."""
        cells, sizes = grid(*pixels.shape[-2:], pixels.device)
        near = Responsible(boxes, present, cells, sizes * NEAR)
        row = torch.arange(len(boxes), device=boxes.device)[:, None].expand_as(near.thing)
        logits = _scores(out.enc_outputs_class, batch["mask"], length)
        targets = batch["targets"][row, near.thing] * near.yes[..., None]
        sure = (batch["known"][row, near.thing] | ~near.yes[..., None]) & batch["mask"][:, None].bool()
        words = word_loss(logits, targets, sure.float(), near.yes) / present.sum() / 2
        around = Responsible(boxes, present, cells, middles(boxes))
        good = around.yes & out.enc_outputs_coord_logits.isfinite().all(-1)
        box, _ = box_loss(out.enc_outputs_coord_logits[good].sigmoid(), boxes[row[good], around.thing[good]])
        return words + box, {"first": float(words.detach())}

    def _layer(
        self, out: Any, layer: int, batch: dict[str, Tensor], boxes: Tensor, present: Tensor, length: int
    ) -> tuple[Tensor, float, float]:
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
        busy = torch.zeros(logits.shape[:2], dtype=torch.bool, device=logits.device)
        busy[row, own] = True
        words = word_loss(logits, targets, weights, busy) / present.sum()
        box, iou = box_loss(found[row, own], boxes[present])
        return words + box, float(words.detach()), float(iou)


def _scores(logits: Tensor, mask: Tensor, length: int) -> Tensor:
    """Logits of the real tokens; those of padding are infinite, which a loss cannot bear."""
    return logits[..., :length].masked_fill(~mask[:, None].bool(), 0.0)


def tensors(batch: Batch, device: str) -> dict[str, Tensor]:
    names = ("boxes", "kinds", "tokens", "mask", "targets", "known")
    return {name: torch.from_numpy(getattr(batch, name)).to(device) for name in names}
