"""``chatdesc compare``: what a run's texts are worth to trackers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from chatdesc import api
from chatdesc.atomic import make_folder
from chatdesc.cli.console import Exit, new_console, progress_bar, say
from chatdesc.cli.options import DeviceOpt, LimitOpt, NamesOpt, SplitFileOpt, TextRootOpt, TextsOpt
from chatdesc.cli.unused import refuse_given
from chatdesc.drawing.figures import NO_PLOTS, can_draw
from chatdesc.evaluation.ablation import AblationResult
from chatdesc.evaluation.compare_input import NOT_TRACKED
from chatdesc.evaluation.comparison import BROUGHT, ComparisonResult
from chatdesc.evaluation.similar import SIMILAR
from chatdesc.evaluation.tracking import Stopped
from chatdesc.loaders import NAMES
from chatdesc.reports.ablation import ablation_tables, write_ablation
from chatdesc.reports.compare import comparison_tables, write_comparison
from chatdesc.rows.store import is_run
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FAILURES = 10  # lines
ABLATED = "verification"
MODELS = ("judge", "tracker", "verifier", "ablate", "encoder", "arms", "preset", "similar")
OF_TEXTS = ("texts", "arms", "baseline", "similar", "preset")
SPEED = ("device", "sequences_in_flight")  # only where ROOT is tracked


def compare(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Run folder; or a dataset's name, to compare --texts without a run")
    ],
    root: Annotated[
        str | None,
        typer.Argument(
            metavar="ROOT",
            help="Root of the dataset (default: compare only what was tracked before); with --results, for attributes",
        ),
    ] = None,
    texts: TextsOpt = None,
    arms: Annotated[
        str | None,
        typer.Option(
            help="Arms, separated by commas: default, all, or names such as shuffled-same-class, shuffled-other-class, "
            "oracle-words (default: no-text, manual, each --texts, refined, and refined with both bounds)"
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Arm that the others are compared with, and whose texts are shuffled (default: manual)"
        ),
    ] = None,
    similar: Annotated[
        float,
        typer.Option(min=0, max=1, help="Similar-object frames: score by which another proposal may be behind"),
    ] = SIMILAR,
    preset: Annotated[
        str | None, typer.Option(help="Without a run: preset whose models track (default: offline)")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Grounder that took no part in choosing the texts: NAME or NAME:MODEL")
    ] = None,
    results: Annotated[
        list[str] | None,
        typer.Option(
            help="Another tracker's results: DIR=ARM, such as DIR=manual, DIR=refined, DIR=no-text; repeatable"
        ),
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Evaluation protocol (default: the dataset's own)")] = None,
    tracker: Annotated[str | None, typer.Option(help="Tracker (default: the run's)")] = None,
    verifier: Annotated[
        list[str] | None,
        typer.Option(
            help="Verifier: NAME or NAME:MODEL@REVISION (default: the run's); several with --ablate (default: learned)"
        ),
    ] = None,
    ablate: Annotated[
        str | None, typer.Option(help="verification: compare verifiers on the refined text, not texts")
    ] = None,
    encoder: Annotated[str | None, typer.Option(help="Encoder for verification (default: the run's first)")] = None,
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    split: Annotated[str | None, typer.Option(help="train or test (default: all sequences of the run)")] = None,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
    sequences_in_flight: Annotated[
        int, typer.Option(min=1, help="Tracks at a time; the arms of one sequence go together")
    ] = 8,
    device: DeviceOpt = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output folder for tables (CSV, Markdown) and plots (PNG, PDF, SVG); without a run also for tracks"
        ),
    ] = None,
) -> None:
    """Compare tracking with no text, the manual and the refined text, and with --texts, on the same sequences.

    The refined text is also tracked with proposals chosen at random and by an oracle. Scores from the grounder that
    selected the texts are labelled; --judge calls another one. Stop it at any time: the same command continues, and
    without ROOT it shows what was tracked so far. All arms are compared with --baseline, on all frames and on
    similar-object frames.

    With --ablate verification, the refined text is tracked under several verifiers and without one, and all of them
    choose on the same proposals.

    Examples:

      chatdesc compare runs/otb /data/OTB_sentences

      chatdesc compare runs/lasot-test /data/LaSOT --judge owlv2:google/owlv2-base-patch16-ensemble --out tables

      chatdesc compare runs/lasot-test /data/LaSOT --texts dtvlt=DTVLT.json --texts b=runs/lasot-b --arms all

      chatdesc compare lasot /data/LaSOT --split test --texts a=a.json --texts b=b.csv --out texts --preset gpu

      chatdesc compare runs/lasot-test /data/LaSOT --ablate verification --verifier learned:verifier

      chatdesc compare runs/tnl2k --results JointNLT/a=manual --results JointNLT/b=refined --results OSTrack=no-text
    """
    if results:
        refuse_given(context, (*MODELS, *SPEED), BROUGHT)
    elif root is None:
        refuse_given(context, ("text_root", *SPEED), NOT_TRACKED)
    if ablate:
        refuse_given(context, OF_TEXTS, f"with --ablate {ABLATED}, which compares verifiers, not texts")
    one = _one_verifier(verifier, ablate)
    make_folder(out)
    console = new_console()
    common: dict[str, Any] = {
        "judge": judge, "protocol": protocol, "tracker": tracker, "encoder": encoder, "sequences": sequences,
        "limit": limit, "split": split, "split_file": split_file, "text_root": text_root,
        "sequences_in_flight": sequences_in_flight, "device": device,
    }  # fmt: skip
    of_texts: dict[str, Any] = {
        "texts": texts or (), "arms": arms, "baseline": baseline, "similar": similar, "preset": preset,
        "results": results or (), "verifier": one,
    }  # fmt: skip
    if out is not None and not is_run(run) and run in NAMES:
        of_texts["out"] = out
    try:
        with progress_bar(console, "compare", transient=True) as progress:
            common["progress"] = progress
            shown = (
                _ablation(api.ablate_verification(run, root, verifiers=verifier or (), **common))
                if ablate
                else _comparison(api.compare(run, root, **of_texts, **common))
            )
    except Stopped as stopped:
        say(console, f"\nStopped; the same command continues from here. Finished sequences are in {stopped.place}")
        raise
    _show(shown, console, out)


class _Shown(NamedTuple):
    """A result, and what makes and writes its tables."""

    result: ComparisonResult | AblationResult
    tables: Callable[[int], list[Table]]
    write: Callable[[Path], list[Path]]


def _comparison(result: ComparisonResult) -> _Shown:
    return _Shown(result, partial(comparison_tables, result), partial(write_comparison, result))


def _ablation(result: AblationResult) -> _Shown:
    return _Shown(result, partial(ablation_tables, result), partial(write_ablation, result))


def _show(shown: _Shown, console: Console, out: Path | None) -> None:
    """Print and write the tables; exit with FAILED_ROWS if a sequence failed."""
    failures = shown.result.failures
    _say(failures[:FAILURES], console)
    if (more := len(failures) - FAILURES) > 0:
        _say([f"... and {more} more"], console)
    for table in shown.tables(console.width):
        console.print(table)
    _say(shown.result.notes, console)
    for path in shown.write(out) if out else []:
        say(console, f"written: {path}")
    if out and isinstance(shown.result, ComparisonResult) and not can_draw():
        say(console, NO_PLOTS, "yellow")
    raise typer.Exit(Exit.FAILED_ROWS if failures else Exit.DONE)


def _one_verifier(verifiers: list[str] | None, ablate: str | None) -> str | None:
    """The verifier of a comparison of texts, which has one.

    Raises:
        ChatdescError: several, or nothing that can be ablated is named.
    """
    if ablate not in (None, ABLATED):
        raise ChatdescError(f"--ablate is {ABLATED}, not {ablate!r}")
    if ablate is None and len(verifiers or ()) > 1:
        raise ChatdescError(f"several --verifier take part with --ablate {ABLATED} only; name one")
    return verifiers[0] if verifiers and ablate is None else None


def _say(lines: tuple[str, ...] | list[str], console: Console) -> None:
    for line in lines:
        style = "bold yellow" if line.startswith("warning:") else "yellow"
        say(console, line, style)
