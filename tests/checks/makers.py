"""Datasets and subjects with texts of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from chatdesc.checks.base import Finding, Subject
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
