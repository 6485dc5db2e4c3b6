"""Runs with recorded evidence that no model made: the target looks most like its template, but not always."""

from __future__ import annotations

import numpy as np

from chatdesc.evidence import Choice
from chatdesc.rows.evidence import keep
from chatdesc.rows.store import Store
from chatdesc.verification.recorded import Seen
from tests.makers.evidence import evidence
from tests.makers.rows import a_row

TARGET = [100, 100, 20, 20]


def key_frame(rng, number):
    """Three proposals and the tracker's box; in one of four key frames none of them is the target."""
    boxes = [[100 + 60 * k, 100, 20, 20] for k in rng.permutation(4)]
    there = number % 4 != 3
    if not there:
        boxes = [[x + 300, y, w, h] for x, y, w, h in boxes]
    on = np.array([box == TARGET for box in boxes])
    cosines = {k: 0.3 + 0.4 * on + rng.normal(0, 0.1, 4) for k in ("template", "recent", "text")}
    scores = {"scores": rng.uniform(0.3, 0.9, 4)}
    beside = {f"beside_{k}": np.full(2, 0.2) for k in cosines}
    return evidence(boxes, truth=TARGET, previous=boxes[-1], verified=TARGET, since=4, **cosines, **scores, **beside)


def recorded_run(folder, count=8, key_frames=12, seed=0, split="train", recorded=None, dataset="lasot"):
    """A run of ``count`` sequences, of which the first ``recorded`` (None: all) have evidence."""
    rng = np.random.default_rng(seed)
    with Store.open(folder, {"dataset": dataset, "settings": {}}) as store:
        for k in range(count):
            name = f"kite-{k}"
            store.save(a_row(name, split=split))
            if recorded is None or k < recorded:
                seen = [Seen(4 * n, key_frame(rng, n), Choice(0)) for n in range(1, key_frames + 1)]
                keep(folder, name, seen)
    return folder
