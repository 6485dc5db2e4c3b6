"""Every command as a function of the same name, for use from Python.

The command line is a thin cover of these functions: a function does the work and prints nothing, a command shows the
result. ``import chatdesc`` gives all of them as ``chatdesc.annotate`` and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

from chatdesc import backends
from chatdesc.checks import available as available_checks
from chatdesc.checks import create as create_checks
from chatdesc.checks.audit import audit
from chatdesc.checks.fix import fix
from chatdesc.checks.rows import audit_store
from chatdesc.config import presets
from chatdesc.decisions.agreement import agreement
from chatdesc.decisions.apply import apply
from chatdesc.decisions.inbox import review_import
from chatdesc.decisions.outbox import review_export
from chatdesc.decisions.review import review
from chatdesc.engine import plan as planning
from chatdesc.engine import processes
from chatdesc.engine.doctor import Check, examine
from chatdesc.engine.options import sort_options
from chatdesc.engine.run import Run, failed
from chatdesc.evaluation import calibrate as calibration
from chatdesc.evaluation.ablation import ablate_verification
from chatdesc.evaluation.comparison import compare
from chatdesc.evaluation.job import evaluate
from chatdesc.evaluation.score import score
from chatdesc.evaluation.submission import submit
from chatdesc.evaluation.train_verifier import train_verifier
from chatdesc.loaders import Dataset, WriteBack, load
from chatdesc.metrics.paired import known_mean
from chatdesc.names import counted, some
from chatdesc.page.job import report
from chatdesc.reports.story import row_of, story
from chatdesc.reports.summary import flat, grounding
from chatdesc.rows.refined import load_refined
from chatdesc.rows.schema import Row, slim
from chatdesc.rows.selection import Selection
from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store, dataset_of
from chatdesc.share import export as exporting
from chatdesc.share import hub
from chatdesc.share.dataset import write_dataset
from chatdesc.sheets.job import card_sheet, sheet
from chatdesc.synthetic import render
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.tables import show as shown
from chatdesc.types import ChatdescError

__all__ = [
    "ablate_verification", "agreement", "annotate", "apply", "audit", "calibrate", "compare", "demo", "doctor",
    "evaluate", "export", "fix", "list_backends", "list_checks", "load", "load_refined", "plan", "push", "report",
    "review", "review_export", "review_import", "score", "sheet", "show", "submit", "train_verifier", "write_back",
]  # fmt: skip

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
    """

    out: Path
    dataset: Path
    rows: tuple[Row, ...]
    finished_before: int = 0
    notes: tuple[str, ...] = ()
    describer_counts: dict[str, Any] | None = None
    left_out: dict[str, str] = field(default_factory=dict)

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
    frames_in_flight: int = 32,
    devices: Sequence[str] = (),
    strict: bool = False,
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
        frames_in_flight: decoded frames kept in memory.
        devices: one process per device, such as ``["cuda:0", "cuda:1"]``.
        strict: stop at the first failed sequence.
        progress: called with (sequences done, sequences in total, a note) after each sequence.
        options: any field of ``config.Settings`` (it decides the rows) or ``config.Resources`` (it decides only the
            speed); ``encoders`` are named as on the command line.

    Raises:
        ChatdescError: wrong names or values, a run folder of another configuration or of other data.
        KeyboardInterrupt: finished sequences are kept.
    """
    data = _open(dataset, root, split, sequences, limit, split_file, text_root, frames_in_flight)
    run = _run(data, out, preset, strict, {**options, **({"device": devices[0]} if devices else {})})
    with Store.open(run.out, run.config()) as store:
        run.check_data(store)
        try:
            before = _annotate(run, store, tuple(devices), progress)
        finally:
            run.close()
        unaudited = audit_store(store)
        frames = run.encoded_frames if run.settings.include_frames else None
        written = write_dataset(
            run.rows(store), run.out / "dataset", dataset=run.dataset.dataset, include_frames=frames
        )
        rows = tuple(slim(row) for row in run.rows(store))
        notes = (*_notes(run, run.without_evidence(store)), *unaudited)
    counts = getattr(run.models.describer, "summary", None)
    said = counts() if counts else None
    return AnnotateResult(run.out, run.out / "dataset", rows, before, notes, said, written.left_out)


def _annotate(run: Run, store: Store, devices: tuple[str, ...], progress: Progress | None) -> int:
    """Annotate what is pending; how many sequences were finished before."""
    pending, total = run.pending(store), len(run.dataset.names)
    before = total - len(pending)
    done: list[tuple[float | None, float | None]] = []

    def on_row(row: Row) -> None:
        done.append((grounding(row, "manual_iou"), grounding(row, "iou")))
        manual, refined = (shown(known_mean(values)) for values in zip(*done, strict=True))
        if progress:
            progress(before + len(done), total, f"IoU {manual} > {refined}")

    if progress:
        progress(before, total, "")
    if not pending:
        return before
    if len(devices) > 1:
        processes.annotate_on(devices, run, store, on_row)
    else:
        run.annotate(store, on_row, pending)
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
    frames_in_flight: int = 32,
    **options: Any,
) -> planning.Plan:
    """Count the work that ``annotate`` would do and estimate its time; nothing is written.

    The arguments are those of ``annotate``; sequences that are finished in the run folder ``out`` do not count.

    Raises:
        ChatdescError: as ``annotate``.
    """
    data = _open(dataset, root, split, sequences, limit, split_file, text_root, frames_in_flight)
    run = _run(data, out, preset, False, {"cache": "", **options})
    return planning.plan(run, run.pending(Store(run.out)))


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


def calibrate(
    dataset: str,
    root: StrPath,
    grounder: str,
    *,
    limit: int = 20,
    split: str | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    theta: float = 0.3,
    seed: int = 0,
    device: str = "auto",
) -> calibration.Calibration:
    """Choose a grounder's score threshold on ``limit`` sequences with ground truth.

    Args:
        grounder: ``NAME`` or ``NAME:MODEL@REVISION``.
        theta: IoU from which a proposal counts as on the target.
        seed: seed of the draw of sequences.

    Raises:
        ChatdescError: no such dataset or grounder, or no sequence to calibrate on.
    """
    data = _open(dataset, root, split, None, None, split_file, text_root)
    model = backends.create("grounder", grounder, device=device)
    return calibration.calibrate(data, model, limit, seed, theta=theta)


def write_back(
    run: StrPath,
    root: StrPath,
    to: StrPath | None = None,
    *,
    in_place: bool = False,
    with_annotations: bool = False,
    split_file: str | None = None,
    text_root: str | None = None,
) -> WriteBack:
    """Write a run's texts in the layout of its dataset, where existing trackers read them.

    Args:
        to: a new folder, or a copy of the dataset.
        in_place: write into the dataset itself; each original is kept beside as ``.orig``.
        with_annotations: copy boxes and flags too.

    Raises:
        ChatdescError: neither or both of ``to`` and ``in_place``; no run; a path inside the source dataset.
    """
    if (to is None) != in_place:
        raise ChatdescError("say either --to FOLDER or --in-place")
    data = _open(dataset_of(Path(run)), root, None, None, None, split_file, text_root)
    store = Store(Path(run))
    names = store.names()
    if not names:
        raise ChatdescError(f"{run} has no finished sequence yet; run `chatdesc annotate` first")
    lost: list[str] = []
    rows = exporting.noting_failed(store.rows(names), lost)
    done = data.write_back(rows, root if to is None else to, in_place=in_place, copy_annotations=with_annotations)
    return replace(done, failed=tuple(lost))


def export(
    source: StrPath,
    to: StrPath,
    layout: str,
    *,
    split: str | None = None,
    config: str | None = None,
    overwrite: bool = False,
) -> exporting.Exported:
    """Write texts in a layout that trackers read, from rows alone.

    Args:
        source: a run folder, a dataset folder, or a Hub repository ``USER/NAME``.
        layout: ``lasot``, ``lasot_ext``, ``tnl2k``, ``otb-lang``, ``dtvlt``, ``vots``, ``dpu-vlt``, ``lerobot``,
            ``json``, ``jsonl`` or ``csv``.
        config: which of several datasets in one repository.
        overwrite: replace other texts; a dataset's own files are kept beside as ``.orig``.

    Raises:
        ChatdescError: no such source or layout, no row that can be written, or a file that would be lost. Single rows
            that the layout cannot hold are in ``refused`` of the result.
    """
    rows = read_rows(str(source), split, config, exporting.columns_of(layout))
    return exporting.export(rows, Path(to), layout, overwrite)


def push(
    run: StrPath,
    repo_id: str,
    *,
    config: str | None = None,
    split: str | None = None,
    private: bool = False,
    include_frames: bool = False,
    revision: str = "main",
    tag: str | None = None,
    dry_run: bool = False,
    text_licence: str | None = None,
    picture: str | None = None,
    root: StrPath | None = None,
    text_root: str | None = None,
) -> hub.Pushed:
    """Push a run's rows to a dataset repository on the Hub, in one commit.

    Args:
        repo_id: ``USER/NAME``; created if it does not exist.
        config: name of the dataset in the repository; None takes the dataset's own.
        split: push only this split; the others stay as they are.
        private: create the repository as private.
        include_frames: push the run's frames too; check the dataset's terms first.
        revision: branch to push to; created if it does not exist.
        tag: tag for the pushed commit.
        dry_run: only report what would be sent and removed.
        text_licence: licence of the new texts as the Hub spells it, such as ``cc-by-4.0``.
        picture: a sequence whose sheet the card shows, with its frames; check the dataset's terms first.
        root: the dataset's frames, for ``picture``.
        text_root: otb-lang: the folder with the ``OTB_query_*`` folders.

    Raises:
        ChatdescError: the Hub or the connection refused; the message says what to do.
    """
    target = hub.Target(repo_id, config, split, private, include_frames, revision, tag, dry_run, text_licence)
    return hub.push(Path(run), target, None, card_sheet(run, picture, root, text_root) if picture else None)


def show(run: StrPath, sequence: str) -> str:
    """Tell one row's story in plain words: texts tried, words, IoU, margin, choice, alignment, tracking, provenance.

    Raises:
        ChatdescError: no such run or sequence.
    """
    return "\n".join(story(row_of(Path(run), sequence)))


def doctor(preset: str = "offline", base_url: str | None = None) -> list[Check]:
    """Check this machine against a preset: devices, versions, models, the Hub, a model server.

    Raises:
        ChatdescError: no preset has this name.
    """
    return list(examine(preset, base_url))


def list_backends() -> list[Record]:
    """All backends and presets: one record with ``role``, ``name`` and ``from`` each.

    >>> [record["name"] for record in list_backends() if record["role"] == "preset"]
    ['cpu', 'gpu', 'offline', 'paper', 'tiny']
    """
    found = [
        {"role": role, "name": name, "from": "chatdesc" if name in backends.BUILTIN[role] else target.partition(":")[0]}
        for role in backends.ROLES
        for name, target in sorted(backends.available(role).items())
    ]
    return found + [{"role": "preset", "name": name, "from": preset.about} for name, preset in presets().items()]


def list_checks() -> list[Record]:
    """All checks of an audit: one record with ``check``, ``kinds`` and ``about`` each.

    >>> [record["kinds"] for record in list_checks() if record["check"] == "duplicate"]
    ['duplicate']
    """
    made = create_checks(sorted(available_checks()))
    return [
        {"check": check.name, "kinds": ", ".join(check.kinds), "about": (type(check).__doc__ or "").split("\n")[0]}
        for check in made
    ]


def _open(
    dataset: str,
    root: StrPath,
    split: str | None = None,
    sequences: str | Iterable[str] | None = None,
    limit: int | None = None,
    split_file: str | None = None,
    text_root: str | None = None,
    frames: int = 32,
) -> Dataset:
    names = sequences if isinstance(sequences, str | None) else ",".join(sequences)
    return Selection(split, names, limit, split_file).open(dataset, str(root), text_root, frames)


def _run(data: Dataset, out: StrPath, preset: str, strict: bool, options: dict[str, Any]) -> Run:
    settings, resources = sort_options(preset, options)
    return Run.create(data, Path(out), settings, resources, strict)
