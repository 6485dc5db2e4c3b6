"""``chatdesc.train_verifier``: a learned verifier from the evidence that runs have recorded.

``DIR`` gets the model as the Hub has it (config.json, model.safetensors, README.md) and training.json with what it was
trained on and all epochs. While it is trained, state.safetensors lies there too, and the same call goes on from it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from chatdesc.atomic import make_folder, remove_leftovers, write_atomic
from chatdesc.evaluation.recorded_runs import Parts, RecordedRun, divided
from chatdesc.evaluation.verifier_card import card
from chatdesc.evidence import Evidence
from chatdesc.names import counted, some
from chatdesc.rows.lock import LOCK, lock
from chatdesc.rows.store import refuse_difference
from chatdesc.tables import Progress, Record, Tabular
from chatdesc.types import ChatdescError
from chatdesc.verification.features import NAMES
from chatdesc.verification.figures import Judged
from chatdesc.verification.similarity import similarity
from chatdesc.version import __version__

if TYPE_CHECKING:
    from chatdesc.verification.learning.training import Epoch, Network, Plan

KINDS = ("set", "linear")
TRAINING, STATE, MODEL = "training.json", "state.safetensors", "model.safetensors"
TRAINING_FREE = "similarity"  # in the place of an epoch's number: the verifier that nobody trained
FEW = 30  # sequences under which the validation says little
SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class TrainedVerifier(Tabular):
    """A learned verifier and its validation; shares are fractions, nothing is rounded.

    Attributes:
        out: its folder, for ``--verifier learned:OUT``.
        kind: ``set`` or ``linear``.
        epochs: one record per epoch, and one for the training-free verifier; ``table()`` has these.
        best: the epoch whose weights were kept.
        sequences, key_frames: how many it learned from and how many it was validated on.
        notes: what a reader must know of the numbers.
    """

    out: Path
    kind: str
    epochs: list[Record]
    best: int
    sequences: tuple[int, int]
    key_frames: tuple[int, int]
    notes: tuple[str, ...] = ()

    def records(self) -> list[Record]:
        return self.epochs


def train_verifier(
    runs: Sequence[str | PathLike[str]],
    out: str | PathLike[str],
    *,
    kind: str = "set",
    epochs: int = 12,
    seed: int = 0,
    validation: float = 0.2,
    progress: Progress | None = None,
) -> TrainedVerifier:
    """Train a verifier on what runs have recorded with ``record_evidence``.

    Args:
        runs: folders of runs on training splits.
        out: a new folder for the verifier. The same call continues where an earlier one stopped.
        kind: ``set`` (a small set encoder) or ``linear``.
        epochs: at most; it stops where the validation gets no better.
        seed: the same runs and seed give the same weights on one machine.
        validation: the share of the sequences that it is validated on.
        progress: called with epochs done, epochs at most, and a note.

    Raises:
        ChatdescError: a run without evidence or with a sequence of another split, a damaged file, one sequence only, a
            value out of range, or a folder that holds something else or in which another process trains.
    """
    from chatdesc.verification.learning.training import Plan

    _refuse_values(runs, kind, epochs, seed, validation)
    plan, folder = Plan(kind=kind, epochs=epochs, seed=seed), Path(out)
    recorded = [RecordedRun.read(Path(run)) for run in runs]
    parts = divided([film for run in recorded for film in run.films], validation)
    asked = _asked(recorded, plan, validation)
    made = _open(folder, asked)
    if "epochs" not in made:
        made = asked | _trained(folder, parts, plan, recorded, asked, progress)
    return TrainedVerifier(
        folder, kind, made["epochs"], made["best"], parts.sequences,
        (_count(parts.train), _count(parts.validation)), _notes(recorded, parts),
    )  # fmt: skip


def _refuse_values(runs: Sequence[str | PathLike[str]], kind: str, epochs: int, seed: int, validation: float) -> None:
    if isinstance(runs, str | PathLike) or not runs:
        raise ChatdescError("name the folders of one or more runs, as a list")
    if len({Path(run).resolve() for run in runs}) < len(runs):
        raise ChatdescError("a run is named twice, and its key frames would count twice; name each once")
    if kind not in KINDS:
        raise ChatdescError(f"--kind is one of {', '.join(KINDS)}, not {kind!r}")
    if epochs < 1:
        raise ChatdescError(f"--epochs must be at least 1, not {epochs}")
    if not 0 <= seed < SEEDS:
        raise ChatdescError(f"--seed must be from 0 to {SEEDS - 1}, not {seed}")
    if not 0 < validation < 1:
        raise ChatdescError(f"--validation is a share of the sequences in (0, 1), not {validation}")


def _asked(recorded: Sequence[RecordedRun], plan: Plan, validation: float) -> Record:
    """All that decides the weights."""
    data = [{"dataset": run.dataset, "sequences": len(run.films), "evidence": run.digest} for run in recorded]
    return {
        "chatdesc": __version__,
        "features": list(NAMES),
        "plan": asdict(plan),
        "validation": validation,
        "runs": data,
    }


def _open(folder: Path, asked: Record) -> Record:
    """Begin in a new folder, or go on in one that was begun with the same configuration; what its training.json has.

    Raises:
        ChatdescError: another configuration, or a folder that holds something else.
    """
    place = folder / TRAINING
    if not place.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise ChatdescError(f"{folder} is no empty folder and no verifier of chatdesc; choose another --out")
        make_folder(folder)
        write_atomic(place, json.dumps(asked, indent=1))
        return {}
    try:
        made: Record = json.loads(place.read_text(encoding="utf-8"))
        before = {key: made[key] for key in asked}
        whole = "epochs" in made and (folder / MODEL).is_file()
    except (ValueError, KeyError, TypeError) as error:
        raise ChatdescError(f"{place}: cannot be read back ({error}); choose another --out") from error
    refuse_difference(folder, before, asked)
    remove_leftovers([folder])
    return made if whole else {}


def _trained(
    folder: Path, parts: Parts, plan: Plan, recorded: Sequence[RecordedRun], asked: Record, progress: Progress | None
) -> Record:
    """Train, write the verifier, and return what is recorded of it; training.json comes last.

    Raises:
        ChatdescError: another process trains in the folder, or the state of an earlier call is damaged.
    """
    from chatdesc.verification.learning.training import fit

    def on_epoch(epoch: Epoch) -> None:
        if progress:
            progress(epoch.epoch, plan.epochs, f"share of the gap {epoch.share:.3f}, none AUC {epoch.none_auc:.3f}")

    with lock(folder):
        _refuse_damaged(folder / STATE)
        if progress:
            progress(0, plan.epochs, "")
        checked = _evidence(parts.validation)
        done = fit(_evidence(parts.train), checked, plan, folder, on_epoch)
        rows = [_row(asdict(epoch) | {"kept": epoch is done.best}) for epoch in done.epochs]
        rows.append(_row(_training_free(checked)))
        made = {"epochs": rows, "best": done.best.epoch}
        _write(folder, done.network, card(plan.kind, plan.seed, recorded, parts, rows))
        write_atomic(folder / TRAINING, json.dumps(asked | made, indent=1))
    for name in (STATE, LOCK):  # a folder that goes to the Hub
        (folder / name).unlink(missing_ok=True)
    return made


def _evidence(films: Sequence[Any]) -> list[Evidence]:
    return [e for film in films for e in film.evidence]


def _count(films: Sequence[Any]) -> int:
    return sum(len(film.evidence) for film in films)


def _training_free(evidence: Sequence[Evidence]) -> Record:
    judged = Judged.of(evidence, [similarity(e) for e in evidence])
    figures = {"share": judged.share(), "lost": judged.share(judged.lost), "none_auc": judged.none_auc()}
    return {"epoch": TRAINING_FREE, "loss": None, **figures, "calibration": judged.calibration(), "kept": False}


def _row(values: Record) -> Record:
    """A row without NaN, which JSON has not."""
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in values.items()}


def _refuse_damaged(state: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if not state.exists():
        return
    try:
        with safe_open(state, "pt") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise ChatdescError(f"{state}: cannot be read back ({error}); remove it, and training starts anew") from error


def _write(folder: Path, network: Network, text: str) -> None:
    """The model and its card, each file as a whole."""
    with TemporaryDirectory() as scratch:
        (Path(scratch) / "README.md").write_text(text, encoding="utf-8")  # or the Hub's library writes one
        network.save_pretrained(scratch)
        for file in sorted(Path(scratch).iterdir()):
            write_atomic(folder / file.name, file.read_bytes())


def _notes(recorded: Sequence[RecordedRun], parts: Parts) -> tuple[str, ...]:
    missed = [name for run in recorded for name in run.lacking]
    notes = [f"{_have(missed)} no recorded evidence, and took no part: {some(missed)}"] if missed else []
    known = [name for run in recorded for name in run.first_alone]
    if known:
        notes.append(f"{_have(known)} a first box alone, and took no part: {some(known)}")
    if (checked := parts.sequences[1]) < FEW:
        notes.append(
            f"the validation rests on {counted(checked, 'sequence, which says', 'sequences, which say')} little: "
            f"which epoch is kept, and "
            f"whether it is better than {TRAINING_FREE}, may be chance"
        )
    return tuple(notes)


def _have(names: Sequence[str]) -> str:
    return counted(len(names), "sequence has", "sequences have")
