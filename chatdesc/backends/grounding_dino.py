"""GroundingDINO, MM-GroundingDINO and LLMDet from transformers, with the region x word matrix that they compute.

>>> from chatdesc.backends import create
>>> create("grounder", "grounding-dino:IDEA-Research/grounding-dino-tiny", device="cuda").threshold
0.3
>>> create("grounder", "mm-grounding-dino:iSEE-Laboratory/llmdet_tiny@main", threshold=0.25).threshold
0.25

Scores are the sigmoid of the logits per region and token. Transformers' post-processing is not used: it counts [CLS],
[SEP] and full stops too, and drops the matrix. Phrases joined by full stops are grounded
side by side: tokens attend to those of their own phrase only.

The networks were trained to propose each thing once, so the 100 best queries are kept without suppression.

A text that occurs twice in a batch is encoded twice, and so is a frame: the forward pass accepts no features.
Measured at full size (Swin-T, 800 x 1332 pixels, a CPU), the text backbone is 0.2 % of that pass and the image
backbone 13 %; the encoder that mixes both is 80 %. Sharing would be worth 7 % for two texts on one frame.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from chatdesc.backends.neural_grounder import Item, NeuralGrounder
from chatdesc.backends.words_and_boxes import corners, grounding, lower, to_pixels, whole_words, word_scores
from chatdesc.types import Grounding, split_words

ENDS = (".", "?")  # with [CLS] and [SEP], what ends a phrase for the network


class GroundingDinoGrounder(NeuralGrounder):
    """``grounding-dino:<model>``."""

    family = "grounding-dino"
    model_types = ("grounding-dino",)

    @cached_property
    def context(self) -> int:
        return int(min(self.loaded.model.config.max_text_len, self.loaded.processor.tokenizer.model_max_length))

    def queries(self, text: str) -> list[str]:
        return [_close(lower(text))]

    def _forward(self, items: list[Item]) -> list[Grounding]:
        loaded, limit = self.loaded, self.context
        texts = [prompt(item.text, loaded.processor.tokenizer, limit) for item in items]
        tokens = loaded.processor.tokenizer(
            texts,
            padding=True,
            truncation=True,
            max_length=limit,
            return_offsets_mapping=True,
            return_token_type_ids=True,
            return_attention_mask=True,
            return_tensors="pt",
        )
        offsets = tokens.pop("offset_mapping").tolist()
        outputs = loaded.model(
            pixel_values=self.stack(items),
            pixel_mask=self.stack(items, "pixel_mask") if "pixel_mask" in items[0].inputs else None,
            **tokens.to(loaded.device),
        )
        scores = outputs.logits.float().sigmoid().cpu().numpy()
        boxes = outputs.pred_boxes.float().cpu().numpy()
        found = []
        for item, one, box, spans in zip(items, scores, boxes, offsets, strict=True):
            words = split_words(item.text)
            pixels = to_pixels(corners(box), item.width, item.height)
            found.append(grounding(pixels, words, word_scores(one, spans, words)))
        return found


class MmGroundingDinoGrounder(GroundingDinoGrounder):
    """``mm-grounding-dino:<model>``: MM-GroundingDINO and LLMDet."""

    family = "mm-grounding-dino"
    model_types = ("mm-grounding-dino",)


def prompt(text: str, tokenizer: Any, limit: int) -> str:
    """The text as the network takes it: lower case, closed by a full stop, of at most ``limit`` tokens.

    Characters keep their places, so that offsets into it are offsets into ``text``. Without the full stop at the end
    words would not attend to each other, and whether they do would depend on the padding; so a text that is too long
    is cut at a word, and closed again.
    """
    closed = _close(lower(text))
    offsets = tokenizer(closed, return_offsets_mapping=True)["offset_mapping"]
    if len(offsets) <= limit:
        return closed
    last = offsets[: limit - 2][-1]  # room for the full stop and [SEP]
    return _close(whole_words(closed, last[1]))


def _close(text: str) -> str:
    return text if text.rstrip().endswith(ENDS) else text + "."
