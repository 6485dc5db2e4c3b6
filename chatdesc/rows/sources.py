"""Rows from a run, from a dataset folder, or from a repository on the Hub.

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "bus-2", "split": "test", "text": "a red bus"})
>>> [row["text"] for row in read_rows(str(run), split="test")]
['a red bus']
>>> list(read_rows(str(run), columns=["sequence", "status"]))
[{'sequence': 'bus-2', 'status': None}]

Datasets are streamed, and only the columns asked for are read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

from chatdesc.names import natural
from chatdesc.rows.schema import Row, split_name
from chatdesc.rows.store import Store, dataset_of, is_run
from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    from datasets import IterableDataset

REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
NEEDED = ("sequence", "text")


def read_rows(
    source: str, split: str | None = None, config: str | None = None, columns: Collection[str] | None = None
) -> Iterator[Row]:
    """The rows of a run folder, a dataset folder or a Hub repository, one at a time.

    Args:
        source: a path, or ``user/name``; a path that exists goes first.
        split: as the dataset has it (rows without one are in ``full``); None takes all.
        config: which of several datasets in one repository.
        columns: the columns to read; None takes all. Each row then has these columns alone (those of them that the
            dataset has), though its type is that of a whole row.

    Raises:
        ChatdescError: there is nothing to read; the message has the remedy.
    """
    place = Path(source).expanduser()
    if is_run(place):
        return _of_run(place, split, config, columns)
    refuse_nowhere(source)
    return _of_dataset(str(place) if place.exists() else source, split, config, columns)


def refuse_nowhere(source: str) -> None:
    """Refuse what is neither a path that exists nor spelt like a repository on the Hub.

    Raises:
        ChatdescError: nothing can be read from there.
    """
    if not Path(source).expanduser().exists() and not REPOSITORY.fullmatch(source):
        raise ChatdescError(f"{source}: there is no such folder, and it is no repository id (USER/NAME)")


def _of_run(run: Path, split: str | None, config: str | None, columns: Collection[str] | None) -> Iterator[Row]:
    dataset = dataset_of(run)
    if config not in (None, dataset):
        raise ChatdescError(f"{run} is a run on {dataset}, not on {config}; leave --config out")
    store, splits = Store(run), set()
    for row in store.rows(sorted(store.names(), key=natural)):
        splits.add(split_name(row["split"]))
        if split in (None, split_name(row["split"])):
            yield row if columns is None else _part(row, columns)
    if not splits:
        raise ChatdescError(f"{run} has no finished sequence yet; run `chatdesc annotate` first")
    if split is not None and split not in splits:
        raise ChatdescError(f"{run} has no row of split {split!r}; it has: {', '.join(sorted(splits))}")


def _part(row: Row, columns: Collection[str]) -> Row:
    whole = cast(dict[str, object], row)
    return cast(Row, {name: whole[name] for name in columns if name in whole})


def _of_dataset(source: str, split: str | None, config: str | None, columns: Collection[str] | None) -> Iterator[Row]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    # Files of another kind raise any of these.
    refusals = (ValueError, OSError, TypeError, DatasetsError)
    try:
        opened = load_dataset(source, config, split=split, streaming=True)
        for part in [opened] if split is not None else opened.values():
            yield from _selected(source, part, columns)
    except refusals as error:
        raise ChatdescError(_advice(source, split, config, error)) from error


def _selected(source: str, part: IterableDataset, columns: Collection[str] | None) -> Iterator[Row]:
    known = part.column_names or list(next(iter(part), {}))
    missing = [name for name in NEEDED if name not in known]
    if missing:
        raise ChatdescError(f"{source}: is no dataset of chatdesc: it has no column {' and no column '.join(missing)}")
    wanted = known if columns is None else [name for name in known if name in columns]
    return iter(part.select_columns(wanted))


def _advice(source: str, split: str | None, config: str | None, error: Exception) -> str:
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DataFilesNotFoundError, DatasetNotFoundError
    from huggingface_hub.errors import RepositoryNotFoundError

    reason = one_line(str(error))[:300]
    if isinstance(error, DatasetNotFoundError | RepositoryNotFoundError):
        return (
            f"{source}: there is no such folder here and no such dataset on the Hub, or it is private or gated; "
            "check the name, sign in (`hf auth login`, or HF_TOKEN), or ask for access on its page"
        )
    if isinstance(error, DataFilesNotFoundError | EmptyDatasetError):
        return f"{source}: holds neither run.json nor a dataset; a run's dataset is in RUN/dataset"
    if isinstance(error, ValueError | TypeError):
        return _choices(source, split, config) or f"{source}: cannot be read as a dataset: {reason}"
    return f"{source}: cannot be read; is the Hub within reach, and may you read it? ({reason})"


def _choices(source: str, split: str | None, config: str | None) -> str | None:
    """The configurations or splits to choose from, if the one asked for does not exist."""
    from datasets import get_dataset_config_names, get_dataset_split_names

    try:
        configs = get_dataset_config_names(source)
        if config is not None and config not in configs:
            return f"{source} has no dataset {config!r}; it has: {', '.join(configs)}"
        if config is None and len(configs) > 1:
            return f"{source} holds several datasets; say --config {' or --config '.join(configs)}"
        splits = get_dataset_split_names(source, config)
        return None if split in (None, *splits) else f"{source} has no split {split!r}; it has: {', '.join(splits)}"
    except (ValueError, OSError):
        return None
