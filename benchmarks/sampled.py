"""A figure sampled in a thread while a block of code runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np


class Sampled:
    """Calls ``look`` every ``seconds`` while the block runs; what it raises ends the sampling."""

    def __init__(self, look: Callable[[], float], seconds: float) -> None:
        self.look, self.seconds, self.samples = look, seconds, list[float]()

    def __enter__(self) -> Sampled:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def _sample(self) -> None:
        while not self._stop.wait(self.seconds):
            try:
                self.samples.append(self.look())
            except Exception:
                return

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def mean(self) -> float | None:
        """Of all samples; None without any."""
        return float(np.mean(self.samples)) if self.samples else None
