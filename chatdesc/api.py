"""Every command as a function of the same name, for use from Python.

The command line is a thin cover of these functions: a function does the work and prints nothing, a command shows the
result. ``import chatdesc`` gives all of them as ``chatdesc.annotate`` and so on.
"""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

from chatdesc import backends
from chatdesc.annotation.job import annotate, demo, open_chosen, plan
from chatdesc.annotation.merge import merge
from chatdesc.checks import available as available_checks
from chatdesc.checks import create as create_checks
from chatdesc.checks.audit import audit
from chatdesc.checks.fix import fix
from chatdesc.config import presets
from chatdesc.decisions.agreement import agreement
from chatdesc.decisions.apply import apply
from chatdesc.decisions.inbox import review_import
from chatdesc.decisions.outbox import review_export
from chatdesc.decisions.review import review
from chatdesc.engine.doctor import Check, examine
from chatdesc.engine.ray_workers import RayEngine
from chatdesc.engine.serving import serve_command
from chatdesc.evaluation import calibrate as calibration
from chatdesc.evaluation.ablation import ablate_verification
from chatdesc.evaluation.comparison import compare
from chatdesc.evaluation.job import evaluate
from chatdesc.evaluation.score import score
from chatdesc.evaluation.submission import submit
from chatdesc.evaluation.train_verifier import train_verifier
from chatdesc.loaders import WriteBack, load
from chatdesc.page.job import report
from chatdesc.reports.story import row_of, story
from chatdesc.reproduction.job import reproduce
from chatdesc.rows.refined import load_refined
from chatdesc.rows.sources import read_rows
from chatdesc.rows.store import Store, dataset_of
from chatdesc.share import export as exporting
from chatdesc.share import hub
from chatdesc.sheets.job import card_sheet, sheet
from chatdesc.tables import Record
from chatdesc.types import ChatdescError

__all__ = [
    "RayEngine", "ablate_verification", "agreement", "annotate", "apply", "audit", "calibrate", "compare", "demo",
    "doctor", "evaluate", "export", "fix", "list_backends", "list_checks", "load", "load_refined", "merge", "plan",
    "push", "report", "reproduce", "review", "review_export", "review_import", "score", "serve_command", "sheet",
    "show", "submit", "train_verifier", "write_back",
]  # fmt: skip

StrPath = str | PathLike[str]


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
    data = open_chosen(dataset, root, split, split_file=split_file, text_root=text_root)
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
    data = open_chosen(dataset_of(Path(run)), root, split_file=split_file, text_root=text_root)
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
