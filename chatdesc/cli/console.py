"""What commands do on a terminal: open a dataset, show a plan, work with a progress bar, print tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from chatdesc.metrics.alignment import known_mean
from chatdesc.rows.schema import slim
from chatdesc.rows.selection import Opening
from chatdesc.tables import show

if TYPE_CHECKING:
    from chatdesc.engine.run import Run


class Exit(IntEnum):
    """Exit codes: finished, finished with failed rows, not started for a wrong input, stopped by Ctrl-C."""

    DONE = 0
    FAILED_ROWS = 1
    USAGE = 2
    INTERRUPTED = 130


def show_plan(run: Run) -> int:
    from rich.console import Console

    from chatdesc.engine.plan import plan
    from chatdesc.rows.store import Store

    names = run.pending(Store(run.out))
    console = Console()
    with console.status(f"looking at {len(names)} sequences"):
        found = plan(run, names)
    for line in found.lines():
        console.print(line, highlight=False)
    console.print("Nothing was written.")
    return Exit.DONE


def work(run: Run, opening: Opening, devices: tuple[str, ...] = (), table: bool = False) -> int:
    """Annotate what is pending (in a process for each of ``devices``), write the dataset, print what came of it."""
    from rich.console import Console

    from chatdesc.engine.run import failed
    from chatdesc.reports import summary as report
    from chatdesc.rows.store import Store
    from chatdesc.share.dataset import write_dataset

    console = Console()
    with Store.open(run.out, run.config()) as store:
        run.check_data(store)
        try:
            _with_progress(run, store, console, opening, devices)
        except KeyboardInterrupt:
            console.print(f"\nStopped; the same command goes on from here. What was finished is kept in {run.out}")
            return Exit.INTERRUPTED
        finally:
            run.close()
        frames = run.encoded_frames if run.settings.include_frames else None
        write_dataset(run.rows(store), run.out / "dataset", dataset=run.dataset.dataset, include_frames=frames)
        rows = [slim(row) for row in run.rows(store)]
    if table:
        console.print(report.before_after(rows))
    console.print(report.summary(rows))
    if summary := getattr(run.models.describer, "summary", None):
        said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in summary().items() if value)
        console.print(f"describer: {said}" if said else "", highlight=False)
    for text, count in report.repeated_texts(rows):
        console.print(f"[yellow]suspicious:[/yellow] {count} sequences have the same text: {text!r}")
    for line in report.problems(rows):
        console.print(line, style="yellow", highlight=False, markup=False)
    for problem in run.dataset.problems:
        console.print(f"dataset: {problem.kind}: {problem.message}", style="yellow", highlight=False, markup=False)
    splits = {str(row["split"]) for row in rows}
    split = f', split="{splits.pop()}"' if len(splits) == 1 else ""
    console.print(f'\nLoad it:  datasets.load_dataset("{run.out / "dataset"}"{split})', highlight=False, soft_wrap=True)
    return Exit.FAILED_ROWS if any(failed(row) for row in rows) else Exit.DONE


@contextmanager
def progress_bar(console: Any, what: str, total: int, transient: bool = False) -> Iterator[Callable[..., None]]:
    """A progress bar with the time left, and what moves it on, with a note to show beside it or by more than one."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, transient=transient, disable=not total) as progress:
        task = progress.add_task(what, total=total, note="")
        yield lambda note="", by=1: progress.update(task, advance=by, note=note)


def _with_progress(run: Run, store: Any, console: Any, opening: Opening, devices: tuple[str, ...]) -> None:
    from chatdesc.reports import summary as report

    pending = run.pending(store)
    total = len(run.dataset.names)
    if len(pending) < total:
        console.print(f"{total - len(pending)} of {total} sequences are finished already")
    if not pending:
        return
    if not getattr(run.models.grounder, "words", True):
        console.print(f"{run.models.grounder.name} cannot say which words found what: feedback is IoU and margin only")
    seen: list[dict[str, Any]] = []
    with progress_bar(console, "annotate", len(pending)) as advance:

        def on_row(row: dict[str, Any]) -> None:
            seen.append({"grounding": row["grounding"]})
            manual, now = (known_mean(report.grounding(r, k) for r in seen) for k in ("manual_iou", "iou"))
            advance(f"IoU {show(manual)} > {show(now)}")

        if len(devices) > 1:
            from chatdesc.engine.processes import annotate_on

            annotate_on(devices, run, opening, store, on_row)
        else:
            run.annotate(store, on_row, pending)
