"""``chatdesc audit``: the texts that are wrong, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, new_console, progress_bar, say
from chatdesc.cli.options import (
    BaseUrlOpt,
    ConfigOpt,
    LimitOpt,
    NamesOpt,
    SplitFileOpt,
    SplitOpt,
    TextRootOpt,
    TextsOpt,
)
from chatdesc.names import between_commas, counted
from chatdesc.reports.audit import counts_table, suspect_lines, wrapped
from chatdesc.tables import plain_table
from chatdesc.types import ChatdescError
from chatdesc.unused import refuse_unused

TOP = 10

if TYPE_CHECKING:
    from rich.console import Console

    from chatdesc.checks.audit import Audit


def audit(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            help="Name of a dataset (with ROOT), run folder, dataset folder, or Hub repository USER/NAME",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        str | None,
        typer.Argument(
            metavar="ROOT",
            help="Root of the dataset; of a RUN only with --frames or --with-describer",
            show_default=False,
        ),
    ] = None,
    checks: Annotated[str | None, typer.Option(help="Names of checks, separated by commas (default: all)")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the checks and exit")] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for audit.csv, audit.md and audit.jsonl")] = None,
    top: Annotated[int, typer.Option(min=0, help="Print so many of the most suspicious texts")] = TOP,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if more than --allow findings speak against a text")
    ] = False,
    allow: Annotated[
        int | None, typer.Option(min=0, help="With --strict: findings that may be there (default: 0)")
    ] = None,
    split: SplitOpt = None,
    sequences: NamesOpt = None,
    limit: LimitOpt = None,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
    config: ConfigOpt = None,
    text_source: Annotated[
        str | None,
        typer.Option(help="Of a run or repository: manual or refined texts (default: manual, where there are any)"),
    ] = None,
    texts: TextsOpt = None,
    frames: Annotated[bool, typer.Option("--frames", help="Look at the frames, too, with a preset's models")] = False,
    describer: Annotated[
        str | None,
        typer.Option(
            "--with-describer",
            metavar="NAME:MODEL",
            help="Ask a model a Yes-or-No question about each doubtful text (openai:MODEL, transformers:MODEL); its "
            "answer changes the ranking",
        ),
    ] = None,
    base_url: BaseUrlOpt = None,
    cache: Annotated[
        str | None,
        typer.Option(help="With --with-describer: folder for answers (default: the run folder, else --out)"),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="With --frames: whose models look at them (default: offline)")
    ] = None,
    grounder: Annotated[str | None, typer.Option(help="With --frames: grounder in place of the preset's")] = None,
    encoder: Annotated[str | None, typer.Option(help="With --frames: encoder in place of the preset's")] = None,
    alignment_frames: Annotated[
        int | None, typer.Option(min=2, help="With --frames: how many of each video (default: the preset's, 4)")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="With --frames or --with-describer: auto, cpu, cuda, cuda:1 ...")
    ] = None,
) -> None:
    """Find the texts that are wrong, and say why: the most suspicious first.

    Texts are compared with each other, so audit a dataset as a whole. Uninformative and duplicate texts are counted,
    not ranked. With --texts, the texts of each source are compared among themselves.

    Examples:

      chatdesc audit lasot /data/LaSOT --out audit

      chatdesc audit runs/otb --text-source refined

      chatdesc audit user/lasot-chatdesc --checks formatting,duplicate

      chatdesc audit tnl2k /data/TNL2K --strict

      chatdesc audit lasot /data/LaSOT --texts ours=runs/lasot

      chatdesc audit otb-lang /data/OTB --frames --preset gpu

      chatdesc audit otb-lang /data/OTB --with-describer openai:Qwen/Qwen3-VL-8B-Instruct
    """
    console = new_console()
    if list_:
        _list(console)
        raise typer.Exit
    if source is None:
        raise ChatdescError("say what to audit: chatdesc audit DATASET ROOT, or chatdesc audit RUN")
    if not strict:
        refuse_unused({"allow": allow}, "without --strict")
    names = None if checks is None else between_commas(checks)
    given = {"grounder": grounder, "encoders": encoder and [encoder], "alignment_frames": alignment_frames}
    given |= {"device": device, "base_url": base_url, "cache": cache}
    options = {name: value for name, value in given.items() if value is not None}
    with progress_bar(console, "audit", transient=True) as progress:
        found = api.audit(
            source, root, checks=names, out=out, split=split, sequences=sequences, limit=limit, split_file=split_file,
            text_root=text_root, config=config, text_source=text_source, texts=texts or (), frames=frames,
            describer=describer, preset=preset, progress=progress, **options,
        )  # fmt: skip
    _print(found, console, top)
    for path in found.files:
        say(console, f"written: {path}")
    failed = found.unanswered or (strict and found.faults > (allow or 0))
    raise typer.Exit(Exit.FAILED_ROWS if failed else Exit.DONE)


def _list(console: Console) -> None:
    for check in api.list_checks():
        say(console, f"{check['check']} ({check['kinds']})", "bold")
        for line in wrapped(check["about"], console.width, "  "):
            say(console, line)


def _print(found: Audit, console: Console, top: int) -> None:
    for note in found.notes:
        say(console, note, "yellow", wrap=True)
    ranked = [suspect for suspect in found.suspects if suspect.suspicion > 0]
    several = len(found.sources) > 1
    for rank, suspect in enumerate(ranked[:top], 1):
        head, *lines = suspect_lines(rank, suspect, console.width, several)
        say(console, head, "bold")
        for line in lines:
            say(console, line)
    if len(ranked) > top:
        say(console, f"     ... and {len(ranked) - top} more (--top, or --out for files)")
    if several:
        console.print(plain_table(found.per_source(), "", console.width))
    elif found.findings:
        console.print(plain_table(counts_table(found.findings), "", console.width))
    suspicious = {name for suspect in ranked for name in suspect.sequences}
    where = f"in {len(suspicious)} of {counted(found.sequences, 'sequence')}, {found.texts} with a text"
    where += f"; {counted(len(found.sources), 'source')} of texts" if several else ""
    say(console, f"{found.place}: {counted(found.faults, 'fault')} {where}", "bold", wrap=True)
