"""The folder of ``--out``: made and tried before there is work that could be lost.

>>> make_folder(Path("scores"))
>>> with writing(Path("scores")):
...     Path("scores/overall.tex").write_text(table)                       # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from chatdesc.types import ChatdescError


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """What cannot be written into the folder of ``--out`` is an error with a remedy.

    Raises:
        ChatdescError: instead of an OSError within.
    """
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or folder
        why = error.strerror or error
        raise ChatdescError(f"{place}: cannot be written ({why}); choose another folder with --out") from error


def make_folder(folder: Path | None) -> None:
    """Make the folder of ``--out``, where one was named, before there is work that could be lost.

    Raises:
        ChatdescError: it cannot be made, or nothing can be written into it.
    """
    if folder is None:
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=folder).close()
