"""The steps behind ``chatdesc.reproduce``: a run is scored, compared and ablated, and one page has all tables.

Each step takes what earlier calls made, so the same call continues where it was stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

from chatdesc.annotation.job import annotate
from chatdesc.atomic import write_atomic, writing
from chatdesc.evaluation.ablation import AblationResult, ablate_verification
from chatdesc.evaluation.comparison import ComparisonResult, compare
from chatdesc.evaluation.score import Scores, score
from chatdesc.reports.ablation import write_ablation
from chatdesc.reports.compare import write_comparison
from chatdesc.reproduction.page import PAGE, Facts, Found, page
from chatdesc.reproduction.published import Figure, published
from chatdesc.reproduction.rounds import round_rows
from chatdesc.rows.schema import Row
from chatdesc.rows.store import Store, dataset_of, read_config
from chatdesc.tables import Progress, Record, Tables, Tabular, percent, plain
from chatdesc.types import ChatdescError

STEPS = ("annotate", "score", "compare", "ablate verification")


@dataclass(frozen=True, slots=True)
class Reproduction(Tabular):
    """The method's tables for one dataset; shares are fractions, nothing is rounded.

    Attributes:
        page: the Markdown file with all tables.
        benchmark: this run's arms and published figures; ``table()`` has these.
        scores: alignment and statistics of the texts.
        comparison: tracking without text, with the manual and with the refined text.
        ablation: verifiers in closed loop and on the same proposals.
        rounds: what each round of reflection added.
        files: all files that were written.
        failures: sequences without a text, and arms that failed.
    """

    page: Path
    benchmark: list[Record]
    scores: Scores
    comparison: ComparisonResult
    ablation: AblationResult
    rounds: list[Record]
    files: tuple[Path, ...]
    failures: tuple[str, ...] = ()

    def records(self) -> list[Record]:
        return self.benchmark


def reproduce(
    dataset: str,
    root: str | PathLike[str],
    out: str | PathLike[str],
    *,
    preset: str = "paper",
    split: str | None = "test",
    sequences: str | Sequence[str] | None = None,
    limit: int | None = None,
    text_root: str | None = None,
    judge: str | None = None,
    verifiers: Sequence[str] = (),
    sequences_in_flight: int = 8,
    device: str = "auto",
    progress: Progress | None = None,
    **options: Any,
) -> Reproduction:
    """Annotate, score, compare and ablate a dataset, and write one page with the method's tables.

    Args:
        dataset, root, preset, sequences, limit, text_root, options: as for ``annotate``.
        out: the folder of page and tables; the run is in its folder ``run``. The same call continues where an earlier
            one stopped.
        split: ``test``, ``train``, or None for all sequences.
        judge: a grounder that took no part in choosing the texts, for key frames.
        verifiers: for the ablation; none named takes ``learned``.
        sequences_in_flight, device: as for ``annotate``.
        progress: called with (sequences done, sequences in total, step and note).

    Raises:
        ChatdescError: as ``annotate`` and ``compare`` raise.
        KeyboardInterrupt: finished sequences are kept.
    """
    speed: dict[str, Any] = {"sequences_in_flight": sequences_in_flight, "device": device}
    chosen: dict[str, Any] = {"split": split, "sequences": sequences, "limit": limit, "text_root": text_root}
    run = annotate(
        dataset, root, Path(out) / "run", preset=preset, progress=told(progress, 0), **chosen, **speed, **options
    )
    return tables_of(
        run.out, str(root), Path(out), judge=judge, verifiers=verifiers, text_root=text_root,
        failures=tuple(f"{name}: no text" for name in run.failed), progress=progress, **speed,
    )  # fmt: skip


def tables_of(
    run: Path,
    root: str,
    out: Path,
    *,
    judge: str | None = None,
    verifiers: Sequence[str] = (),
    text_root: str | None = None,
    sequences_in_flight: int = 8,
    device: str = "auto",
    failures: tuple[str, ...] = (),
    progress: Progress | None = None,
) -> Reproduction:
    """Score, compare and ablate a run, and write tables and page into ``out``.

    Args:
        failures: what the run could not annotate.

    Raises:
        ChatdescError: the run has no text or no tracker, or a file cannot be written.
        chatdesc.evaluation.comparison.Stopped: Ctrl-C while tracking.
    """
    work: dict[str, Any] = {
        "judge": judge,
        "text_root": text_root,
        "sequences_in_flight": sequences_in_flight,
        "device": device,
    }
    scores = score(run, progress=told(progress, 1))
    comparison = compare(run, root, progress=told(progress, 2), **work)
    ablation = ablate_verification(run, root, verifiers=verifiers, progress=told(progress, 3), **work)
    store = Store(run)
    rows = list(store.rows(store.names()))
    found = Found(
        benchmark_rows(comparison, published(dataset_of(run))),
        scores,
        comparison,
        ablation,
        round_rows(rows, read_config(run)["settings"]["rounds"]),
    )
    files = _write_tables(found, out / "tables")
    with writing(out):
        write_atomic(out / PAGE, page(found, facts_of(run, rows), [path.relative_to(out) for path in files]))
    return Reproduction(
        out / PAGE,
        found.benchmark,
        scores,
        comparison,
        ablation,
        found.rounds,
        (out / PAGE, *files),
        (*failures, *comparison.failures, *ablation.failures),
    )


def told(progress: Progress | None, step: int) -> Progress | None:
    """A step's own progress, with its name and number in the note."""
    return None if progress is None else partial(_tell, progress, f"{step + 1} of {len(STEPS)}, {STEPS[step]}")


def _tell(progress: Progress, step: str, done: int, total: int, note: str) -> None:
    progress(done, total, f"{step}: {note}" if note else step)


def benchmark_rows(comparison: ComparisonResult, figures: Sequence[Figure]) -> list[Record]:
    """This run's arms, then the published figures, with the same columns."""
    own = [
        {
            "tracker": f"this run, {arm}",
            "AUC": mean.auc,
            "P_Norm": mean.norm_precision_at_20,
            "P": mean.precision_at_20,
            "source": "this run",
            "protocol": comparison.protocol,
        }
        for arm, mean in comparison.means.items()
    ]
    theirs = [
        {
            "tracker": figure.tracker,
            "AUC": figure.auc,
            "P_Norm": figure.norm_precision,
            "P": figure.precision,
            "source": figure.source,
            "protocol": figure.protocol,
        }
        for figure in figures
    ]
    return [*own, *theirs]


def facts_of(run: Path, rows: Sequence[Row]) -> Facts:
    """What a reader must know of a run to judge its tables.

    Raises:
        ChatdescError: the run's configuration is damaged.
    """
    config = read_config(run)
    settings = config.get("settings")
    if not isinstance(settings, dict):
        raise ChatdescError(f"{run / 'run.json'}: has no settings; take it from a copy of the run")
    return Facts(
        dataset=dataset_of(run),
        sequences=len(rows),
        with_text=sum(row["text"] is not None for row in rows),
        splits=tuple(sorted({row["split"] or "none" for row in rows})),
        models={role: str(settings[role]) for role in ("describer", "grounder", "tracker", "verifier")}
        | {"encoders": ", ".join(settings["encoders"])},
        feedback=str(settings["feedback"]),
        version=str(config.get("chatdesc", "")),
    )


def _write_tables(found: Found, folder: Path) -> list[Path]:
    with Tables(folder) as tables:
        tables.add("benchmark", found.benchmark, percent)
        tables.add("rounds", found.rounds, plain)
        tables.add("alignment", found.scores.alignment, plain)
        tables.add("text_statistics", found.scores.statistics, plain)
    return [*tables.paths, *write_comparison(found.comparison, folder), *write_ablation(found.ablation, folder)]
