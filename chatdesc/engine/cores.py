"""Models side by side on the cores of the machine.

>>> with shared_cores(2):  # where torch is not loaded, nothing is changed
...     pass
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from chatdesc.cores import cores


@contextmanager
def shared_cores(models: int) -> Iterator[None]:
    """Within the block, each of so many models that work side by side on the CPU has its share of the cores.

    Otherwise each would start a thread per core, and these would wait for one another in loops that use up the cores. A
    number that the user has set (OMP_NUM_THREADS) stays.
    """
    torch = sys.modules.get("torch")
    if torch is None or models < 2 or "OMP_NUM_THREADS" in os.environ:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, cores() // models))
    try:
        yield
    finally:
        torch.set_num_threads(before)
