"""The run folder: one file per finished sequence, a configuration that may not change, and a lock.

    RUN/run.json           settings, backends and dataset of the run
    RUN/rows/NAME.json     one finished sequence
    RUN/dataset/           parquet and card, written at the end

>>> from tempfile import mkdtemp
>>> from chatdesc.rows.schema import empty_row
>>> run = Path(mkdtemp()) / "run"
>>> with Store.open(run, {"dataset": "lasot"}) as store:
...     store.save(empty_row() | {"sequence": "airplane-15", "text": "a white airplane"})
>>> [row["text"] for row in Store(run).rows(["airplane-15", "airplane-1"])]      # the second is not finished
['a white airplane']
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from os.path import lexists
from pathlib import Path
from typing import IO, Any, Generic, Self, TypeVar, cast
from urllib.parse import unquote

from chatdesc.atomic import is_temporary, remove_leftovers, write_atomic
from chatdesc.names import counted, escaped, some
from chatdesc.rows.check import unfit
from chatdesc.rows.lock import LOCK, lock
from chatdesc.rows.schema import Row
from chatdesc.types import ChatdescError

PIECE = 500  # items of a list

R = TypeVar("R", bound=Mapping[str, object])


def _json(value: object, escape: bool) -> Iterator[bytes]:
    """What ``json.dumps`` gives, in pieces: it holds a string for each number of a list until the whole is done.

    >>> b"".join(_json({"boxes": [[1.5, float("nan")]] * 2, "text": "é"}, escape=False)).decode()
    '{"boxes": [[1.5, NaN], [1.5, NaN]], "text": "é"}'
    """
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        for number, (key, held) in enumerate(value.items()):
            yield f"{', ' if number else '{'}{json.dumps(key, ensure_ascii=escape)}: ".encode()
            yield from _json(held, escape)
        yield b"}" if value else b"{}"
    elif isinstance(value, list) and len(value) > PIECE:
        for start in range(0, len(value), PIECE):
            yield b", " if start else b"["
            yield json.dumps(value[start : start + PIECE], ensure_ascii=escape)[1:-1].encode()
        yield b"]"
    else:
        yield json.dumps(value, ensure_ascii=escape).encode()


class DamagedRows(ChatdescError):
    """Rows of a run cannot be read back; the message names them and the remedy."""


class JsonStore(Generic[R]):
    """A folder with one JSON file per sequence; each row (JSON values) has its name under ``sequence``.

    An instance reads; one from ``open`` also writes, alone among all processes.

    Attributes:
        root: the folder.
        rows_dir: where the rows are, below it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows_dir = root / "rows"
        self._lock: IO[str] | None = None

    @classmethod
    def open(cls, root: Path, config: dict[str, Any]) -> Self:
        """Create the folder, or continue in one that was made with the same configuration.

        Raises:
            ChatdescError: another configuration (the differing keys are named), another process at work in it, or a
                folder that holds something else.
        """
        store = cls(root)
        known = root / "run.json"
        if root.exists() and not known.exists() and not _is_fresh(root):
            raise ChatdescError(f"{root} is no empty folder and no run of chatdesc; choose another --out")
        store.rows_dir.mkdir(parents=True, exist_ok=True)
        store._lock = lock(root)
        try:
            remove_leftovers([root])
            for left_over in store.rows_dir.glob("*.tmp"):  # we hold the lock: whoever was writing it was killed
                left_over.unlink()
            if known.exists():
                refuse_difference(root, read_config(root), config)
            else:
                write_atomic(known, json.dumps(config, indent=1, sort_keys=True))
        except BaseException:
            store.close()
            raise
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def path(self, name: str) -> Path:
        """The file of a sequence, whatever characters its name has."""
        return self.rows_dir / escaped(name, ".json")

    def save(self, row: R) -> None:
        """Write a row; it is complete in the folder, or not there."""
        try:
            content = b"".join(_json(row, escape=False))
        except UnicodeEncodeError:  # a name or path with bytes that are no UTF-8: JSON can escape what stands for them
            content = b"".join(_json(row, escape=True))
        write_atomic(self.path(str(row["sequence"])), content)

    def load(self, name: str) -> R | None:
        """A row, or None where the sequence has none.

        Raises:
            DamagedRows: its file cannot be read back.
        """
        row = self.finished(name)
        if row is None and lexists(self.path(name)):
            raise self._damaged([name])
        return row

    def finished(self, name: str) -> R | None:
        """A row, or None; a file that cannot be read back counts as not finished, so that it is done again."""
        return self._read(self.path(name))

    def names(self) -> list[str]:
        """The sequences that have a row, sorted by name.

        Raises:
            DamagedRows: a row whose name only the row itself holds (a long one) cannot be read back.
        """
        return sorted(self._name(path) for path in self.rows_dir.glob("*.json"))

    def rows(self, names: Iterable[str]) -> Iterator[R]:
        """The rows of ``names``, in their order, read one at a time; those without a row are left out.

        Raises:
            DamagedRows: one of them cannot be read back; the message names all that cannot.
        """
        names = list(names)
        for name in names:
            row = self.finished(name)
            if row is not None:
                yield row
            elif lexists(self.path(name)):
                raise self._damaged(n for n in names if self.finished(n) is None and lexists(self.path(n)))

    def refuse_damaged(self, but: Collection[str] = ()) -> None:
        """Refuse a folder in which a row cannot be read back.

        Args:
            but: sequences that do not count, because they will be done again.

        Raises:
            DamagedRows: it names the files; also for a folder in the place of any row.
        """
        for path in self.rows_dir.glob("*.json"):
            if path.is_dir():
                raise DamagedRows(f"{path}: is a folder where a row belongs; move it away")
        excepted = {self.path(name) for name in but}
        paths = sorted(path for path in self.rows_dir.glob("*.json") if path not in excepted)
        if damaged := [path.stem for path in paths if self._read(path) is None]:
            raise self._damaged(damaged)

    def _read(self, path: Path) -> R | None:
        """A file's row; None where it is no file, no JSON, or no row of the sequence that it is named after."""
        if not path.is_file():  # a pipe would be waited for
            return None
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return None
        if not isinstance(row, dict) or not isinstance(row.get("sequence"), str):
            return None
        return cast(R, row) if self.path(row["sequence"]) == path and self.is_whole(row) else None

    def is_whole(self, row: dict[str, Any]) -> bool:
        """Whether a row has what its readers need; here any row has."""
        return True

    def _name(self, path: Path) -> str:
        if "#" not in path.stem:
            return unquote(path.stem, errors="surrogateescape")
        row = self._read(path)
        if row is None:
            raise self._damaged([path.stem])
        return str(row["sequence"])

    def _damaged(self, names: Iterable[str]) -> DamagedRows:
        names = list(names)
        count = f"{counted(len(names), 'row')} cannot be read back"
        return DamagedRows(
            f"{self.rows_dir}: {count} ({some(names, 5)}); repeat the command that made the run, "
            "which does them again, or remove their files"
        )


class Store(JsonStore[Row]):
    """The rows of a run; one with a column of another type, or without one that readers need, is damaged."""

    def is_whole(self, row: dict[str, Any]) -> bool:
        """Whether the row's columns are those of ``Row``."""
        return not unfit(row)


def _is_fresh(root: Path) -> bool:
    """Whether a folder without a run.json is empty, but for files of a run that was killed at its start."""
    if not root.is_dir():
        return False
    ours = all(path.name in (LOCK, "rows") or is_temporary(path) for path in root.iterdir())
    return ours and not any((root / "rows").glob("*"))


def is_run(place: str | Path) -> bool:
    """Whether a place is the folder of a run."""
    return Path(place, "run.json").is_file()


def read_config(root: Path) -> dict[str, Any]:
    """The configuration of a run folder (``run.json``).

    Raises:
        ChatdescError: the folder is no run.
    """
    remedy = "take it from a copy of the run, or annotate into another folder"
    try:
        config: dict[str, Any] = json.loads((root / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ChatdescError(
            f"{root} is no run of chatdesc (it has no run.json); `chatdesc annotate` makes one"
        ) from None
    except UnicodeDecodeError as error:
        raise ChatdescError(f"{root / 'run.json'}: not JSON ({error.reason}); {remedy}") from error
    except json.JSONDecodeError as error:
        raise ChatdescError(f"{root / 'run.json'}: line {error.lineno}: not JSON ({error.msg}); {remedy}") from error
    except (ValueError, RecursionError) as error:
        raise ChatdescError(f"{root / 'run.json'}: not JSON ({error}); {remedy}") from error
    if not isinstance(config, dict) or not isinstance(config.get("settings", {}), dict):
        raise ChatdescError(f"{root / 'run.json'}: is no configuration of a run; {remedy}")
    return config


def refuse_difference(root: Path | str, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse a configuration that is not the run's (equal as JSON).

    Raises:
        ChatdescError: it names every key that differs.
    """
    old, new = _flat(json.loads(json.dumps(before))), _flat(json.loads(json.dumps(now)))
    differing = [k for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)]
    if differing:
        lines = [f"  {k}: was {old.get(k)!r}, now {new.get(k)!r}" for k in differing]
        raise ChatdescError(
            f"{root} was made with another configuration:\n" + "\n".join(lines) + "\nUse the old one, or another --out."
        )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return flat


def dataset_of(run: Path) -> str:
    """The name of a run's source dataset.

    Raises:
        ChatdescError: the folder is no run.
    """
    dataset = read_config(run).get("dataset")
    if not isinstance(dataset, str):
        raise ChatdescError(f"{run / 'run.json'}: names no dataset; take it from a copy of the run")
    return dataset
