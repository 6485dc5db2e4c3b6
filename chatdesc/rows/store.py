"""The run folder: one atomic file per finished sequence, a configuration that may not change, a lock.

    RUN/run.json           what this run is (settings, backends, dataset)
    RUN/rows/NAME.json     one finished sequence
    RUN/dataset/           parquet and card, written at the end

>>> with Store.open(Path("run"), {"rounds": 3}) as store:                   # doctest: +SKIP
...     store.save({"sequence": "airplane-15", ...})
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

from chatdesc.atomic import write_atomic
from chatdesc.rows.schema import Row
from chatdesc.types import ChatdescError


class Store:
    """A run folder that is open for writing by this process alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rows_dir = root / "rows"
        self._lock: Any = None

    @classmethod
    def open(cls, root: Path, config: dict[str, Any]) -> Store:
        """Create the folder, or go on in one that was made with the same configuration.

        Raises:
            ChatdescError: another configuration (the differing keys are named), another process at work in it, or a
                folder that holds something else.
        """
        store = cls(root)
        known = root / "run.json"
        if root.exists() and not known.exists() and not _fresh(root):
            raise ChatdescError(f"{root} is no empty folder and no run of chatdesc; choose another --out")
        store.rows_dir.mkdir(parents=True, exist_ok=True)
        store._acquire()
        try:
            if known.exists():
                refuse_difference(root, read_config(root), config)
            else:
                write_atomic(known, json.dumps(config, indent=1, sort_keys=True))
        except BaseException:
            store.close()
            raise
        for left_over in store.rows_dir.glob("*.tmp"):
            left_over.unlink()
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def path(self, name: str) -> Path:
        return self.rows_dir / f"{quote(name, safe=' ()+,=')}.json"

    def save(self, row: Row) -> None:
        write_atomic(self.path(row["sequence"]), json.dumps(row, ensure_ascii=False))

    def load(self, name: str) -> Row | None:
        """A finished row, or None; a file that cannot be read counts as not finished."""
        try:
            row = json.loads(self.path(name).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
            return None
        return cast(Row, row) if isinstance(row, dict) else None

    def names(self) -> list[str]:
        """The sequences that have a row, by name."""
        return sorted(unquote(path.stem) for path in self.rows_dir.glob("*.json"))

    def rows(self, names: Iterable[str]) -> Iterator[Row]:
        """The finished rows among ``names``, in their order, one at a time."""
        return (row for row in map(self.load, names) if row is not None)

    def _acquire(self) -> None:
        # the file is opened for as long as the run lasts; the system lets go of it however the process ends
        self._lock = (self.root / ".lock").open("a")
        try:
            import fcntl
        except ImportError:
            return
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ChatdescError(
                f"another chatdesc is at work in {self.root}; wait for it or choose another --out"
            ) from None


def _fresh(root: Path) -> bool:
    """Whether a folder without a run.json is empty but for what a run that was killed at its start leaves."""
    if not root.is_dir():
        return False
    ours = {".lock", "run.json.tmp", "rows"}
    return all(p.name in ours for p in root.iterdir()) and not any((root / "rows").glob("*"))


def read_config(root: Path) -> dict[str, Any]:
    """What a run folder says of itself.

    Raises:
        ChatdescError: the folder is no run.
    """
    try:
        config: dict[str, Any] = json.loads((root / "run.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ChatdescError(
            f"{root} is no run of chatdesc (it has no run.json); `chatdesc annotate` makes one"
        ) from None
    except json.JSONDecodeError as error:
        raise ChatdescError(f"{root / 'run.json'}: line {error.lineno}: not JSON ({error.msg})") from error
    return config


def refuse_difference(root: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ChatdescError with every key in which two configurations differ."""
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
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= _flat(inner, f"{prefix}.{key}" if prefix else str(key))
    return found


def dataset_of(run: Path) -> str:
    """The name of the dataset that a run was made from."""
    return str(read_config(run)["dataset"])
