"""Which of a run's sequences a command is about, by the options that also choose from a dataset.

>>> Selection(split="test", limit=2).of(Path("runs/lasot"))                                   # doctest: +SKIP
['airplane-1', 'airplane-9']
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from os.path import isfile
from pathlib import Path
from typing import Any

from chatdesc.loaders import parse
from chatdesc.loaders.base import read_any
from chatdesc.names import natural, near
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
        there = sorted(store.names(), key=natural)
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


@dataclass(frozen=True, slots=True)
class Opening:
    """Which sequences of which dataset; ``sequences`` is a list with commas, or a file of names."""

    name: str
    root: str
    split: str | None = None
    sequences: str | None = None
    limit: int | None = None
    split_file: str | None = None
    texts: str | None = None
    frames_in_flight: int = 32

    def open(self) -> Any:
        from chatdesc.loaders import load
        from chatdesc.types import FrameCache

        found = {"split_file": self.split_file, "texts": self.texts}
        extra: dict[str, Any] = {k: v for k, v in found.items() if v is not None}
        extra |= {"split": self.split, "cache": FrameCache(self.frames_in_flight)}
        data = load(self.name, self.root, sequences=named_sequences(self.sequences), **extra)
        if self.limit and self.limit < len(data):
            data = load(self.name, self.root, sequences=data.names[: self.limit], **extra)
        return data


def named_sequences(listed: str | None) -> list[str] | None:
    """The names in a list with commas, or in a file of names; None without a list.

    Raises:
        ChatdescError: it is there and names nothing.
    """
    from chatdesc.types import ChatdescError

    if not listed:
        return None
    # A long list is no path: os.path says so where Path raises.
    lines = Path(listed).read_text(encoding="utf-8").split("\n") if isfile(listed) else listed.split(",")
    names = [name.strip() for name in lines if name.strip()]
    if not names:
        raise ChatdescError(f"--sequences {listed}: names no sequence")
    return names
