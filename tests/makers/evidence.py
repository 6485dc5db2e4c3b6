"""Evidence of a key frame whose proposals are alike in all that is not given."""

import numpy as np

from chatdesc.evidence import Evidence

HERE, THERE = [10, 10, 20, 20], [60, 10, 20, 20]
NONE = np.zeros((0, 4), np.float32)
COLUMNS = ("scores", "template", "recent", "text")


def evidence(boxes, truth=None, background=NONE, background_scores=(), previous=HERE, verified=None, **given):
    columns = {k: np.array(given.pop(k, [0.5] * len(boxes)), np.float32) for k in COLUMNS}
    lists = {k: np.array(given.pop(k), np.float32) for k in list(given) if k.startswith(("background_", "beside_"))}
    return Evidence(
        np.array(boxes, np.float32),
        **columns,
        background=np.array(background, np.float32).reshape(-1, 4),
        background_scores=np.array(background_scores, np.float32),
        previous=np.array(previous, np.float32),
        truth=None if truth is None else np.array(truth, np.float32),
        verified=None if verified is None else np.array(verified, np.float32),
        **lists,
        **given,
    )
