"""``chatdesc calibrate``: choose a grounder's score threshold."""

from __future__ import annotations

from typing import Annotated

import typer

from chatdesc import api
from chatdesc.cli.console import new_console, say
from chatdesc.cli.options import DatasetArg, DeviceOpt, RootArg, SplitFileOpt, SplitOpt, TextRootOpt
from chatdesc.names import counted
from chatdesc.tables import plain_table


def calibrate(
    dataset: DatasetArg,
    root: RootArg,
    grounder: Annotated[str, typer.Option(help="NAME or NAME:MODEL@REVISION")],
    limit: Annotated[int, typer.Option(min=1, help="Sequences with ground truth to try thresholds on")] = 20,
    split: SplitOpt = None,
    split_file: SplitFileOpt = None,
    text_root: TextRootOpt = None,
    theta: Annotated[float, typer.Option(help="IoU from which a proposal counts as on the target")] = 0.3,
    seed: Annotated[int, typer.Option(help="Random seed of the draw of sequences")] = 0,
    device: DeviceOpt = "auto",
) -> None:
    """Choose a grounder's score threshold on sequences with ground truth.

    Example:  chatdesc calibrate tnl2k /data/TNL2K --grounder grounding-dino:IDEA-Research/grounding-dino-tiny
    """
    result = api.calibrate(
        dataset, root, grounder, limit=limit, split=split, split_file=split_file, text_root=text_root, theta=theta,
        seed=seed, device=device,
    )  # fmt: skip
    console = new_console()
    console.print(plain_table(result.rows(), f"threshold on {counted(result.sequences, 'sequence')}"))
    for line in (*result.problems, *result.warnings):
        say(console, line, "yellow", wrap=True)
    console.print(f"\nOn the command line: --box-threshold {result.best:g}; in a preset:", highlight=False)
    console.print(result.as_toml().strip(), highlight=False, markup=False, soft_wrap=True)
