"""The lowest score at which a grounder's proposal counts, per family of models and per model.

>>> default_threshold("grounding-dino", "IDEA-Research/grounding-dino-tiny")
0.3
>>> default_threshold("grounding-dino", "/models/mine")
0.35

These defaults come from the models' authors, for other images and other purposes: they were chosen for a detector's
score over all tokens, while here a proposal's score is that of its best word. Feedback on texts depends on them, so
measure your own with `chatdesc calibrate DATASET ROOT --grounder X`, then give it as `--box-threshold`.
"""

from __future__ import annotations

FAMILIES: dict[str, tuple[float, str]] = {
    "grounding-dino": (0.35, "box threshold of the authors' demo, whose text threshold is .25"),
    "mm-grounding-dino": (0.3, "score threshold of MMDetection's demo; LLMDet shares architecture and scale"),
    "owlv2": (0.1, "default of transformers' post-processing; demos use .1 to .2"),
    "omdet-turbo": (0.3, "default of transformers' post-processing"),
    "sam3": (0.3, "default of transformers' post-processing"),
}

MODELS: dict[str, tuple[float, str]] = {
    "tiny:grounder": (0.75, "measured by its recipe: what is meant scores above, what a text is nearly true of below"),
    "IDEA-Research/grounding-dino-tiny": (0.3, "scores of the transformers port are lower than the original's"),
}


def default_threshold(family: str, model: str) -> float:
    """The threshold in [0, 1] of a known model, else of its family.

    Raises:
        KeyError: the family is none of FAMILIES.
    """
    return MODELS.get(model, FAMILIES[family])[0]
