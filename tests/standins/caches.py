"""Request caches in the states that disks, killed processes and other programs leave them in.

``STATES`` has them by name; each changes the file of a cache that was closed. ``KEPT`` are the states that leave every
answer readable: with them no server need be asked again. ``REFUSED`` are files that are no cache: they are left alone.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

State = Callable[[Path], object]


def _sql(*statements: str) -> State:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return change


def _bytes(change: Callable[[bytes], bytes]) -> State:
    return lambda path: path.write_bytes(change(path.read_bytes()))


def _answers(value: str) -> State:
    return _sql(f"UPDATE answers SET answer = {value}")


def _damaged_page(path: Path) -> None:
    data, chance = bytearray(path.read_bytes()), random.Random(1)
    for place in range(4096, len(data), 7):
        data[place] = chance.randrange(256)
    path.write_bytes(bytes(data))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere.sqlite"))
    path.symlink_to(path.with_name("elsewhere.sqlite"))


KEPT: dict[str, State] = {
    "as it was left": lambda path: None,
    "a foreign table beside": _sql("CREATE TABLE notes (text)"),
    "an old journal beside": lambda path: path.with_name(path.name + "-journal").write_bytes(b""),
    "a rubbish log beside": lambda path: path.with_name(path.name + "-wal").write_bytes(os.urandom(5000)),
    "an empty shared memory beside": lambda path: path.with_name(path.name + "-shm").write_bytes(b""),
    "no write-ahead log": _sql("PRAGMA journal_mode = DELETE"),
    "a link to the file": _linked,
    "vacuumed": _sql("VACUUM"),
    "no describers": _sql("DROP TABLE describers"),
    "describers that are no JSON": _sql("UPDATE describers SET said = 'x'"),
    "describers that are a list": _sql("UPDATE describers SET said = '[1]'"),
}
LOST: dict[str, State] = {
    "gone": lambda path: path.unlink(),
    "empty": _bytes(lambda data: b""),
    "answers that are null or numbers": _answers("7"),
    "answers that are no UTF-8": _answers("x'fffe'"),
    "answers that are empty": _answers("''"),
    "answers that are text and no bytes": _answers('CAST(\'{"target": "red kite"\' AS TEXT)'),
    "answers that say sorry": _answers("CAST('Sorry.' AS BLOB)"),
    "answers without end": _answers('CAST(\'{"target": "red ki\' || hex(zeroblob(100)) AS BLOB)'),
    "no answers": _sql("DELETE FROM answers"),
    "no table of answers": _sql("DROP TABLE answers"),
    "another table of answers": _sql("DROP TABLE answers", "CREATE TABLE answers (a, b, c)"),
}
REFUSED: dict[str, State] = {
    "a text file": _bytes(lambda data: b"my notes\n" * 500),
    "cut short": _bytes(lambda data: data[:5000]),
    "damaged pages": _damaged_page,
    "a damaged header": _bytes(lambda data: b"SQLite format 9" + data[15:]),
    "of another program": _sql("PRAGMA application_id = 77"),
    "of a later format": _sql("PRAGMA user_version = 99"),
    "a folder": _folder,
}
STATES = KEPT | LOST | REFUSED
