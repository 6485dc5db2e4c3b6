"""What is pending of a comparison, tracked; Ctrl-C loses nothing that is finished."""

from __future__ import annotations

from pathlib import Path

from chatdesc.evaluation.arm_rows import ArmRow
from chatdesc.evaluation.arms import Comparison
from chatdesc.evaluation.steps import Steps
from chatdesc.tables import Progress


class Stopped(KeyboardInterrupt):
    """Ctrl-C while tracking; what was finished is in the folder ``place``, and the same call goes on from there."""

    def __init__(self, place: Path) -> None:
        super().__init__()
        self.place = place


def track_pending(work: Comparison, names: list[str], in_flight: int, progress: Progress | None) -> tuple[str, ...]:
    """Track what is pending; the problems of its sequences. Without data nothing is tracked."""
    if work.data is None:
        return ()
    problems: list[str] = []
    work.make_room(in_flight)
    with work.open() as store:
        pending = work.pending(store, names)
        steps = Steps(len(pending), progress)

        def on_row(row: ArmRow) -> None:
            problems.extend(f"{row['sequence']}: {why}" for why in row["problems"])
            steps.add()

        try:
            work.track(store, pending, on_row, in_flight)
        except KeyboardInterrupt as error:
            raise Stopped(work.place) from error
    return tuple(problems)
