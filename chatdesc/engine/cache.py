"""Answers of describers, kept between runs in one SQLite file.

The key of an answer is a hash of everything that decides it: the describer's facts, the frame's file, and every field
of the request. Errors are never stored. Several threads and processes can use one file, and a killed process leaves it
intact. The file holds answers and hashes: no prompt, no image, no path, no API key.
"""

from __future__ import annotations

import errno
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from chatdesc.lru_cache import LruCache
from chatdesc.protocols import Answerer, Describer
from chatdesc.region import DRAWING
from chatdesc.types import Ask, BackendError, ChatdescError, Departure, Describe, FrameRef, Reply

A = TypeVar("A")

log = logging.getLogger(__name__)

FORMAT = 1  # of the file
KEY = 2  # raised when describers are shown or told something else for the same request; older answers are then unused
APPLICATION = 0x63644361  # "cdCa", so that another program's database is not taken for ours
BUSY_SECONDS = 60
# What SQLite says of the machine and not of the file.
MACHINE = {
    sqlite3.SQLITE_IOERR: errno.EIO, sqlite3.SQLITE_FULL: errno.ENOSPC, sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
}  # fmt: skip
TABLES = (
    "CREATE TABLE answers (key TEXT PRIMARY KEY, answer BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE describers (fingerprint TEXT PRIMARY KEY, said TEXT NOT NULL) WITHOUT ROWID",
)


class RequestCache:
    """Answers by key in the file ``path`` (``path/requests.sqlite`` if it is a folder), created with the first answer.

    Raises:
        ChatdescError: the file is not a cache, or a cache that cannot be read. The file is left unchanged.
        OSError: the disk is full, read-only or failing, which says nothing of the file.
    """

    def __init__(self, path: Path) -> None:
        folder = path.is_dir() or not (path.exists() or path.suffix)
        self.path = path / "requests.sqlite" if folder else path
        self._lock = threading.Lock()
        self._open: sqlite3.Connection | None = None
        self._warned = False
        if self.path.exists():
            self._connection()

    def __len__(self) -> int:
        found = self._run("SELECT count(*) FROM answers")
        return int(found[0]) if found else 0

    def get(self, key: str) -> str | None:
        """The answer stored under ``key``, or None; a damaged one counts as not stored."""
        found = self._run("SELECT answer FROM answers WHERE key = ?", key)
        try:
            return found[0].decode("utf-8", "surrogatepass") if found else None
        except (AttributeError, UnicodeDecodeError):
            self.remove(key)
            return None

    def remove(self, key: str) -> None:
        """Forget the answer stored under ``key``."""
        self._run("DELETE FROM answers WHERE key = ?", key, write=True)

    def put(self, key: str, answer: str) -> None:
        """Store an answer. The first one wins, so that all callers get the same."""
        data = answer.encode("utf-8", "surrogatepass")
        self._run("INSERT OR IGNORE INTO answers VALUES (?, ?)", key, data, write=True)

    def remember(self, fingerprint: str, said: dict[str, str]) -> None:
        """Store a describer's facts, for use when its server does not answer."""
        values = (fingerprint, json.dumps(said, sort_keys=True))
        self._run("INSERT OR REPLACE INTO describers VALUES (?, ?)", *values, write=True)

    def remembered(self, fingerprint: str) -> dict[str, str] | None:
        """The facts stored for a describer, or None."""
        found = self._run("SELECT said FROM describers WHERE fingerprint = ?", fingerprint)
        try:
            return dict(json.loads(found[0])) if found else None
        except (ValueError, TypeError):  # damaged
            return None

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _run(self, sql: str, *values: Any, write: bool = False) -> Any:
        """Run a statement and return its first row. A failing disk costs a cache hit, never an answer."""
        with self._lock:
            if self._open is None and not write and not self.path.exists():
                return None
            try:
                return self._connection().execute(sql, values).fetchone()
            except (sqlite3.Error, OSError, ChatdescError) as error:
                if not self._warned:
                    self._warned = True
                    log.warning("%s: %s; going on without the cache where it fails", self.path, error)
                return None

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._open = _connect(self.path)
            except (sqlite3.Error, FileExistsError, NotADirectoryError) as error:
                if number := MACHINE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF):
                    raise OSError(number, str(error), str(self.path)) from error
                raise ChatdescError(
                    f"{self.path} is no readable request cache ({error}); it was left as it is. "
                    "Move it away to begin a new one, or name another with --cache"
                ) from error
        return self._open


def _connect(path: Path) -> sqlite3.Connection:
    """Open a cache, and create it if it does not exist; several processes may do so at the same time."""
    # Autocommit: one statement is one transaction, and none is open while a model works.
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    empty = _empty(connection)  # asked first: tables and owner come with one transaction of another process
    owner, version = (_first(connection, f"PRAGMA {name}") for name in ("application_id", "user_version"))
    if owner != APPLICATION and (owner or not empty):
        raise sqlite3.DatabaseError("it is the database of another program")
    if owner == APPLICATION and version != FORMAT:
        raise sqlite3.DatabaseError(f"its format is {version}, and this chatdesc reads {FORMAT}")
    if (state := _first(connection, "PRAGMA quick_check(1)")) != "ok":
        raise sqlite3.DatabaseError(state)
    _write_ahead(connection)
    # Survives a killed process; a power cut may take the last answers, but not the file.
    connection.execute("PRAGMA synchronous = NORMAL")
    if _empty(connection):
        _make_tables(connection)


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if _empty(connection):  # nobody else was faster
        for table in TABLES:
            connection.execute(table)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


def _first(connection: sqlite3.Connection, sql: str) -> Any:
    return connection.execute(sql).fetchone()[0]


def _empty(connection: sqlite3.Connection) -> bool:
    return not _first(connection, "SELECT count(*) FROM sqlite_master")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers work beside a writer. SQLite does not wait for its turn to switch this on, so we wait."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


class CachedDescriber:
    """A describer that asks ``inner`` only for answers that ``cache`` does not have. Rows name ``inner``.

    Args:
        readable: whether a description can be taken from an answer; other answers are neither stored nor used.
    """

    def __init__(self, inner: Describer, cache: RequestCache, readable: Callable[[str], bool] = lambda _: True) -> None:
        self.inner, self.cache, self.readable = inner, cache, readable
        self.name, self.max_batch, self.workers = inner.name, inner.max_batch, inner.workers
        self.hits = self.misses = 0
        self._remembered = False
        self._counting = threading.Lock()
        self._frames: LruCache[tuple[int, int], str] = LruCache(1024)

    def describe_self(self) -> dict[str, str]:
        """The facts of the inner describer."""
        return self._said

    @cached_property
    def _said(self) -> dict[str, str]:
        """The inner describer's facts; if its server does not answer, those of the last time.

        Raises:
            BackendError: the server does not answer, and it never answered before.
        """
        try:
            return self.inner.describe_self()
        except BackendError as error:
            known = self.cache.remembered(self._fingerprint) if self._fingerprint else None
            if known is None:
                raise
            log.warning("%s; going on with the answers in %s", error, self.cache.path.name)
            return known

    @cached_property
    def _fingerprint(self) -> str:
        """Tells apart describers with equal facts, for instance by the folder of a local model."""
        private = str(getattr(self.inner, "fingerprint", ""))
        return sha256(private.encode("utf-8", "surrogatepass")).hexdigest() if private else ""

    def summary(self) -> dict[str, Any]:
        """Cache hits and misses, and the counts of the inner describer."""
        inner = self.inner.summary() if hasattr(self.inner, "summary") else {}
        return {"cache_hits": self.hits, "cache_misses": self.misses, **inner}

    def describe(self, requests: list[Describe]) -> list[str | Exception]:
        """Answer requests from the cache, and the others through the inner describer."""
        return self._answers(requests, self.inner.describe, self._readable, str)

    def ask(self, requests: list[Ask]) -> list[Reply | Exception]:
        """Answer closed questions likewise.

        Raises:
            BackendError: the inner describer cannot.
        """
        if not isinstance(self.inner, Answerer):
            raise BackendError(f"{self.name} cannot answer questions")
        return self._answers(requests, self.inner.ask, _reply, _as_json)

    def _readable(self, stored: str) -> str | None:
        return stored if self.readable(stored) else None

    def _answers(
        self,
        requests: Sequence[Describe | Ask],
        call: Callable[[list[Any]], list[A | Exception]],
        read: Callable[[str], A | None],
        write: Callable[[A], str],
    ) -> list[A | Exception]:
        """Answers from the cache, as ``read`` takes them from there, and others from ``call``, stored by ``write``."""
        keys = [self._key_or_error(request) for request in requests]
        known = {k: self._stored(k, read) for k in keys if isinstance(k, str)}
        missing = {k: r for k, r in zip(keys, requests, strict=True) if isinstance(k, str) and known[k] is None}
        found = dict(zip(missing, self._call(list(missing.values()), call), strict=True))
        for key, answer in found.items():
            if not isinstance(answer, Exception) and read(written := write(answer)) is not None:
                self.cache.put(key, written)
        hits = sum(known.get(k) is not None for k in keys if isinstance(k, str))
        with self._counting:
            self.hits, self.misses = self.hits + hits, self.misses + len(missing)
        found |= {k: answer for k, answer in known.items() if answer is not None}
        return [found[k] if isinstance(k, str) else k for k in keys]

    def _stored(self, key: str, read: Callable[[str], A | None]) -> A | None:
        """A stored answer that is readable; any other one is removed, so that the describer is asked again."""
        stored = self.cache.get(key)
        answer = None if stored is None else read(stored)
        if stored is not None and answer is None:
            self.cache.remove(key)
        return answer

    def _call(self, requests: list[Any], call: Callable[[list[Any]], list[A | Exception]]) -> Sequence[A | Exception]:
        """The inner describer's answers to requests that the cache cannot answer."""
        if not requests:
            return []
        try:
            answers = call(requests)
        except Exception as error:  # of the whole call: those that were found are not to suffer
            return [error] * len(requests)
        if len(answers) != len(requests):
            wrong = BackendError(f"{self.name} gave {len(answers)} answers to {len(requests)} requests")
            return [wrong] * len(requests)
        if self._fingerprint and not self._remembered and not all(isinstance(a, Exception) for a in answers):
            self._remembered = True
            self.cache.remember(self._fingerprint, self._said)
        return answers

    def _key_or_error(self, request: Describe | Ask) -> str | Exception:
        try:
            return self.key(request)
        except Exception as error:  # its frame cannot be read
            return error

    def key(self, request: Describe | Ask) -> str:
        """sha256 of everything that decides the answer, all fields of the request that a model sees included."""
        values = self._values(request)
        if values.get("departure") is None:  # so that answers of earlier versions, which had none, are found
            values.pop("departure", None)
        whole = {
            "format": KEY,
            "drawing": DRAWING,
            "said": self._said,
            "fingerprint": self._fingerprint,
            "request": values,
        }
        return sha256(json.dumps(whole, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    def _values(self, of: Describe | Ask | Departure) -> dict[str, Any]:
        shown = [f.name for f in fields(of) if f.metadata.get("shown", True)]
        return {name: self._value(getattr(of, name)) for name in shown}

    def _value(self, value: Any) -> Any:
        if isinstance(value, Departure):
            return self._values(value)
        if isinstance(value, FrameRef):
            where = (value.frames.key, value.index)
            return self._frames.get(where, lambda: sha256(value.frames.encoded(value.index)).hexdigest())
        if isinstance(value, np.ndarray):
            return [str(value.dtype), value.shape, value.tobytes().hex()]
        return value


def _as_json(reply: Reply) -> str:
    return json.dumps({"yes": reply.yes, "probability": reply.probability})


def _reply(stored: str) -> Reply | None:
    """A stored reply; None for anything else."""
    try:
        said = json.loads(stored)
        yes, chance = said["yes"], said["probability"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    known = isinstance(yes, bool) and (chance is None or (isinstance(chance, float) and 0 <= chance <= 1))
    return Reply(yes, chance) if known else None
