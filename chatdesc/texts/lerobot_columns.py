"""Texts from LeRobot's language columns: one episode per sequence, a text as ``subtask`` from its time on.

Episodes have names in what ``chatdesc export`` writes (``meta/episodes``, column ``sequence``); those of a robot's
dataset have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chatdesc.texts.files import json_of
from chatdesc.texts.mappings import said_of
from chatdesc.texts.said import Said, texts_of
from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

MAX_FILE = 2 << 30
TEXTS, STYLE = "language_persistent", "subtask"


def read_lerobot(root: Path) -> Said:
    """The texts of a LeRobot dataset.

    Raises:
        ChatdescError: a file cannot be read, or its episodes have no sequence or no language.
    """
    info = json_of(root / "meta" / "info.json")
    rate = info.get("fps") if isinstance(info, dict) else None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < 10_000:
        raise ChatdescError(f"{root.name}/meta/info.json: names no frames per second (fps); take it from a copy")
    import pyarrow

    try:
        names = dict(_names(root))
        if len(set(names.values())) < len(names):
            raise ChatdescError(f"{root.name}: two episodes have one sequence; write the dataset anew")
        said = {names[e]: texts_of(_by_frame(items, rate)) for e, items in _persistent(root) if e in names}
    except (pyarrow.ArrowException, OSError, AttributeError, TypeError, ValueError, OverflowError) as error:
        why = one_line(str(error))[:200]
        raise ChatdescError(f"{root.name}: its episodes cannot be read ({why}); copy it again") from None
    return said_of(said)


def _names(root: Path) -> Iterator[tuple[int, str]]:
    """Number and sequence of each episode."""
    for file in _files(root / "meta" / "episodes"):
        with _opened(file, ("episode_index", "sequence")) as table:
            for batch in table.iter_batches(columns=["episode_index", "sequence"]):
                yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _persistent(root: Path) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Each episode with its persistent texts, which all its lines repeat."""
    seen: set[int] = set()
    for file in _files(root / "data"):
        with _opened(file, ("episode_index", TEXTS)) as table:
            for batch in table.iter_batches(batch_size=4096, columns=["episode_index", TEXTS]):
                numbers = batch.column(0).to_pylist()
                for number in dict.fromkeys(numbers):
                    if number not in seen:
                        seen.add(number)
                        yield number, batch.column(1)[numbers.index(number)].as_py() or []


def _by_frame(items: list[dict[str, Any]], rate: float) -> dict[int, str]:
    return {
        round(float(item["timestamp"]) * rate): item["content"]
        for item in items
        if item.get("style") == STYLE and item.get("content") and item.get("timestamp") is not None
    }


def _files(folder: Path) -> list[Path]:
    files = sorted(folder.glob("*/*.parquet"))
    if not files:
        raise ChatdescError(f"{folder.parent.name}/{folder.name}: holds no parquet file; is the copy complete?")
    return files


def _opened(file: Path, columns: tuple[str, ...]) -> ParquetFile:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    if not file.is_file() or file.stat().st_size > MAX_FILE:
        raise ChatdescError(f"{file}: is no file, or larger than 2 GB; write the dataset in smaller files")
    try:
        table = ParquetFile(file)
    except (pyarrow.ArrowException, OSError) as error:
        raise ChatdescError(f"{file}: is no parquet file that can be read ({error}); copy it again") from None
    for column in columns:
        if column not in table.schema_arrow.names:
            table.close()
            raise ChatdescError(
                f"{file.name}: has no column {column!r}; episodes of a LeRobot dataset must name a sequence and have "
                "language columns, as `chatdesc export --layout lerobot` writes them"
            )
    return table
