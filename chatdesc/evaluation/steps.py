"""How far a long command is, told to a callback.

>>> steps = Steps(3, lambda done, total, note: print(done, total, note or "begun"))
0 3 begun
>>> steps.add(2, "two at once")
2 3 two at once
"""

from __future__ import annotations

from dataclasses import dataclass

from chatdesc.tables import Progress


@dataclass(slots=True)
class Steps:
    """Counts items that are done, of ``total``, and tells ``progress`` (None: nobody) at the start and each time."""

    total: int
    progress: Progress | None = None
    done: int = 0

    def __post_init__(self) -> None:
        if self.total:
            self.add(0)

    def add(self, count: int = 1, note: str = "") -> None:
        """``count`` more items are done."""
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total, note)
