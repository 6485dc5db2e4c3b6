"""Pushes to the stand-in Hub, from a process that has its address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.command import REPOSITORY, Done, crash_in
from tests.fuzz.scene import fresh, published, scene
from tests.standins.hub import Hub, User

TOKEN = "hf_adas-own-token"


@dataclass
class Pusher:
    """A Hub, and a process that pushes to it and loads from it."""

    hub: Hub
    process: subprocess.Popen

    def ask(self, **what: object) -> dict[str, Any]:
        """One question to the process, and its answer."""
        self.process.stdin.write(json.dumps(what | {"token": TOKEN}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

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
    quiet = {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1"}
    with Hub({TOKEN: User("ada")}) as hub:
        ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(fresh()), "HF_HUB_OFFLINE": "0", "COLUMNS": "200", **quiet}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.standins.hub_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **ours},
        )
        try:
            yield Pusher(hub, process)
        finally:
            process.stdin.close()
            process.wait(timeout=30)
