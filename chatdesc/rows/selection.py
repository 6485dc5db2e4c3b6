"""Some sequences of a dataset or of a run, chosen by the same four options.

>>> from tempfile import mkdtemp
>>> from chatdesc.synthetic import render
>>> root = mkdtemp()
>>> render(Path(root), count=3, frames=2, seed=0)
['star-1', 'square-1', 'star-2']
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from os.path import isfile
from pathlib import Path

from chatdesc.loaders import load
from chatdesc.loaders.base import Dataset
from chatdesc.loaders.files import read_any
from chatdesc.loaders.parse import parse_names
from chatdesc.names import between_commas, natural, near
from chatdesc.rows.shard import Shard
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError, FrameCache


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sequences, as the options of the same names say.

    Attributes:
        split: ``train`` or ``test``; None takes all.
        sequences: names, separated by commas, or the path of a file with a name per line; None takes all.
        limit: only the first so many.
        split_file: a file of names that defines the split, in place of the dataset's lists or of the recorded split.
        shard: ``I/N`` takes every N-th of all these sequences, from the I-th on.
    """

    split: str | None = None
    sequences: str | None = None
    limit: int | None = None
    split_file: str | None = None
    shard: str | None = None

    def open(self, name: str, root: str, text_root: str | None = None, frames_in_flight: int = 32) -> Dataset:
        """The dataset ``name`` at ``root`` with these sequences; see ``chatdesc.load``.

        Args:
            text_root: another root that holds the text files.
            frames_in_flight: the number of decoded frames kept in memory.

        Raises:
            ChatdescError: as ``chatdesc.load`` raises, or ``sequences`` names none.
        """
        cache = FrameCache(frames_in_flight)
        opened = partial(load, name, root, self.split, split_file=self.split_file, texts=text_root, cache=cache)
        dataset = opened(sequences=named_sequences(self.sequences))
        if self.limit and self.limit < len(dataset):
            dataset = opened(sequences=dataset.names[: self.limit])
        return opened(sequences=Shard.of(self.shard).part(dataset.names)) if self.shard else dataset

    def of(self, run: Path) -> list[str]:
        """Names of the finished sequences of a run, in the dataset's order.

        Raises:
            ChatdescError: the run has none, none of that split, or lacks one that is named.
        """
        store = Store(run)
        finished = sorted(store.names(), key=natural)
        if not finished:
            raise ChatdescError(f"{run} has no finished sequence yet; run `chatdesc annotate` first")
        candidates = self._listed(run, finished) if self.split_file else self._of_split(store, finished)
        named = named_sequences(self.sequences)
        for name in named or ():
            if name not in candidates:
                elsewhere = " of that split" if name in finished else ""
                raise ChatdescError(f"{run} has no sequence {name!r}{elsewhere}{near(name, candidates)}")
        return [name for name in candidates if named is None or name in named][: self.limit]

    def among(self, names: Sequence[str], where: str) -> list[str]:
        """Those of a dataset's names that are named, of these at most ``limit``; the split is the dataset's matter.

        Raises:
            ChatdescError: one that is named is not there.
        """
        named = named_sequences(self.sequences)
        for name in named or ():
            if name not in names:
                raise ChatdescError(f"{where}: there is no sequence {name!r}{near(name, names)}")
        return [name for name in names if named is None or name in named][: self.limit]

    def _listed(self, run: Path, finished: list[str]) -> list[str]:
        listed = set(parse_names(read_any(str(self.split_file))))
        if names := [name for name in finished if name in listed]:
            return names
        raise ChatdescError(f"{self.split_file}: names no sequence of {run}; one name a line is expected")

    def _of_split(self, store: Store, finished: list[str]) -> list[str]:
        if self.split is None:
            return finished
        splits = {row["sequence"]: row["split"] for row in store.rows(finished)}
        if names := [name for name in finished if splits.get(name) == self.split]:
            return names
        have = ", ".join(sorted({split or "none recorded" for split in splits.values()}))
        raise ChatdescError(f"{store.root} has no sequence of split {self.split!r}; it has: {have}")


def refuse_other_data(data: Dataset, names: Collection[str], run: Path, named: bool = False) -> None:
    """Refuse a dataset that is not the run's.

    Args:
        names: the run's sequences that are wanted.
        named: the user named them, so each must be in ``data``.

    Raises:
        ChatdescError: ``data`` has none of them, or lacks one that was named.
    """
    there = set(data.names)
    lacking = [name for name in names if name not in there]
    if len(lacking) == len(names):
        raise ChatdescError(
            f"{data.root} holds no sequence of {run} ({len(names)} asked for), such as {lacking[0]}: "
            "is it the ROOT that the run was made from?"
        )
    if lacking and named:
        raise ChatdescError(f"{data.root}: there is no sequence {lacking[0]!r}, which {run} has")


def named_sequences(listed: str | None) -> list[str] | None:
    """The names in a list with commas, or in a file of names; None without a list.

    >>> named_sequences("airplane-1, bus-2")
    ['airplane-1', 'bus-2']

    Raises:
        ChatdescError: the list names nothing.
    """
    if not listed:
        return None
    # A long list is no path: os.path answers where Path raises.
    names = parse_names(read_any(listed)) if isfile(listed) else between_commas(listed)
    if not names:
        raise ChatdescError(f"--sequences {listed}: names no sequence")
    return names
