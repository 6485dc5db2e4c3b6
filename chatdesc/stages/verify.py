"""Foreground verification: the choice of the target among the proposals of one frame.

All verifiers are pure functions of the same evidence, so they can be compared on the same proposals.

>>> sorted(VERIFIERS)
['oracle', 'random', 'raw-similarity', 'similarity']
"""

from __future__ import annotations

import numpy as np

from chatdesc.metrics.overlap import iou_matrix
from chatdesc.stages.evidence import Choice, Evidence, Verifier, last_best
from chatdesc.stages.raw_similarity import raw_similarity
from chatdesc.stages.similarity import similarity


def random_choice(e: Evidence) -> Choice:
    """A random proposal, the same for the same seed: the floor for every verifier."""
    return Choice(int(np.random.default_rng(e.seed).integers(len(e.boxes))))


def oracle(e: Evidence) -> Choice:
    """The proposal that overlaps the truth most, the last among equals: the ceiling for every verifier.

    One that overlaps nothing is not verified. Without a truth it answers as ``similarity`` does.
    """
    if e.truth is None:
        return similarity(e)
    ious = iou_matrix(e.boxes, e.truth[None])[:, 0]
    return Choice(last_best(ious), verified=bool(ious.max() > 0), doubt=-float(ious.max()))


VERIFIERS: dict[str, Verifier] = {
    "similarity": similarity,
    "raw-similarity": raw_similarity,
    "random": random_choice,
    "oracle": oracle,
}
