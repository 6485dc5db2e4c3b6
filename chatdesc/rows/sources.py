"""Rows from wherever they are: a run, a dataset folder, or a repository on the Hub.

>>> [row["text"] for row in read_rows("runs/lasot-test", split="test")][:1]              # doctest: +SKIP
['the white airplane with red stripes']
>>> rows = read_rows("user/lasot-chatdesc", config="lasot")                              # doctest: +SKIP

Datasets are streamed, and only the columns asked for: boxes stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from chatdesc.rows.schema import Row
from chatdesc.types import ChatdescError, one_line

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
        columns: what is wanted of a row; None takes all. A dataset without one of them gives rows without it.

    Raises:
        ChatdescError: there is nothing to read there; the message says what to do.
    """
    place = Path(source).expanduser()
    if (place / "run.json").is_file():
        return _of_run(place, split, config, columns)
    if not place.exists() and not REPOSITORY.fullmatch(source):
        raise ChatdescError(f"{source}: there is no such folder, and it is no repository id (USER/NAME)")
    return _of_dataset(str(place) if place.exists() else source, split, config, columns)


def _of_run(place: Path, split: str | None, config: str | None, columns: Collection[str] | None) -> Iterator[Row]:
    from chatdesc.names import natural
    from chatdesc.rows.schema import split_name
    from chatdesc.rows.store import Store, read_config

    dataset = str(read_config(place)["dataset"])
    if config not in (None, dataset):
        raise ChatdescError(f"{place} is a run on {dataset}, not on {config}; leave --config out")
    store, there = Store(place), set()
    for row in store.rows(sorted(store.names(), key=natural)):
        there.add(split_name(row["split"]))
        if split in (None, split_name(row["split"])):
            yield row if columns is None else {name: row[name] for name in columns if name in row}
    if not there:
        raise ChatdescError(f"{place} has no finished sequence yet; run `chatdesc annotate` first")
    if split is not None and split not in there:
        raise ChatdescError(f"{place} has no row of split {split!r}; it has: {', '.join(sorted(there))}")


def _of_dataset(source: str, split: str | None, config: str | None, columns: Collection[str] | None) -> Iterator[Row]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        found = load_dataset(source, config, split=split, streaming=True)
        for part in [found] if split is not None else found.values():
            yield from _selected(source, part, columns)
    except (
        ValueError,
        OSError,
        TypeError,
        DatasetsError,
    ) as error:  # files of another kind raise any
        raise ChatdescError(_advice(source, split, config, error)) from error


def _selected(source: str, part: Any, columns: Collection[str] | None) -> Iterator[Row]:
    there = part.column_names or list(next(iter(part), {}))
    missing = [name for name in NEEDED if name not in there]
    if missing:
        raise ChatdescError(f"{source}: is no dataset of chatdesc: it has no column {' and no column '.join(missing)}")
    wanted = there if columns is None else [name for name in there if name in columns]
    return iter(part.select_columns(wanted))


def _advice(source: str, split: str | None, config: str | None, error: Exception) -> str:
    from datasets.exceptions import DataFilesNotFoundError, DatasetNotFoundError
    from huggingface_hub.errors import RepositoryNotFoundError

    said = one_line(str(error))[:300]
    if isinstance(error, DatasetNotFoundError | RepositoryNotFoundError):
        return (
            f"{source}: there is no such folder here and no such dataset on the Hub, or it is private; "
            "check the name, or sign in (`hf auth login`, or HF_TOKEN)"
        )
    if isinstance(error, DataFilesNotFoundError):
        return f"{source}: holds neither run.json nor a dataset; a run's dataset is in RUN/dataset"
    if isinstance(error, ValueError | TypeError):
        return _choices(source, split, config) or f"{source}: cannot be read as a dataset: {said}"
    return f"{source}: cannot be read; is the Hub within reach, and may you read it? ({said})"


def _choices(source: str, split: str | None, config: str | None) -> str | None:
    """What there is to choose from, if the choice was what was wrong."""
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
