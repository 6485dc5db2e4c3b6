"""The sequences of a dataset that were asked for: by a list of names, by split, by name.

>>> entries = [Entry("bus-1", "a", "a/nlp.txt", "train"), Entry("bus-1", "b", "b/nlp.txt", "test")]
>>> [entry.folder for entry in of_split(entries, "train", "ROOT", ())]
['a']
>>> by_name, problems = unique(entries, "ROOT")              # nobody shall train on a test sequence
>>> by_name["bus-1"].folder, problems[0].message
('b', 'ROOT/a: left out, as b has the same name')
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import replace

from chatdesc.loaders.entry import Entry, split_of
from chatdesc.loaders.files import read_any
from chatdesc.loaders.parse import parse_names
from chatdesc.names import near
from chatdesc.types import ChatdescError, Problem


def listed(entries: Iterable[Entry], path: str, root: str, split: str | None) -> list[Entry]:
    """The entries that a file names; their split is ``split``, or the one in the file's name.

    Raises:
        ChatdescError: the file cannot be read, or names none of them.
    """
    names = set(parse_names(read_any(path)))
    split = split or split_of(os.path.basename(path))
    chosen = [replace(entry, split=split) for entry in entries if entry.name in names]
    if not chosen:
        raise ChatdescError(f"{path}: names no sequence of {root}; one name a line is expected")
    return chosen


def of_split(entries: list[Entry], split: str | None, root: str, lists: Collection[str]) -> list[Entry]:
    """The entries of a split, or all.

    Args:
        lists: the files from which the dataset's splits are read, for messages.

    Raises:
        ChatdescError: no entry has this split.
    """
    if split is None:
        return entries
    if chosen := [entry for entry in entries if entry.split == split]:
        return chosen
    if have := sorted({entry.split for entry in entries if entry.split}):
        raise ChatdescError(f"{root}: holds no {split} sequence; it has: {', '.join(have)}")
    wanted = " or ".join(lists) or "a list of names"
    raise ChatdescError(f"{root}: nothing says which sequences are {split}; put {wanted} there, or give split_file=")


def unique(entries: Iterable[Entry], root: str) -> tuple[dict[str, Entry], list[Problem]]:
    """The entries by name, and a problem for each that is left out because another has its name."""
    by_name: dict[str, Entry] = {}
    problems = []
    for entry in entries:
        other = by_name.setdefault(entry.name, entry)
        if other is entry:
            continue
        # A sequence that is in both splits must not be trained on: the test copy stays.
        stays, goes = (entry, other) if entry.split == "test" != other.split else (other, entry)
        by_name[entry.name] = stays
        message = f"{root}/{goes.folder}: left out, as {stays.folder} has the same name"
        problems.append(Problem("duplicate", message))
    return by_name, problems


def named(entries: dict[str, Entry], names: Iterable[str], root: str, elsewhere: Collection[str]) -> dict[str, Entry]:
    """The entries with these names, in the dataset's order.

    Args:
        elsewhere: the names of the sequences of all splits.

    Raises:
        ChatdescError: a name that none of them has.
    """
    wanted = set(names)
    for name in names:
        if name not in entries:
            where = " in this split" if name in elsewhere else ""
            raise ChatdescError(f"{root}: there is no sequence {name!r}{where}{near(name, entries)}")
    return {name: entry for name, entry in entries.items() if name in wanted}
