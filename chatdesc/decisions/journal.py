"""Decisions in a folder: a file per reviewer, a line per decision, on the disk before ``add`` returns.

>>> from tempfile import mkdtemp
>>> from chatdesc.decisions.decision import decision
>>> made = decision({"id": "a", "dataset": "lasot", "sequence": "bus-2", "verdict": "skip"})
>>> journal = Journal(Path(mkdtemp()), "ada")
>>> [kept.at[:2] for kept in journal.add([made, made])]
['20']
>>> [(kept.reviewer, kept.verdict) for kept in Journal(journal.folder).read()]
[('ada', 'skip')]

Files only grow. A process that is killed while it writes leaves at most a last line without its end: readers leave it
out, and the next writer cuts it off. So no decision that ``add`` has returned is ever lost or hidden.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from chatdesc.atomic import make_folder, synced
from chatdesc.decisions.decision import Decision, decision
from chatdesc.names import escaped
from chatdesc.rows.lock import lock_file
from chatdesc.types import ChatdescError

ENDING = ".jsonl"


class Journal:
    """The decisions in a folder, of all reviewers; one with a ``reviewer`` also writes, as that one.

    Several processes and threads may read and write at once.

    Attributes:
        folder: where the files are.
        reviewer: whose decisions ``add`` keeps; empty for a reader.
    """

    def __init__(self, folder: Path, reviewer: str = "") -> None:
        self.folder, self.reviewer = folder, reviewer
        self._known: list[Decision] = []
        self._ids: set[tuple[str, str]] = set()
        self._read_to: dict[Path, tuple[int, int]] = {}  # bytes and lines of a file that are known
        self._mine = Lock()

    @property
    def path(self) -> Path:
        """The reviewer's own file."""
        return self.folder / escaped(self.reviewer, ENDING)

    @property
    def count(self) -> int:
        """How many decisions have been read so far."""
        return len(self._known)

    def read(self) -> list[Decision]:
        """All decisions so far; later calls give the same ones in the same places, and new ones after them.

        Raises:
            ChatdescError: a line is damaged; the message names file, line and remedy.
        """
        with self._mine:
            self._catch_up(sorted(self.folder.glob(f"*{ENDING}")))
            return list(self._known)

    def add(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Keep decisions as this reviewer's; those whose id is known are left out.

        Returns:
            Those that were new, as they are kept.

        Raises:
            ChatdescError: the reviewer's file is damaged, or the folder cannot be made.
            OSError: the disk is full or broken. Some may be kept; repeat the same call, which keeps each once.
        """
        with self._mine, self._locked() as file:
            self._catch_up([self.path])
            new = self._new(decisions)
            file.truncate(self._read_to[self.path][0])  # a line without its end, of a writer that was killed
            file.write(b"".join(_line(made) for made in new))
            synced(file)
            self._catch_up([self.path])
            return new

    def _new(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Those that are not known yet, each once, with reviewer and time."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        new: dict[str, Decision] = {}
        for made in decisions:
            if (self.reviewer, made.id) not in self._ids:
                new.setdefault(made.id, replace(made, reviewer=self.reviewer, at=now))
        return list(new.values())

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The reviewer's file, for one writer among all processes; the system releases it, however that one ends."""
        if not self.reviewer:
            raise ChatdescError("a journal without a reviewer is only read; name one with --reviewer")
        fresh = not self.path.exists()
        make_folder(self.folder) if fresh else None
        with self.path.open("ab") as file:
            lock_file(file, self.folder)
            if fresh:
                _sync_folder(self.folder)
            yield file

    def _catch_up(self, paths: Iterable[Path]) -> None:
        """Learn what is new in files: each file's in its order, those of several files by their times."""
        news, read_to = [], {}
        for path in paths:
            start, lines = self._read_to.get(path, (0, 0))
            with path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < start:
                    raise ChatdescError(f"{path}: has become shorter since it was read; start again")
                file.seek(start)
                whole, end, _ = file.read().rpartition(b"\n")
            numbered = enumerate(whole.split(b"\n") if end else (), lines + 1)
            news.append([_parsed(path, number, line) for number, line in numbered])
            read_to[path] = (start + len(whole) + len(end), lines + len(news[-1]))
        for made in merge(*news, key=lambda made: made.at):
            self._learn(made)
        self._read_to |= read_to

    def _learn(self, made: Decision) -> None:
        if (made.reviewer, made.id) not in self._ids:  # a copied file may hold the same decisions
            self._ids.add((made.reviewer, made.id))
            self._known.append(made)


def _line(made: Decision) -> bytes:
    return json.dumps(asdict(made)).encode() + b"\n"  # ASCII, so that no character ends a line


def _parsed(path: Path, number: int, line: bytes) -> Decision:
    try:
        record = json.loads(line)
        if not isinstance(record, dict):
            raise ChatdescError("it is no JSON object")
        made = decision(record)
        if not made.reviewer:
            raise ChatdescError("it names no reviewer")
        return made
    except (ValueError, RecursionError, ChatdescError) as error:
        remedy = "mend or remove this line; the others are whole"
        raise ChatdescError(f"{path}: line {number}: is no decision ({error}); {remedy}") from error


def _sync_folder(folder: Path) -> None:
    """Have a new file's name on the disk."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
