"""What a verifier sees of one key frame, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def _no_values() -> Floats:
    return np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Measurements of P foreground proposals of one frame. Boxes are xywh in pixels, float32; cosines are in [-1, 1].

    Attributes:
        boxes: [P, 4], best first; the visual tracker's own box is the last one, whatever its score.
        scores: [P] in [0, 1]: the grounder's best word score; the tracker's confidence for its own box.
        template: [P] cosine with the crop of the first frame.
        recent: [P] cosine with the last verified crop.
        text: [P] cosine with the text.
        background: [B, 4] the boxes that the background texts led to.
        background_scores: [B] the grounder's scores of these boxes.
        previous: [4] the target in the frame before, as the tracker has it.
        truth: [4] the ground truth, which only ``oracle`` may use; None where it is unknown.
        seed: of ``random_choice``.
        verified: [4] the target when it was last verified. Its size is reliable where the tracker's own box has shrunk
            or grown since. None takes ``previous``.
        since: frames since then, at least 1.
        first: [4] the target in the first frame; None takes ``verified``.
        age: frames since then, at least 1.
        verified_score: the tracker's confidence when it was last sure to be on the target; None takes its present one.
        anchor: cosine of the text with the template; None where it is not known.
        background_template, background_recent, background_text: [B] cosines of the background's crops; or [0], where
            they are not known.
        beside_template, beside_recent, beside_text: [W] cosines of windows beside the target in the first frame: how
            alike things are that have nothing in common with it; or [0], where they are not known.
    """

    boxes: Floats
    scores: Floats
    template: Floats
    recent: Floats
    text: Floats
    background: Floats
    background_scores: Floats
    previous: Floats
    truth: Floats | None = None
    seed: int = 0
    verified: Floats | None = None
    since: int = 1
    first: Floats | None = None
    age: int = 1
    verified_score: float | None = None
    anchor: float | None = None
    background_template: Floats = field(default_factory=_no_values)
    background_recent: Floats = field(default_factory=_no_values)
    background_text: Floats = field(default_factory=_no_values)
    beside_template: Floats = field(default_factory=_no_values)
    beside_recent: Floats = field(default_factory=_no_values)
    beside_text: Floats = field(default_factory=_no_values)


@dataclass(frozen=True, slots=True)
class Choice:
    """A verifier's answer.

    Attributes:
        index: the proposal that is the target; None says that none of them is, and the tracker's box stands.
        verified: whether the choice is sure enough to be remembered as the target's last verified crop.
        doubt: grows with the evidence that no proposal is the target; comparable for one verifier only.
    """

    index: int | None
    verified: bool = True
    doubt: float = 0.0
