"""Rows as a dataset that ``datasets.load_dataset`` opens: parquet shards and a card.

>>> summary = write_dataset(rows, Path("run/dataset"), dataset="lasot")     # doctest: +SKIP
>>> datasets.load_dataset("run/dataset", split="test")[0]["text"]           # doctest: +SKIP
'the white airplane with red stripes'

The folder is built beside its place and then swapped in, so that whoever opens it finds the old dataset or the new
one. The same rows give the same bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatdesc.atomic import aside, recover, swap_in
from chatdesc.rows.schema import Row, split_name
from chatdesc.share.redact import assert_clean, redact
from chatdesc.types import ChatdescError

EncodedFrames = Callable[[Row], list[bytes]]

BATCH_ROWS = 50  # 1400 rows of 2500 boxes stay under 300 MB
BATCH_BYTES = 64 << 20
SHARD_BYTES = 200 << 20


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """What was written: rows per split and per status, shards, and their bytes on disk."""

    path: Path
    splits: dict[str, int]
    statuses: dict[str, int]
    shards: int
    size: int

    @property
    def rows(self) -> int:
        return sum(self.splits.values())


def write_dataset(
    rows: Iterable[Row],
    out: Path,
    *,
    dataset: str,
    include_frames: EncodedFrames | None = None,
    shard_bytes: int = SHARD_BYTES,
) -> DatasetSummary:
    """Write rows as ``out/data/SPLIT-00000-of-0000N.parquet`` with a card ``out/README.md``, replacing what is there.

    Args:
        rows: as ``rows.COLUMNS`` says, in the order in which they shall stand; read once, a batch at a time.
        out: the dataset's folder.
        dataset: name of the source dataset: the one configuration's name, and whose facts the card states.
        include_frames: gives a row's images as encoded files; then there is a column ``images``.
        shard_bytes: a shard is closed when it has become larger.

    Raises:
        ChatdescError: there is no row, a row has a column that is not known or a value that does not fit, or it holds
            a path of this machine or a token. What was in ``out`` is then still there.
    """
    from chatdesc.share.card import Tally, render

    recover(out)
    new = aside(out, "new")
    tally = Tally(dataset)
    shards = _Shards(new / "data", shard_bytes, with_images=include_frames is not None)
    try:
        (new / "data").mkdir(parents=True)
        with shards:
            for row in rows:
                tally.add(row)
                shards.add(split_name(row["split"]), prepared(row, include_frames))
        if not shards.splits:
            raise ChatdescError("there is no finished row to write a dataset from")
        shards.name_them()
        (new / "README.md").write_text(render(tally, shards.info()), encoding="utf-8")
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    swap_in(out)
    counts = {name: split.rows for name, split in shards.splits.items()}
    sizes = [file.stat().st_size for file in (out / "data").iterdir()]
    return DatasetSummary(out, counts, dict(sorted(tally.statuses.items())), len(sizes), sum(sizes))


def prepared(row: Row, include_frames: EncodedFrames | None = None) -> Row:
    """A row as it may be published: every column, none unknown, messages without local paths, images if asked for.

    Raises:
        ChatdescError: a column is unknown, or holds a path of this machine or a token.
    """
    from chatdesc.rows.schema import COLUMNS

    unknown = sorted(set(row) - set(COLUMNS))
    if unknown:
        raise ChatdescError(f"row {row.get('sequence')}: unknown columns {', '.join(unknown)}; rows.COLUMNS lists them")
    # Messages and raw answers quote libraries and models, who may name files; a path in all else is a mistake of ours.
    clean = {name: row.get(name) for name in COLUMNS}
    clean["problems"] = [redact(problem) for problem in row.get("problems") or []]
    clean["rounds"] = [tried | {"raw": redact(tried.get("raw") or "")} for tried in row.get("rounds") or []]
    assert_clean(clean, f"row {row['sequence']}: ")
    if include_frames is not None:
        clean["images"] = [{"bytes": data, "path": None} for data in include_frames(row)]
    return clean


@dataclass(slots=True)
class _Split:
    """A split that is being written: its open shard, its batch, and what it holds so far."""

    writer: Any = None
    file: Any = None
    batch: list[Row] = field(default_factory=list)
    batch_bytes: int = 0
    rows: int = 0
    shards: int = 0
    raw_bytes: int = 0


class _Shards:
    """Parquet files of several splits, in batches, each shard closed when it is large enough."""

    def __init__(self, folder: Path, shard_bytes: int, *, with_images: bool) -> None:
        from chatdesc.rows.schema import features

        self.folder, self.shard_bytes = folder, shard_bytes
        self.features = features(with_images)
        self.splits: dict[str, _Split] = {}

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        for name, split in sorted(self.splits.items()):
            if kind is None:
                self._flush(name, split)
            self._close(split)

    def add(self, name: str, row: Row) -> None:
        split = self.splits.setdefault(name, _Split())
        split.batch.append(row)
        split.batch_bytes += sum(len(image["bytes"]) for image in row.get("images", ()))
        if len(split.batch) >= BATCH_ROWS or split.batch_bytes >= BATCH_BYTES:
            self._flush(name, split)

    def _flush(self, name: str, split: _Split) -> None:
        if not split.batch:
            return
        table = self._table(split.batch)
        if split.writer is None:
            self._open(name, split)
        split.writer.write_table(table)
        split.rows += len(split.batch)
        split.raw_bytes += table.nbytes
        split.batch, split.batch_bytes = [], 0
        if split.file.tell() >= self.shard_bytes:
            self._close(split)

    def _table(self, batch: list[Row]) -> Any:
        import pyarrow as pa

        schema = self.features.arrow_schema
        try:
            try:
                return pa.Table.from_pylist(batch, schema=schema)
            except UnicodeEncodeError:  # a manual text may hold bytes that are no UTF-8; parquet holds nothing else
                return pa.Table.from_pylist([_decodable(row) for row in batch], schema=schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            names = f"{batch[0]['sequence']} to {batch[-1]['sequence']}"
            raise ChatdescError(f"rows {names}: a value does not fit its column in rows.features(): {error}") from error

    def _open(self, name: str, split: _Split) -> None:
        import pyarrow.parquet as pq
        from datasets import config

        split.file = (self.folder / f"{name}-{split.shards:05d}.parquet").open("wb")
        # As `datasets` writes its own: chunked by content, a new push transfers only what changed.
        chunking, schema = config.DEFAULT_CDC_OPTIONS, self.features.arrow_schema
        split.writer = pq.ParquetWriter(
            split.file, schema, use_content_defined_chunking=chunking, write_page_index=True
        )
        split.shards += 1

    def _close(self, split: _Split) -> None:
        if split.writer is not None:
            split.writer.close()
            split.file.close()
            split.writer = split.file = None

    def name_them(self) -> None:
        """Give the shards their names, now that their number is known."""
        for name, split in self.splits.items():
            for i in range(split.shards):
                part = self.folder / f"{name}-{i:05d}"
                part.with_suffix(".parquet").rename(part.with_name(f"{part.name}-of-{split.shards:05d}.parquet"))

    def info(self) -> Any:
        """``datasets.DatasetInfo`` of what was written."""
        from datasets import DatasetInfo, SplitDict, SplitInfo

        splits = SplitDict()
        for name, split in sorted(self.splits.items()):
            splits[name] = SplitInfo(name, num_bytes=split.raw_bytes, num_examples=split.rows)
        on_disk = sum(file.stat().st_size for file in self.folder.iterdir())
        total = sum(split.raw_bytes for split in self.splits.values())
        return DatasetInfo(features=self.features, splits=splits, download_size=on_disk, dataset_size=total)


def _decodable(value: Any) -> Any:
    """A value of JSON with U+FFFD for every byte that is no UTF-8."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if isinstance(value, dict):
        return {key: _decodable(item) for key, item in value.items()}
    return [_decodable(item) for item in value] if isinstance(value, list) else value
