"""Which of a run's sequences a command is about, by the options that also choose from a dataset.

>>> Selection(split="test", limit=2).of(Path("runs/lasot"))                                   # doctest: +SKIP
['airplane-1', 'airplane-9']
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdesc.cli.console import named_sequences
from chatdesc.loaders import parse
from chatdesc.loaders.base import near, read_any
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError


@dataclass(frozen=True, slots=True)
class Selection:
    """``--split``, ``--sequences``, ``--limit`` and ``--split-file``; a file is taken instead of the recorded split."""

    split: str | None = None
    sequences: str | None = None
    limit: int | None = None
    split_file: str | None = None

    def of(self, run: Path) -> list[str]:
        """Names of a run's finished sequences, in the dataset's order.

        Raises:
            ChatdescError: the run has none, none of that split, or not one that is named.
        """
        store = Store(run)
        there = sorted(store.names(), key=parse.natural)
        if not there:
            raise ChatdescError(f"{run} has no finished sequence yet; run `chatdesc annotate` first")
        kept = self._listed(run, there) if self.split_file else self._of_split(store, there)
        named = named_sequences(self.sequences)
        for name in named or ():
            if name not in kept:
                elsewhere = " of that split" if name in there else ""
                raise ChatdescError(f"{run} has no sequence {name!r}{elsewhere}{near(name, kept)}")
        return [name for name in kept if named is None or name in named][: self.limit]

    def _listed(self, run: Path, there: list[str]) -> list[str]:
        listed = set(parse.parse_names(read_any(str(self.split_file))))
        if kept := [name for name in there if name in listed]:
            return kept
        raise ChatdescError(f"{self.split_file}: names no sequence of {run}; one name a line is expected")

    def _of_split(self, store: Store, there: list[str]) -> list[str]:
        if self.split is None:
            return there
        splits = {row["sequence"]: row["split"] for row in store.rows(there)}
        if kept := [name for name in there if splits.get(name) == self.split]:
            return kept
        have = ", ".join(sorted({split or "none recorded" for split in splits.values()}))
        raise ChatdescError(f"{store.root} has no sequence of split {self.split!r}; it has: {have}")


def refuse_other_data(data: Any, names: Collection[str], run: Path, named: bool = False) -> None:
    """Refuse a dataset that is not the run's.

    Args:
        names: the run's sequences that are wanted.
        named: they were asked for by name, so that each must be there.

    Raises:
        ChatdescError: it holds none of them, or not one that was named.
    """
    there = set(data.names)
    lacking = [name for name in names if name not in there]
    if len(lacking) == len(names):
        raise ChatdescError(
            f"{data.root} holds none of the {len(names)} sequences of {run}, such as {lacking[0]}: "
            "is it the ROOT that the run was made from?"
        )
    if lacking and named:
        raise ChatdescError(f"{data.root}: there is no sequence {lacking[0]!r}, which {run} has")
