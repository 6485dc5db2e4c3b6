"""The evidence of a run's key frames, a file per sequence beside its row: ``RUN/evidence/NAME.npz``.

A file is written before its row. So a finished row has its evidence, whenever the process is killed.

>>> from tempfile import mkdtemp
>>> run = Path(mkdtemp())
>>> keep(run, "kite/1", [])
>>> list(evidence_of(run, ["kite/1", "bus-2"])), lacking(run, ["kite/1", "bus-2"])
([('kite/1', [])], ['bus-2'])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chatdesc.atomic import write_atomic
from chatdesc.names import escaped
from chatdesc.verification.recorded import Seen, packed, unpacked

FOLDER = "evidence"


def place_of(run: Path, name: str) -> Path:
    """The file of a sequence's evidence, whatever characters its name has."""
    return run / FOLDER / escaped(name, ".npz")


def keep(run: Path, name: str, seen: Sequence[Seen] | None) -> None:
    """Write a sequence's evidence as a whole or not at all; None removes that of an earlier row."""
    if seen is None:
        place_of(run, name).unlink(missing_ok=True)
    else:
        write_atomic(place_of(run, name), packed(seen))


def evidence_of(run: Path, names: Iterable[str]) -> Iterator[tuple[str, list[Seen]]]:
    """The key frames of sequences, read one sequence at a time; those without evidence are left out.

    Raises:
        ChatdescError: a file is damaged.
    """
    for name in names:
        if (place := place_of(run, name)).is_file():
            yield name, unpacked(place)


def lacking(run: Path, names: Iterable[str]) -> list[str]:
    """Those of the sequences whose evidence was not recorded."""
    return [name for name in names if not place_of(run, name).is_file()]
