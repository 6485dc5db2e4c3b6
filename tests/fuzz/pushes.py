"""Pushes to the stand-in Hub, from a process that has its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.command import REPOSITORY, Done, crash_in
from tests.fuzz.scene import fresh, published, scene
from tests.standins.hub import Hub, User
from tests.standins.hub_worker import asking

TOKEN = "hf_adas-own-token"


@dataclass
class Pusher:
    """A Hub, and a process that pushes to it and loads from it."""

    hub: Hub
    _ask: Callable[..., dict[str, Any]]

    def ask(self, **what: object) -> dict[str, Any]:
        """One question to the process, and its answer."""
        return self._ask(TOKEN, **what)

    def push(self, name: str, *options: object, run: Path | None = None) -> Done:
        """Push a run (the scene's own) to the repository ``name``."""
        done = self.ask(run=["push", str(run or scene().run), name, *map(str, options)])
        crash = crash_in(done["out"] + done["err"])
        return Done(done["code"], done["out"], done["err"], crash)

    def loaded(self, name: str) -> dict[str, Any]:
        """The rows of the repository's data set as the Hub's own clients load them, by sequence, or ``{}``."""
        answer = self.ask(load={"path": name, "name": "lasot", "streaming": True})
        rows = [row for part in answer.get("loaded", {}).values() for row in part]
        return {row["sequence"]: row for row in rows}

    def pushed(self, name: str) -> dict[str, Any]:
        """The rows in the repository's parquet files by sequence, read without the Hub's clients."""
        folder = fresh()
        (folder / "data").mkdir()
        for path, data in self.hub.files(name).items():
            if path.endswith(".parquet"):
                (folder / "data" / path.replace("/", "-")).write_bytes(data)
        return published(folder)


@contextmanager
def pushing() -> Iterator[Pusher]:
    """A running Hub with its process."""
    with Hub({TOKEN: User("ada")}) as hub, asking(hub, fresh(), COLUMNS="200", PYTHONPATH=str(REPOSITORY)) as ask:
        yield Pusher(hub, ask)
