"""OWLv2 and OmDet-Turbo, which score regions against queries: each phrase is one, and so is each content word.

>>> queries("the red kite").texts
('the red kite', 'red', 'kite')

A region's score is that of the phrase; its words share that score in proportion to their own scores, because a single
word such as "red" scores low even on a red thing. So a region's best word has the phrase's score, and the others less.
Words that say nothing alone (the, of, with) score 0.

Unlike GroundingDINO, these networks propose regions independently of each other; a region that overlaps a better one
with an IoU above 0.5 is dropped. OWLv2 reads 16 tokens of a phrase, OmDet-Turbo 77; words are never cut.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatdesc.backends.neural_grounder import Item, NeuralGrounder
from chatdesc.backends.words_and_boxes import Floats, corners, grounding, lower, split_phrases, to_pixels
from chatdesc.types import STOP_WORDS, Grounding, Word, split_words

OVERLAP = 0.5


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries of a text of W words.

    Attributes:
        texts: [Q] distinct query texts.
        words: [W] the words of the text.
        phrase: [W] the index in ``texts`` of the phrase that a word belongs to.
        alone: [W] the index in ``texts`` of the word itself; None for a word that says nothing alone.
    """

    texts: tuple[str, ...]
    words: tuple[Word, ...]
    phrase: tuple[int, ...]
    alone: tuple[int | None, ...]


def queries(text: str) -> Queries:
    """The queries of a text: each of its phrases, and each content word.

    >>> queries("red kite. sky").phrase
    (0, 0, 3)
    """
    low = lower(text)
    columns: dict[str, int] = {}
    column = lambda query: columns.setdefault(query, len(columns))  # noqa: E731
    phrase: list[int] = []
    alone: list[int | None] = []
    phrases = split_phrases(low)
    words = split_words(text)
    for one in phrases:
        whole = column(one.text)
        own = [w for w in words if one.start <= w.start < one.end]
        spoken = [low[w.start : w.end] for w in own]
        silent = STOP_WORDS if any(w not in STOP_WORDS for w in spoken) else frozenset[str]()
        phrase += [whole] * len(own)
        alone += [None if w in silent else column(w) for w in spoken]
    return Queries(tuple(columns), words, tuple(phrase), tuple(alone))


def share_out(scores: Floats, asked: Queries) -> NDArray[np.float32]:
    """[P, W] scores of words from scores of queries [P, Q].

    A word's score is its phrase's score, times the word's own score relative to the best word of the phrase.

    >>> share_out(np.array([[0.8, 0.1, 0.4]]), queries("the red kite"))
    array([[0. , 0.2, 0.8]], dtype=float32)
    """
    own = np.stack([np.zeros(len(scores)) if q is None else scores[:, q] for q in asked.alone], 1)
    shared = np.zeros_like(own, np.float32)
    for whole in set(asked.phrase):
        mine = [w for w, q in enumerate(asked.phrase) if q == whole]
        best = np.maximum(own[:, mine].max(1, keepdims=True), 1e-12)
        shared[:, mine] = scores[:, whole, None] * own[:, mine] / best
    return shared


class Owlv2Grounder(NeuralGrounder):
    """``owlv2:<model>``. Each picture and each query is encoded once per call."""

    family = "owlv2"
    model_types = ("owlv2",)

    def _forward(self, items: list[Item]) -> list[Grounding]:
        model = self.loaded.model
        asked = [queries(item.text) for item in items]
        embedded = self._embed(list(dict.fromkeys(q for one in asked for q in one.texts)))
        shown = list({item.frame: item for item in items}.values())
        maps = model.image_embedder(pixel_values=self.stack(shown))[0]
        features = maps.flatten(1, 2)
        boxes = corners_of(model.box_predictor(features, maps))
        place = {item.frame: i for i, item in enumerate(shown)}
        found = []
        for item, one in zip(items, asked, strict=True):
            i = place[item.frame]
            logits, _ = model.class_predictor(features[i : i + 1], embedded([*one.texts])[None])
            scores = logits[0].float().sigmoid().cpu().numpy()
            side = max(item.width, item.height)  # pictures are padded to squares, at the bottom or on the right
            share = np.array([side / item.width, side / item.height] * 2)
            pixels = to_pixels(boxes[i] * share, item.width, item.height)
            found.append(grounding(pixels, one.words, share_out(scores, one), OVERLAP))
        return found

    def _embed(self, texts: list[str]) -> Any:
        """A function from query texts to their vectors [Q, D]."""
        vectors = self.loaded.model.owlv2.get_text_features(**self.tokens(texts)).pooler_output
        row = {text: i for i, text in enumerate(texts)}
        return lambda wanted: vectors[[row[t] for t in wanted]]


class OmDetTurboGrounder(NeuralGrounder):
    """``omdet-turbo:<model>``. Transformers keeps the vectors of the queries it has seen."""

    family = "omdet-turbo"
    model_types = ("omdet-turbo",)

    def _group(self, item: Item) -> Hashable:
        # a batch pads missing queries with zeros, which then take part in choosing the regions
        return super()._group(item), len(queries(item.text).texts)

    def _forward(self, items: list[Item]) -> list[Grounding]:
        import torch

        loaded = self.loaded
        asked = [queries(item.text) for item in items]
        classes = self.tokens([q for one in asked for q in one.texts])
        tasks = self.tokens([f"Detect {', '.join(one.texts)}." for one in asked])
        outputs = loaded.model(
            pixel_values=self.stack(items),
            classes_input_ids=classes["input_ids"],
            classes_attention_mask=classes["attention_mask"],
            tasks_input_ids=tasks["input_ids"],
            tasks_attention_mask=tasks["attention_mask"],
            classes_structure=torch.tensor([len(one.texts) for one in asked]),
        )
        scores = outputs.decoder_class_logits.float().sigmoid().cpu().numpy()
        boxes = corners_of(outputs.decoder_coord_logits)
        return [
            grounding(to_pixels(box, item.width, item.height), one.words, share_out(score, one), OVERLAP)
            for item, one, box, score in zip(items, asked, boxes, scores, strict=True)
        ]


def corners_of(boxes: Any) -> list[Floats]:
    """Each picture's boxes as corners, from a tensor of cxcywh [B, P, 4]."""
    return [corners(one) for one in boxes.float().cpu().numpy()]
