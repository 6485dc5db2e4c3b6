"""The visual tracker of benchmarks in which only words move a box."""

from __future__ import annotations

import numpy as np

from chatdesc.types import Follow, Followed


class StandStill:
    """A visual tracker that never moves: only words can bring it to a target that does."""

    max_batch, workers = 16, 1

    def follow(self, requests: list[Follow]) -> list[Followed]:
        return [self._follow(request) for request in requests]

    def _follow(self, request: Follow) -> Followed:
        held = request.init if request.init is not None else request.session
        count = request.stop - request.start
        return Followed(np.tile(held, (count, 1)), np.ones(count, np.float32), held)
