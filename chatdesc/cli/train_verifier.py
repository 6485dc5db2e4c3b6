"""``chatdesc train-verifier``: a learned verifier from recorded evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, new_console, progress_bar, say
from chatdesc.names import counted
from chatdesc.tables import Record, plain_table, show

SHOWN = {"share": "share of gap", "lost": "where lost", "none_auc": "none AUC", "calibration": "calib. error"}


def train_verifier(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders with recorded evidence")],
    out: Annotated[Path, typer.Option(help="New folder for the verifier; the same command continues in it")],
    kind: Annotated[str, typer.Option(help="set (a small set encoder) or linear")] = "set",
    epochs: Annotated[int, typer.Option(min=1, help="Epochs at most; it stops where validation gets no better")] = 12,
    seed: Annotated[int, typer.Option(help="Random seed; the same runs and seed give the same weights")] = 0,
    validation: Annotated[float, typer.Option(help="Share of the sequences that are kept for validation")] = 0.2,
) -> None:
    """Train a verifier on the evidence that runs on training splits have recorded.

    Examples:

      chatdesc annotate lasot /data/LaSOT --split train --record-evidence --out runs/lasot-train

      chatdesc train-verifier runs/lasot-train runs/tnl2k-train --out verifier

      chatdesc annotate lasot /data/LaSOT --split test --verifier learned:verifier --out runs/lasot-test
    """
    console = new_console()
    try:
        with progress_bar(console, "epoch", transient=True) as progress:
            done = api.train_verifier(
                runs, out, kind=kind, epochs=epochs, seed=seed, validation=validation, progress=progress
            )
    except KeyboardInterrupt:
        say(console, f"\nStopped; the same command goes on from here. Finished epochs are kept in {out}")
        raise typer.Exit(Exit.INTERRUPTED) from None
    (train, checked), (frames, others) = done.sequences, done.key_frames
    title = (
        f"validation on {counted(checked, 'sequence')}, {counted(others, 'key frame')}; "
        f"trained on {train}, {counted(frames, 'key frame')}"
    )
    console.print(plain_table([_cells(row) for row in done.epochs], title, console.width))
    for line in done.notes:
        say(console, line, "yellow", wrap=True)
    say(console, f"Kept: epoch {done.best}. Use it:  --verifier learned:{out}")


def _cells(row: Record) -> Record:
    loss = show(row["loss"], 3)
    kept = {"kept": "*" if row["kept"] else ""}
    return {"epoch": str(row["epoch"]), "loss": loss} | {SHOWN[k]: show(row[k], 3) for k in SHOWN} | kept
