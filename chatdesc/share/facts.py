"""Facts about source datasets, for the cards: ``cards/NAME.yaml``.

>>> facts("lasot").pretty_name, facts("lasot").paper["venue"]
('LaSOT', 'CVPR 2019')
>>> facts("mine").pretty_name, facts("mine").licence
('mine', None)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

NAME = re.compile(r"[a-z0-9_-]+")
NO_DATASET = ("models",)  # files beside those of the datasets


@dataclass(frozen=True, slots=True)
class Facts:
    """A source dataset as its authors publish it; None where that is not known.

    Attributes:
        pretty_name: its name with the authors' capitals.
        about: a sentence on its size and contents.
        paper: ``title``, ``authors`` and ``venue``.
        licence: the terms of its videos, boxes and texts.
        text_licence: the licence of new texts, where chatdesc itself made the dataset.
        frames_may_be_shown: whether the terms plainly let anybody show its frames.
        bibtex: the entries to cite.
    """

    pretty_name: str
    homepage: str | None = None
    about: str | None = None
    paper: dict[str, str] | None = None
    licence: str | None = None
    text_licence: str | None = None
    frames_may_be_shown: bool = False
    bibtex: str | None = None


@cache
def facts(dataset: str) -> Facts:
    """The facts about a source dataset; of an unlisted one, its name alone."""
    import yaml

    if not NAME.fullmatch(dataset) or dataset in NO_DATASET or len(dataset) > 100:
        return Facts(dataset)
    file = files("chatdesc.cards") / f"{dataset}.yaml"
    known = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return Facts(**{"pretty_name": dataset} | known)
