"""Rows as a dataset that ``datasets.load_dataset`` opens: parquet shards and a card.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> rows = [empty_row() | {"sequence": "bus-2", "split": "test", "status": "ok", "text": "a red bus"}]
>>> summary = write_dataset(rows, Path(mkdtemp()) / "dataset", dataset="lasot")
>>> summary.splits, sorted(path.name for path in summary.path.rglob("*.*"))
({'test': 1}, ['README.md', 'test-00000-of-00001.parquet'])

The folder is built beside its place and then swapped in: a reader finds the old dataset or the new one. The same rows
give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NotRequired, TypedDict, cast

from chatdesc.atomic import aside, recover, swap_in
from chatdesc.rows.schema import COLUMNS, Row, features, split_name
from chatdesc.share.card import Tally, render
from chatdesc.share.redact import PrivateContent, assert_clean, redact
from chatdesc.types import ChatdescError

if TYPE_CHECKING:
    from datasets import DatasetInfo, Features
    from pyarrow import Table
    from pyarrow.parquet import ParquetWriter

EncodedFrames = Callable[[Row], list[bytes]]

BATCH_ROWS = 50  # 1400 rows of 2500 boxes stay under 300 MB
BATCH_BYTES = 64 << 20
SHARD_BYTES = 200 << 20


class EncodedImage(TypedDict):
    """An image as ``datasets`` stores it: the bytes of its file."""

    bytes: bytes
    path: None


class PublishedRow(Row):
    """A row as it is published: with its frames, if they are included."""

    images: NotRequired[list[EncodedImage]]


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """A dataset that was written.

    Attributes:
        splits, statuses: rows per split and per status.
        shards: the number of parquet files.
        size: their bytes on disk.
        left_out: why a row is not in it, per sequence: it holds what must not be published.
    """

    path: Path
    splits: dict[str, int]
    statuses: dict[str, int]
    shards: int
    size: int
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(self.splits.values())


def write_dataset(
    rows: Iterable[Row],
    out: Path,
    *,
    dataset: str,
    include_frames: EncodedFrames | None = None,
    shard_bytes: int = SHARD_BYTES,
    account: str = "",
) -> DatasetSummary:
    """Write rows as ``out/data/SPLIT-00000-of-0000N.parquet`` with a card ``out/README.md``, replacing ``out``.

    A row that holds a path of this machine or a token is left out, and the summary names it.

    Args:
        rows: read once, a batch at a time; they keep their order.
        out: the dataset's folder.
        dataset: the source dataset: its name is that of the configuration, its facts go into the card.
        include_frames: gives a row's images as encoded files, for a column ``images``.
        shard_bytes: a shard is closed when it has become larger.
        account: what the describer was asked for these rows, for the card.

    Raises:
        ChatdescError: no row, none that may be published, an unknown column, or a value that does not fit its column.
            ``out`` is then unchanged.
    """
    recover(out)
    new = aside(out, "new")
    tally = Tally(dataset)
    shards = _Shards(new / "data", shard_bytes, with_images=include_frames is not None)
    left_out: dict[str, str] = {}
    try:
        (new / "data").mkdir(parents=True)
        with shards:
            for row in rows:
                try:
                    published = prepared(row, include_frames)
                except PrivateContent as error:
                    left_out[row["sequence"]] = str(error)
                    continue
                tally.add(published)
                shards.add(split_name(published["split"]), published)
        if not shards.splits:
            raise ChatdescError(next(iter(left_out.values()), "there is no finished row to write a dataset from"))
        shards.name_them()
        (new / "README.md").write_text(render(tally, shards.info(), account=account), encoding="utf-8")
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    swap_in(out)
    counts = {name: split.rows for name, split in shards.splits.items()}
    sizes = [file.stat().st_size for file in (out / "data").iterdir()]
    return DatasetSummary(out, counts, dict(sorted(tally.statuses.items())), len(sizes), sum(sizes), left_out)


def prepared(row: Row, include_frames: EncodedFrames | None = None) -> PublishedRow:
    """A row as it may be published: every column, messages without local paths, images if asked for.

    Raises:
        ChatdescError: a column is unknown.
        PrivateContent: a column holds a path of this machine or a token.
    """
    unknown = sorted(set(row) - set(COLUMNS))
    if unknown:
        raise ChatdescError(f"row {row.get('sequence')}: unknown columns {', '.join(unknown)}; rows.COLUMNS lists them")
    # Messages and raw answers quote libraries and models, who may name files; a path in all else is a mistake of ours.
    whole = _decodable(row)
    clean = cast(PublishedRow, {name: whole.get(name) for name in COLUMNS})
    clean["problems"] = [redact(problem) for problem in whole.get("problems") or []]
    clean["rounds"] = [tried | {"raw": redact(tried.get("raw") or "")} for tried in whole.get("rounds") or []]
    assert_clean(clean, f"row {whole['sequence']}: ")
    if include_frames is not None:
        clean["images"] = [{"bytes": data, "path": None} for data in include_frames(row)]
    return clean


def published_name(row: Row) -> str:
    """The name of a row's sequence as the dataset has it: bytes that are no UTF-8 are escaped."""
    return _decodable(row)["sequence"]


@dataclass(slots=True)
class _Split:
    """A split that is being written: its open shard, the rows of its batch, and counts of the rows written."""

    writer: ParquetWriter | None = None
    file: IO[bytes] | None = None
    batch: list[PublishedRow] = field(default_factory=list)
    batch_bytes: int = 0
    rows: int = 0
    shards: int = 0
    raw_bytes: int = 0


class _Shards:
    """Parquet files of several splits, in batches, each shard closed when it is large enough."""

    def __init__(self, folder: Path, shard_bytes: int, *, with_images: bool) -> None:
        self.folder, self.shard_bytes = folder, shard_bytes
        self.features: Features = features(with_images)
        self.splits: dict[str, _Split] = {}

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        for name, split in sorted(self.splits.items()):
            if kind is None:
                self._flush(name, split)
            self._close(split)

    def add(self, name: str, row: PublishedRow) -> None:
        split = self.splits.setdefault(name, _Split())
        split.batch.append(row)
        split.batch_bytes += sum(len(image["bytes"]) for image in row.get("images", ()))
        if len(split.batch) >= BATCH_ROWS or split.batch_bytes >= BATCH_BYTES:
            self._flush(name, split)

    def _flush(self, name: str, split: _Split) -> None:
        if not split.batch:
            return
        table = self._table(split.batch)
        writer, file = self._opened(name, split)
        writer.write_table(table)
        split.rows += len(split.batch)
        split.raw_bytes += table.nbytes
        split.batch, split.batch_bytes = [], 0
        if file.tell() >= self.shard_bytes:
            self._close(split)

    def _table(self, batch: list[PublishedRow]) -> Table:
        import pyarrow as pa

        schema = self.features.arrow_schema
        try:
            return pa.Table.from_pylist(batch, schema=schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            names = f"{batch[0]['sequence']} to {batch[-1]['sequence']}"
            raise ChatdescError(f"rows {names}: a value does not fit its column in rows.features(): {error}") from error

    def _opened(self, name: str, split: _Split) -> tuple[ParquetWriter, IO[bytes]]:
        """The split's open shard, or a new one."""
        import pyarrow.parquet as pq
        from datasets import config

        if split.writer is not None and split.file is not None:
            return split.writer, split.file
        split.file = (self.folder / f"{name}-{split.shards:05d}.parquet").open("wb")
        # As `datasets` writes its own: chunked by content, a new push transfers only what changed.
        chunking, schema = config.DEFAULT_CDC_OPTIONS, self.features.arrow_schema
        split.writer = pq.ParquetWriter(
            split.file, schema, use_content_defined_chunking=chunking, write_page_index=True
        )
        split.shards += 1
        return split.writer, split.file

    def _close(self, split: _Split) -> None:
        if split.writer is not None and split.file is not None:
            split.writer.close()
            split.file.close()
        split.writer = split.file = None

    def name_them(self) -> None:
        """Give the shards their names, now that their number is known."""
        for name, split in self.splits.items():
            for i in range(split.shards):
                part = self.folder / f"{name}-{i:05d}"
                part.with_suffix(".parquet").rename(part.with_name(f"{part.name}-of-{split.shards:05d}.parquet"))

    def info(self) -> DatasetInfo:
        """Features, splits and sizes of the shards."""
        from datasets import DatasetInfo, SplitDict, SplitInfo

        splits = SplitDict()
        for name, split in sorted(self.splits.items()):
            splits[name] = SplitInfo(name, num_bytes=split.raw_bytes, num_examples=split.rows)
        on_disk = sum(file.stat().st_size for file in self.folder.iterdir())
        total = sum(split.raw_bytes for split in self.splits.values())
        return DatasetInfo(features=self.features, splits=splits, download_size=on_disk, dataset_size=total)


def _decodable(row: Row) -> Row:
    """A row that is valid UTF-8: the bytes of names and paths that are not are escaped (``\\xe9``), others are U+FFFD.

    Escapes keep two names apart that differ in such a byte alone.
    """
    escaped = ("sequence", "frames")
    return cast(Row, {k: _replaced(v, "backslashreplace" if k in escaped else "replace") for k, v in row.items()})


def _replaced(value: Any, errors: str) -> Any:
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape").decode("utf-8", errors)
        except UnicodeEncodeError:  # half a pair of UTF-16 stands for no byte
            return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _replaced(item, errors) for key, item in value.items()}
    numbers = not isinstance(value, list) or not value or isinstance(value[0], int | float)
    return value if numbers else [_replaced(item, errors) for item in value]
