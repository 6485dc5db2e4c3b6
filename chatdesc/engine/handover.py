"""A folder or bucket, at any fsspec URL, in which workers leave finished rows for the run that waits for them.

    URL/run.json             the run's configuration, which may not change
    URL/rows/NAME.json       a finished row
    URL/evidence/NAME.npz    its evidence, written before it

>>> from chatdesc.rows.schema import empty_row
>>> there = Handover("memory://rows-of-a-run")
>>> there.open({"dataset": "lasot"})
>>> there.put(Finished("kite-1", empty_row() | {"sequence": "kite-1", "text": "a red kite"}))
>>> there.take("kite-1").row["text"], there.take("kite-2")
('a red kite', None)
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from chatdesc.names import escaped
from chatdesc.private import without_secrets
from chatdesc.rows.check import unfit
from chatdesc.rows.schema import Row
from chatdesc.rows.store import refuse_difference
from chatdesc.types import ChatdescError


@dataclass(frozen=True, slots=True)
class Finished:
    """A row, and the file of its evidence where that is kept."""

    name: str
    row: Row
    evidence: bytes | None = None


class Handover:
    """Rows at a URL. A file that cannot be read back counts as not there: some stores can be seen half written to.

    Raises:
        ChatdescError: no file system has such a URL, or its library is not installed.
    """

    def __init__(self, url: str) -> None:
        import fsspec

        self.url = without_secrets(url)
        try:
            self._files, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise ChatdescError(f"--store {self.url}: {error}") from error

    def open(self, config: dict[str, Any]) -> None:
        """Begin with a run's configuration, or continue what was begun with the same one.

        Raises:
            ChatdescError: rows of another configuration are there, or the URL cannot be written to.
        """
        try:
            known = self._read("run.json")
            if known is None:
                self._write("run.json", json.dumps(config, indent=1, sort_keys=True).encode())
                return
        except OSError as error:
            raise ChatdescError(f"--store {self.url}: {error}") from error
        refuse_difference(self.url, _json(known) or {}, config)

    def put(self, finished: Finished) -> None:
        """Leave a row, its evidence first."""
        if finished.evidence is not None:
            self._write(f"evidence/{escaped(finished.name, '.npz')}", finished.evidence)
        self._write(f"rows/{escaped(finished.name, '.json')}", json.dumps(finished.row).encode())

    def present(self, names: Iterable[str]) -> list[str]:
        """Those of ``names`` that have a file of a row, by one look at the folder."""
        try:
            files = self._files.ls(f"{self._root}/rows", detail=False)
        except FileNotFoundError:
            return []
        found = {str(file).rsplit("/", 1)[-1] for file in files}
        return [name for name in names if escaped(name, ".json") in found]

    def take(self, name: str, with_evidence: bool = False) -> Finished | None:
        """A sequence's row; None where it has none, or lacks the evidence that is asked for."""
        content = self._read(f"rows/{escaped(name, '.json')}")
        row = _json(content)
        if row is None or row.get("sequence") != name or unfit(row):
            return None
        evidence = self._read(f"evidence/{escaped(name, '.npz')}") if with_evidence else None
        return None if with_evidence and evidence is None else Finished(name, cast(Row, row), evidence)

    def _read(self, place: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(f"{self._root}/{place}")
        except FileNotFoundError:
            return None
        return content

    def _write(self, place: str, content: bytes) -> None:
        path = f"{self._root}/{place}"
        self._files.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        self._files.pipe_file(path, content)


def _json(content: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(content) if content is not None else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
