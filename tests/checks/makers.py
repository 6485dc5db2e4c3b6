"""Datasets and subjects with texts of one's own, and models that see nothing on frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from chatdesc.checks.base import Finding, Subject
from chatdesc.types import Embedding, Grounding, split_words
from tests.makers.datasets import box_lines, put


def dataset(root: Path, texts: Mapping[str, str | bytes | None], frames: int = 3) -> Path:
    """LaSOT's layout without images: a text file per name, or none."""
    for name, text in texts.items():
        folder = root / name.rpartition("-")[0] / name
        put(folder / "groundtruth.txt", box_lines(frames))
        if text is not None:
            put(folder / "nlp.txt", text)
    return root


def texts_of(*texts: str, category: str | None = "bus") -> list[Subject]:
    """Subjects bus-1, bus-2 ..."""
    return [Subject(f"bus-{number}", text, category) for number, text in enumerate(texts, 1)]


def a_finding(
    kind="typo", severity=0.5, span=None, suggestion=None, check="non-word", reason="why", **evidence
) -> Finding:
    return Finding(check, kind, severity, reason, span, suggestion, evidence)


class Blind:
    """A grounder and an encoder that decode what they are asked about, and see nothing in it."""

    name, threshold, max_batch, workers = "blind", 0.5, 4, 1

    def describe_self(self):
        return {"name": self.name}

    def ground(self, requests):
        found = []
        for request in requests:
            request.frame.image()
            words = tuple(split_words(request.text))
            found.append(Grounding(np.zeros((0, 4), np.float32), words, np.zeros((0, len(words)), np.float32)))
        return found

    def embed(self, requests):
        found = []
        for request in requests:
            for crop in request.crops:
                crop.frame.image()
            crops, texts = (np.zeros((len(of), 2), np.float32) for of in (request.crops, request.texts))
            found.append(Embedding(crops, texts, np.zeros(len(texts), np.bool_)))
        return found
