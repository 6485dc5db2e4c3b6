"""The card of a repository after a push: the pushed configuration's part is made anew from the rows of all its splits.

Rows of the pushed splits come from their shards, rows of the splits that stay from the repository.

>>> built = Built("lasot", "lasot", {"lasot/test-00000-of-00001.parquet": Path("x")}, {"test": SplitSize(name="test",
...     num_bytes=1, num_examples=1)}, {})
>>> built.of_split("test"), built.of_split("train")
(['x'], [])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict, cast

from chatdesc.rows.schema import Row, features
from chatdesc.share import card_merge
from chatdesc.share.card import Tally, render
from chatdesc.share.card_merge import Patterns
from chatdesc.share.card_plots import card_plots
from chatdesc.share.card_yaml import read
from chatdesc.share.redact import assert_clean
from chatdesc.share.repository import Remote, Target
from chatdesc.share.strict_yaml import Metadata
from chatdesc.types import ChatdescError, one_line

if TYPE_CHECKING:
    from datasets import DatasetInfo

SHEET = "sheet.png"  # the picture of one sequence
CARD_COLUMNS = ("status", "text", "text_source", "scope", "provenance", "grounding", "tracking", "alignment", "audit")


class SplitSize(TypedDict):
    """A split as ``dataset_info`` in a card has it."""

    name: str
    num_bytes: int
    num_examples: int


@dataclass(frozen=True, slots=True)
class Built:
    """A configuration that is ready to be pushed.

    Attributes:
        dataset: the source dataset.
        config: the configuration's name in the repository.
        shards: the parquet files by their paths in the repository.
        splits: the pushed splits by name.
        metadata: the YAML of a card of the pushed splits alone.
        sheet: a picture of one sequence as PNG, for the card.
    """

    dataset: str
    config: str
    shards: dict[str, Path]
    splits: dict[str, SplitSize]
    metadata: Metadata
    sheet: bytes | None = None

    def of_split(self, split: str) -> list[str]:
        """The files of a split."""
        start = f"{self.config}/{split}-"
        return [str(file) for path, file in self.shards.items() if path.startswith(start)]


class NewCard(NamedTuple):
    """A card's text, and the pictures of the pushed configuration by their paths in the repository.

    Bytes are made anew; None stands for a picture that stays as it is.
    """

    text: str
    pictures: dict[str, bytes | None]


def new_card(built: Built, remote: Remote, target: Target) -> NewCard:
    """The repository's README.md with the configuration's part made anew, and its pictures.

    Raises:
        ChatdescError: the card there has to be corrected by hand (the message has the line), the configuration's splits
            that stay have other columns, or the card would hold a path of this machine or a token.
    """
    before = read(remote.card)
    card_merge.refuse_other_shapes(before)
    metadata = before.metadata
    patterns_before = card_merge.patterns_of(before, built.config)
    staying = {split: patterns for split, patterns in patterns_before.items() if split not in built.splits}
    known = card_merge.entry(metadata, "dataset_info", built.config)
    _refuse_other_columns(known, built, staying)
    tally, splits = _counted(known, built, staying, remote, target)
    info = _dataset_info(splits, _size(built, remote, staying.values()), built.metadata)
    licences = dict(metadata.get("text_licences") or {})
    if target.text_licence:
        licences[built.config] = target.text_licence
    pictures = _pictures(tally, built, remote)
    shown = {path.rpartition("/")[2]: path for path in pictures}
    card = render(tally, info, licences.get(built.config), target.repo_id, built.config, shown)
    new, section = card_merge.parted(card)
    assert_clean(section, "the card ")
    patterns = {split: staying.get(split, f"{built.config}/{split}-*.parquet") for split in splits}
    text = card_merge.with_configuration(before, section, new, built.config, patterns, licences)
    return NewCard(text, pictures)


def picture_path(config: str, name: str) -> str:
    """Where a picture of a configuration lies in the repository."""
    return f"{config}/pictures/{name}"


def _pictures(tally: Tally, built: Built, remote: Remote) -> dict[str, bytes | None]:
    """The plots of all rows; a sheet that was pushed earlier stays where there is no new one."""
    made: dict[str, bytes | None] = {picture_path(built.config, n): plot for n, plot in card_plots(tally).items()}
    place = picture_path(built.config, SHEET)
    if built.sheet is not None or place in remote.files:
        made[place] = built.sheet
    return made


def _refuse_other_columns(known: Metadata, built: Built, staying: Iterable[str]) -> None:
    names = list(staying)
    if names and known and known.get("features") != built.metadata["dataset_info"]["features"]:
        raise ChatdescError(
            f"{built.config} has other columns in the repository, and its splits must agree; "
            f"push {' and '.join(names)} as well, or choose another --config"
        )


def _counted(
    known: Metadata, built: Built, staying: Iterable[str], remote: Remote, target: Target
) -> tuple[Tally, dict[str, SplitSize]]:
    """The tally of all rows of the configuration, and its splits by name, sorted."""
    tally = Tally(built.dataset)
    sizes = _sizes(known.get("splits")) | built.splits
    splits: dict[str, SplitSize] = {}
    for split in sorted([*staying, *built.splits]):
        count = 0
        for row in _card_rows(split, built, remote, target):
            tally.add(row)
            count += 1
        splits[split] = sizes.get(split) or SplitSize(name=split, num_bytes=0, num_examples=count)
    return tally, splits


def _sizes(listed: Any) -> dict[str, SplitSize]:
    """Splits by name, as far as a card has them in the form that ``datasets`` writes."""
    found = {}
    for split in listed if isinstance(listed, list) else []:
        match split:
            case {"name": str(name), "num_bytes": int(size), "num_examples": int(count)}:
                found[name] = SplitSize(name=name, num_bytes=size, num_examples=count)
    return found


def _card_rows(split: str, built: Built, remote: Remote, target: Target) -> Iterator[Row]:
    """A split's rows with the columns that the card summarises."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    if split in built.splits:
        yield from _rows_of(built.of_split(split))
        return
    try:
        part = load_dataset(target.repo_id, built.config, split=split, streaming=True, revision=remote.sha)
        yield from part.select_columns(list(CARD_COLUMNS))
    except (DatasetsError, ValueError, KeyError, TypeError, AttributeError) as error:  # what people wrote may be odd
        raise ChatdescError(
            f"the split {split} of {built.config}, which stays, cannot be read from {target.repo_id} "
            f"({one_line(str(error))[:200]}); look at its README.md, or push {split} as well"
        ) from error


def _rows_of(files: list[str]) -> Iterator[Row]:
    import pyarrow.parquet as pq

    for file in files:
        with pq.ParquetFile(file) as shard:
            for batch in shard.iter_batches(columns=list(CARD_COLUMNS)):
                yield from cast(list[Row], batch.to_pylist())


def _size(built: Built, remote: Remote, staying: Iterable[Patterns]) -> int:
    """Bytes of the configuration's files: those that stay in the repository and the new shards."""
    listed = [one for patterns in staying for one in (patterns if isinstance(patterns, list) else [patterns])]
    sizes = [size for path, (size, _) in remote.files.items() if any(fnmatch(path, pattern) for pattern in listed)]
    return sum(sizes) + sum(file.stat().st_size for file in built.shards.values())


def _dataset_info(splits: dict[str, SplitSize], size: int, metadata: Metadata) -> DatasetInfo:
    from datasets import DatasetInfo, SplitDict, SplitInfo

    infos = SplitDict()
    for name, split in splits.items():
        infos[name] = SplitInfo(name, num_bytes=split["num_bytes"], num_examples=split["num_examples"])
    with_images = any(column["name"] == "images" for column in metadata["dataset_info"]["features"])
    total = sum(split["num_bytes"] for split in splits.values())
    return DatasetInfo(features=features(with_images), splits=infos, download_size=size, dataset_size=total)
