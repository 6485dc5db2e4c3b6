"""SAM 3 from transformers, asked for a concept in words: boxes with one score for the text as a whole.

>>> from chatdesc.backends import create
>>> grounder = create("grounder", "sam3:facebook/sam3", device="cuda")
>>> grounder.name, grounder.words
('sam3:facebook/sam3', False)

SAM 3 scores a phrase as a whole, not its words: ``Grounding.words`` has one word per phrase, which spans it. Reflection
then uses IoU and margin alone, and no word is positive or negative. Phrases joined by full stops are asked for one by
one, and their boxes gathered: a box scores 0 for all phrases but its own. A phrase is read up to 32 tokens. The weights
are gated and under a licence of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chatdesc.backends.neural_grounder import Item, NeuralGrounder
from chatdesc.backends.words_and_boxes import Floats, grounding, lower, split_phrases, to_pixels
from chatdesc.types import Grounding, Word

Pair = tuple[int, str]


class Sam3Grounder(NeuralGrounder):
    """``sam3:<model>``, from the weights for images or for video. Each picture and phrase is encoded once per call."""

    family = "sam3"
    model_types = ("sam3", "sam3_video")
    model_class = "Sam3Model"
    processor_class = "Sam3Processor"
    words = False
    half = "bfloat16"  # as it was trained

    def _forward(self, items: list[Item]) -> list[Grounding]:
        shown = list({item.frame: item for item in items}.values())
        place = {item.frame: i for i, item in enumerate(shown)}
        asked = [(place[item.frame], p.text) for item in items for p in split_phrases(lower(item.text))]
        answers = self._detect(shown, list(dict.fromkeys(asked)))
        return [self._gather(item, place[item.frame], answers) for item in items]

    def _detect(self, shown: list[Item], pairs: list[Pair]) -> dict[Pair, tuple[Floats, Floats]]:
        """Corners [P, 4] and scores [P] of each phrase on its picture."""
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        model = self.loaded.model
        vision = model.get_vision_features(pixel_values=self.stack(shown))
        phrases = list(dict.fromkeys(text for _, text in pairs))
        tokens = self.tokens(phrases)
        texts = model.get_text_features(**tokens).pooler_output
        answers: dict[Pair, tuple[Floats, Floats]] = {}
        for start in range(0, len(pairs), self.batches.size):
            part = pairs[start : start + self.batches.size]
            pictures, rows = [i for i, _ in part], [phrases.index(t) for _, t in part]
            outputs = model(
                vision_embeds=_take(vision, pictures),
                text_embeds=BaseModelOutputWithPooling(pooler_output=texts[rows]),
                attention_mask=tokens["attention_mask"][rows],
            )
            scores = outputs.pred_logits.float().sigmoid() * outputs.presence_logits.float().sigmoid()
            found = zip(outputs.pred_boxes.float().cpu().numpy(), scores.cpu().numpy(), strict=True)
            answers.update(zip(part, found, strict=True))
        return answers

    @staticmethod
    def _gather(item: Item, picture: int, answers: dict[Pair, tuple[Floats, Floats]]) -> Grounding:
        phrases = split_phrases(lower(item.text))
        parts = [answers[picture, p.text] for p in phrases]
        boxes = to_pixels(np.concatenate([b for b, _ in parts]), item.width, item.height)
        scores = np.zeros((len(boxes), len(parts)), np.float32)
        ends = np.cumsum([len(s) for _, s in parts])
        for column, (end, (_, found)) in enumerate(zip(ends, parts, strict=True)):
            scores[end - len(found) : end, column] = found
        return grounding(boxes, [Word(item.text[p.start : p.end], p.start, p.end) for p in phrases], scores)


def _take(vision: Any, rows: list[int]) -> Any:
    """Features of these pictures, in this order."""
    pick = lambda maps: tuple(m[rows] for m in maps)  # noqa: E731
    return type(vision)(
        fpn_hidden_states=pick(vision.fpn_hidden_states), fpn_position_encoding=pick(vision.fpn_position_encoding)
    )
