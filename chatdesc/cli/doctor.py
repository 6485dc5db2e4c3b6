"""``chatdesc doctor`` and ``chatdesc backends``: what this machine can run."""

from __future__ import annotations

import typer

from chatdesc import api
from chatdesc.cli.console import Exit, new_console
from chatdesc.cli.options import BaseUrlOpt, PresetOpt
from chatdesc.tables import cell


def doctor(preset: PresetOpt = "offline", base_url: BaseUrlOpt = None) -> None:
    """Check this machine against a preset: devices, versions, models, Hub, model server.

    Example:  chatdesc doctor --preset gpu
    """
    console = new_console()
    checks = api.doctor(preset, base_url)
    for check in checks:
        mark = "[green]ok[/green]  " if check.well else "[red]no[/red]  "
        console.print(f"{mark}{cell(check.what)}: {cell(check.found)}", highlight=False, soft_wrap=True)
        if check.remedy:
            console.print(f"      do: {cell(check.remedy)}", highlight=False, soft_wrap=True)
    failures = sum(not check.well for check in checks)
    console.print(f"\n{failures} to fix" if failures else "\nno problem found")
    raise typer.Exit(Exit.FAILED_ROWS if failures else Exit.DONE)


def backends() -> None:
    """List the describers, grounders, trackers, encoders and presets that options can name.

    Example:  chatdesc backends
    """
    from rich.table import Table

    table = Table(pad_edge=False)
    for column in ("role", "name", "from"):
        table.add_column(column)
    for record in api.list_backends():
        table.add_row(record["role"], record["name"], record["from"])
    new_console().print(table)
