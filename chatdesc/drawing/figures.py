"""Figures drawn without a display, as the bytes of a PNG, PDF or SVG.

>>> kind_of("sheet.PDF")
'pdf'
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any

from chatdesc.atomic import write_atomic
from chatdesc.drawing.style import DOTS, PRINT
from chatdesc.types import ChatdescError

KINDS = ("png", "pdf", "svg")
NO_DATE: dict[str, dict[str, None]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {"Software": None}}
NO_PLOTS = "no plots: they need matplotlib (pip install 'chatdesc[plots]')"


def can_draw() -> bool:
    """Whether matplotlib is installed, which is an extra."""
    return find_spec("matplotlib") is not None


def kind_of(path: str | PurePath) -> str:
    """The kind of a picture by its suffix.

    Raises:
        ChatdescError: it is none of KINDS.
    """
    kind = PurePath(path).suffix[1:].lower()
    if kind not in KINDS:
        raise ChatdescError(f"{path}: a picture ends in {', '.join(f'.{k}' for k in KINDS)}")
    return kind


@contextmanager
def printing(families: Iterable[str] = ()) -> Iterator[None]:
    """Draw and save within this block in the style of print.

    Args:
        families: fonts for characters that the first font lacks.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib import rc_context

    with rc_context(PRINT | {"font.family": [*PRINT["font.family"], *families]}):
        yield


def new_figure(width: float, height: float, layout: Any = "constrained") -> Any:
    """A figure of so many inches, with a canvas that needs no display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def rendered(figure: Any, kind: str, dots: int = DOTS) -> bytes:
    """A figure as the bytes of a file; equal figures give equal bytes."""
    content = BytesIO()
    figure.savefig(content, format=kind, dpi=dots, metadata=NO_DATE[kind])
    return content.getvalue()


def save(figure: Any, folder: Path, stem: str) -> list[Path]:
    """Write a figure into a folder as every one of KINDS.

    Raises:
        OSError: a file cannot be written.
    """
    paths = [folder / f"{stem}.{kind}" for kind in KINDS]
    for path, kind in zip(paths, KINDS, strict=True):
        write_atomic(path, rendered(figure, kind))
        figure.set_layout_engine("none")  # the first kind has laid it out for all
    return paths
