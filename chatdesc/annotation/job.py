"""``chatdesc.annotate``: describe every target, ground and reflect, track, and write a refined dataset.

Each finished sequence is a file, so the same call continues where an earlier one stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from chatdesc.atomic import remove_leftovers
from chatdesc.checks.rows import audit_store
from chatdesc.engine import plan as planning
from chatdesc.engine import processes
from chatdesc.engine.budget import Ledger, kept, ledger_of
from chatdesc.engine.options import sort_options
from chatdesc.engine.profile import Profile
from chatdesc.engine.ray_workers import RayEngine, annotate_with
from chatdesc.engine.run import Run, failed
from chatdesc.loaders import Dataset
from chatdesc.metrics.paired import known_mean
from chatdesc.names import counted, some
from chatdesc.reports.summary import flat, grounding
from chatdesc.rows import evidence
from chatdesc.rows import shard as shards
from chatdesc.rows.schema import Row, slim
from chatdesc.rows.selection import Selection
from chatdesc.rows.store import Store
from chatdesc.share.dataset import write_dataset
from chatdesc.synthetic import render
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.tables import show as shown
from chatdesc.types import ChatdescError

StrPath = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class AnnotateResult(Tabular):
    """What ``annotate`` did.

    Attributes:
        out: the run folder.
        dataset: the folder of the refined dataset, for ``datasets.load_dataset``.
        rows: one row per finished sequence, in natural order of the names, without boxes, flags and provenance (the
            dataset has them).
        finished_before: sequences that were finished before the call.
        notes: remarks on the models and the dataset.
        describer_counts: requests, tokens and cache hits, where the describer counts them.
        left_out: why a row is not in the dataset, per sequence: it holds a path of this machine or a token.
        profile: what each stage did in this call, and what limits the run; None where nothing was asked of a model, or
            several processes were at work.
        stopped: the limit of the budget that was reached, such as ``requests=100``; empty where all work was begun.
    """

    out: Path
    dataset: Path
    rows: tuple[Row, ...]
    finished_before: int = 0
    notes: tuple[str, ...] = ()
    describer_counts: dict[str, Any] | None = None
    left_out: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    profile: Profile | None = None

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the sequences that have no text or whose work broke off; the same call does them again."""
        return tuple(row["sequence"] for row in self.rows if failed(row))

    def records(self) -> list[Record]:
        """One record per sequence: texts, grounding IoU and margin, alignment, tracking AUC."""
        return [flat(row) for row in self.rows]


def annotate(
    dataset: str,
    root: StrPath,
    out: StrPath,
    *,
    preset: str = "offline",
    split: str | None = None,
    sequences: str | Sequence[str] | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    shard: str | None = None,
    frames_in_flight: int = 32,
    devices: Sequence[str] = (),
    engine: RayEngine | None = None,
    strict: bool = False,
    budget: Sequence[str] = (),
    prices: str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> AnnotateResult:
    """Describe every target, ground and reflect, track, and write a refined dataset.

    Args:
        dataset: ``lasot``, ``lasot_ext``, ``tnl2k``, ``otb-lang``, ``trackingnet``, ``got10k`` or ``synthetic``.
        root: the dataset's folder, an archive, or an fsspec URL.
        out: the run folder. The same call continues where an earlier one stopped.
        preset: a full set of backends; ``list_backends`` has the names.
        split: ``train`` or ``test``; None takes all sequences under the root.
        sequences: names of the sequences to annotate.
        limit: only the first N sequences.
        split_file: a file of sequence names, one per line, instead of the dataset's own lists.
        text_root: otb-lang: the folder with the ``OTB_query_*`` folders.
        shard: ``I/N``: only every N-th of these sequences, from the I-th on; ``merge`` makes one run of all N.
        frames_in_flight: decoded frames kept in memory.
        devices: one process per device, such as ``["cuda:0", "cuda:1"]``.
        engine: run on a Ray cluster; None runs on this machine.
        strict: stop at the first failed sequence.
        budget: limits of the run over all calls, each ``NAME=N``: ``requests``, ``tokens``, ``money`` or ``hours``. No
            sequence is begun when one is reached; the same call with a larger one continues.
        prices: a YAML file of prices for ``money``, in place of the package's own.
        progress: called with (sequences done, sequences in total, a note) after each sequence.
        options: any field of ``config.Settings`` (it decides the rows) or ``config.Resources`` (it decides only the
            speed); ``encoders`` are named as on the command line.

    Raises:
        ChatdescError: wrong names or values, a run folder of another configuration or of other data.
        KeyboardInterrupt: finished sequences are kept.
    """
    data = open_chosen(dataset, root, split, sequences, limit, split_file, text_root, frames_in_flight, shard)
    run = _run(data, out, preset, strict, {**options, **({"device": devices[0]} if devices else {})})
    with Store.open(run.out, run.config()) as store:
        run.check_data(store)
        if shard:
            shards.keep(run.out, shards.Shard.of(shard), run.dataset.names)
        ledger = ledger_of(run.out, run.settings.describer, run.counts(), budget, prices)
        _refuse_together(bool(budget), tuple(devices), engine)
        try:
            before = _annotate(run, store, tuple(devices), engine, ledger, progress)
        finally:
            run.close()
        stopped = _stopped(run, store, ledger)
        if stopped and not store.names():
            raise ChatdescError(stopped[0])
        unaudited = audit_store(store)
        frames = run.encoded_frames if run.settings.include_frames else None
        written = write_dataset(
            run.rows(store), run.out / "dataset", dataset=run.dataset.dataset, include_frames=frames,
            account=kept(run.out).sentence(ledger.price),
        )  # fmt: skip
        rows = tuple(slim(row) for row in run.rows(store))
        notes = (*_notes(run, run.without_evidence(store)), *unaudited, *stopped)
    counts = run.counts()
    said = dict(counts()) if counts else None
    return AnnotateResult(
        run.out,
        run.out / "dataset",
        rows,
        before,
        notes,
        said,
        written.left_out,
        ledger.reached or "",
        run.profile,
    )


def _refuse_together(budget: bool, devices: tuple[str, ...], engine: RayEngine | None) -> None:
    """Refuse options that exclude one another.

    Raises:
        ChatdescError: a budget or devices of this machine for a cluster.
    """
    if budget and engine:
        raise ChatdescError("--budget: a cluster's workers cannot be stopped by it; use it without --engine")
    if devices and engine:
        raise ChatdescError("--devices are those of this machine; with --engine ray give --workers and --worker-gpus")


def _stopped(run: Run, store: Store, ledger: Ledger) -> tuple[str, ...]:
    """A note where the budget was reached, with what is left."""
    if not ledger.reached:
        return ()
    left = counted(len(run.pending(store)), "sequence is", "sequences are")
    used = ledger.used.line(ledger.price) or f"{ledger.used.seconds / 3600:.2f} hours"
    return (f"the budget is reached ({ledger.reached}; used: {used}): {left} left; the same command with more goes on",)


def _annotate(
    run: Run,
    store: Store,
    devices: tuple[str, ...],
    engine: RayEngine | None,
    ledger: Ledger,
    progress: Progress | None,
) -> int:
    """Annotate what is pending; how many sequences were finished before."""
    pending, total = run.pending(store), len(run.dataset.names)
    before = total - len(pending)
    done: list[tuple[float | None, float | None]] = []

    def on_row(row: Row) -> None:
        ledger.save()
        done.append((grounding(row, "manual_iou"), grounding(row, "iou")))
        manual, refined = (shown(known_mean(values)) for values in zip(*done, strict=True))
        if progress:
            used = ledger.used.line(ledger.price)
            progress(before + len(done), total, f"IoU {manual} > {refined}" + (f"; {used}" if used else ""))

    if progress:
        progress(before, total, "")
    if not pending:
        remove_leftovers([run.out / evidence.FOLDER])  # of a run that was killed after its last row
        return before
    if engine:
        annotate_with(engine, run, store, on_row, ledger)
    elif len(devices) > 1:
        processes.annotate_on(devices, run, store, on_row, ledger)
    else:
        run.annotate(store, on_row, ledger.within(pending))
    ledger.save()
    return before


def _notes(run: Run, unrecorded: list[str]) -> tuple[str, ...]:
    """Remarks on the models, the dataset, and sequences whose evidence was not recorded."""
    grounder = run.models.grounder
    words = getattr(grounder, "words", True)
    blind = f"{grounder.name} gives no score per word: feedback is IoU and margin only" if grounder else ""
    problems = (f"dataset: {problem.kind}: {problem.message}" for problem in run.dataset.problems)
    files = f"{run.out / 'rows' / 'NAME.json'}"
    missed = (
        f"evidence: {counted(len(unrecorded), 'sequence was', 'sequences were')} finished without --record-evidence: "
        f"{some(unrecorded)}; remove "
        f"their files ({files}) and repeat the command, which does them again"
    )
    return (*(() if words else (blind,)), *problems, *((missed,) if unrecorded else ()))


def plan(
    dataset: str,
    root: StrPath,
    *,
    out: StrPath = "run",
    preset: str = "offline",
    split: str | None = None,
    sequences: str | Sequence[str] | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    shard: str | None = None,
    frames_in_flight: int = 32,
    **options: Any,
) -> planning.Plan:
    """Count the work that ``annotate`` would do, and estimate its time and cost from a few sequences that are done.

    Nothing is written. A model server is asked for the sequences that are done.
    The arguments are those of ``annotate``; sequences that are finished in the run folder ``out`` do not count.

    Raises:
        ChatdescError: as ``annotate``.
    """
    data = open_chosen(dataset, root, split, sequences, limit, split_file, text_root, frames_in_flight, shard)
    start = time.perf_counter()
    run = _run(data, out, preset, False, {"cache": "", **options})
    try:
        return planning.plan(run, run.pending(Store(run.out)), time.perf_counter() - start)
    finally:
        run.close()


def demo_folders(out: StrPath, count: int, frames: int, seed: int, preset: str) -> tuple[Path, Path]:
    """The folders of ``demo``: the synthetic dataset and the run."""
    name = f"{count}x{frames}-seed{seed}"
    return Path(out) / f"synthetic-{name}", Path(out) / f"run-{name}-{preset}"


def demo(
    out: StrPath = "demo",
    *,
    count: int = 12,
    frames: int = 40,
    seed: int = 0,
    preset: str = "offline",
    progress: Progress | None = None,
) -> AnnotateResult:
    """Render ``count`` synthetic sequences of ``frames`` frames with planted faults, and annotate them.

    Raises:
        ChatdescError: no preset has this name.
    """
    source, run = demo_folders(out, count, frames, seed, preset)
    render(source, count, frames, seed)
    return annotate("synthetic", source, run, preset=preset, progress=progress)


def open_chosen(
    dataset: str,
    root: StrPath,
    split: str | None = None,
    sequences: str | Iterable[str] | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    frames: int = 32,
    shard: str | None = None,
) -> Dataset:
    """Some sequences of a dataset, chosen by name, number or split; see ``Selection``."""
    names = sequences if isinstance(sequences, str | None) else ",".join(sequences)
    return Selection(split, names, limit, split_file, shard).open(dataset, str(root), text_root, frames)


def _run(data: Dataset, out: StrPath, preset: str, strict: bool, options: dict[str, Any]) -> Run:
    settings, resources = sort_options(preset, options)
    return Run.create(data, Path(out), settings, resources, strict)
