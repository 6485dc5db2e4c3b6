"""chatdesc: re-annotate vision-language tracking datasets, with evidence for every text.

>>> import chatdesc
>>> dataset = chatdesc.load("lasot", "/data/LaSOT", split="test")
>>> dataset["airplane-15"].manual_text
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"

__all__ = ["__version__", "load", "load_refined"]


def load(name: str, root: str, split: str | None = None, **options: Any) -> Any:
    """Open a dataset: see ``chatdesc.loaders.load``."""
    from chatdesc.loaders import load as load_dataset

    return load_dataset(name, root, split=split, **options)


def load_refined(source: str, name: str | None = None, split: str | None = None, *, root: str, **options: Any) -> Any:
    """Refined texts with the frames of a local copy: see ``chatdesc.rows.refined.load_refined``."""
    from chatdesc.rows.refined import load_refined as load_rows

    return load_rows(source, name, split, root=root, **options)
