"""The LaTeX table and the plots that ``evaluate`` writes beside its tables.

>>> folder_names(["a b", "A b", "../c"])
['a_b', 'A_b-2', '__c']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

from chatdesc.atomic import write_atomic, writing
from chatdesc.evaluation.plots import draw
from chatdesc.evaluation.tables import latex
from chatdesc.metrics.ope import Score
from chatdesc.tables import Record

Means = Mapping[str, Mapping[str, Score]]  # tracker -> protocol -> mean score


def write_latex(rows: list[Record], out: Path, about: str, several: bool) -> Path:
    """Write the main table as ``overall.tex``, or ``protocols.tex`` for several protocols.

    Raises:
        ChatdescError: it cannot be written.
    """
    path = out / ("protocols.tex" if several else "overall.tex")
    with writing(out):
        write_atomic(path, latex(rows, f"{about}, in %"))
    return path


def write_plots(means: Means, out: Path, dataset: str, several: bool) -> list[Path]:
    """Draw all trackers under one protocol, or, for several, a folder per tracker with its curves under each.

    Returns:
        The files, or the folders.

    Raises:
        ChatdescError: a file cannot be written.
        ModuleNotFoundError: matplotlib is not installed.
    """
    if not means:
        return []
    with writing(out):
        if not several:
            [protocol] = {name for of in means.values() for name in of}
            return draw(
                {tracker: of[protocol] for tracker, of in means.items()}, out, f"{dataset}, protocol {protocol}"
            )
        folders = [out / name for name in folder_names(means)]
        for folder, (tracker, of) in zip(folders, means.items(), strict=True):
            draw(of, folder, f"{tracker} on {dataset}")
        return folders


def folder_names(trackers: Iterable[str]) -> list[str]:
    """A folder's name per tracker, no two alike, in capitals or not."""
    names: list[str] = []
    for tracker in trackers:
        plain = name = re.sub(r"[^\w.+-]+|^\.+", "_", tracker) or "_"
        taken = {other.casefold() for other in names}
        numbers = count(2)
        while name.casefold() in taken:
            name = f"{plain}-{next(numbers)}"
        names.append(name)
    return names
