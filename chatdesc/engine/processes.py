"""One run on several devices: one worker process per device, all in the same run folder.

The parent holds the folder's lock, and no model while the workers need the memory. A worker claims a sequence by
creating a file, which only one worker can do. It ends itself when its parent is gone. What models print in it goes to
standard error: its standard output is for names of finished sequences, and what was used for them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from chatdesc.config import Resources, Settings
from chatdesc.engine.budget import Account, Ledger, Meter
from chatdesc.engine.memory import one_arena
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows.schema import Row
from chatdesc.rows.store import Store
from chatdesc.types import ChatdescError, FrameCache

LAST_LINES = 5
CLOSED = "closed"  # no row's file has this name
MACHINE = 3  # the exit code of a worker that the disk or the system refused something


class Claims:
    """Claims of workers on sequences: one file per sequence, created by the worker that claims it."""

    def __init__(self, store: Store) -> None:
        self.folder = store.root / "claims"
        self._store = store

    def clear(self) -> None:
        """Remove all claims."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Let no worker claim any more."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / CLOSED).touch()

    def take(self, name: str) -> bool:
        """Claim a sequence; False if another worker has it, or all claims are closed."""
        self.folder.mkdir(exist_ok=True)
        if (self.folder / CLOSED).exists():
            return False
        try:
            (self.folder / self._store.path(name).name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def are_on(self, names: Iterable[str]) -> bool:
        """Whether all of the sequences are claimed."""
        return all((self.folder / self._store.path(name).name).exists() for name in names)


def annotate_on(
    devices: tuple[str, ...], run: Run, store: Store, on_row: Callable[[Row], None], ledger: Ledger | None = None
) -> None:
    """Annotate with one process per device.

    Args:
        on_row: called with each finished row, by one thread at a time.
        ledger: counts what all processes use; where its budget is reached they begin no sequence any more. What is
            ``reached`` is None in the end where that kept nothing from being begun.

    Raises:
        ChatdescError: a worker ended with an error. Finished rows are kept; the same command does the rest.
        OSError: the disk or the system refused a worker something, or killed it; the same.
    """
    if ledger is not None and ledger.is_reached():
        return
    run.release_models()
    claims = Claims(store)
    claims.clear()
    counting = threading.Lock()

    def hand_on(name: str, used: Account) -> None:
        row = store.load(name)
        with counting:
            if ledger is not None:
                ledger.add(used)
                if ledger.is_reached():
                    claims.close()
            if row is not None:
                on_row(row)

    try:
        with ThreadPoolExecutor(len(devices)) as pool:
            ended = list(pool.map(lambda device: _drive(device, run, hand_on), devices))
        if ledger is not None and ledger.reached and claims.are_on(run.pending(store)):
            ledger.reached = None  # by the last ones: it kept nothing from being begun
    finally:
        claims.clear()
    broken = [f"{device}: {why}" for device, (code, why) in zip(devices, ended, strict=True) if code]
    if broken:
        what = "a worker ended early; the same command goes on with the rest\n" + "\n".join(broken)
        raise OSError(what) if any(code == MACHINE or code < 0 for code, _ in ended) else ChatdescError(what)


def _drive(device: str, run: Run, on_name: Callable[[str, Account], None]) -> tuple[int, str]:
    """Run one worker to its end; return its exit code, and why it failed."""
    resources = asdict(run.resources) | {"device": device}
    cache, data = run.dataset.cache, {"name": run.dataset.dataset} | run.dataset.arguments
    job: dict[str, Any] = {"data": data, "settings": asdict(run.settings), "resources": resources}
    job |= {"out": str(run.out), "frames": cache.max_items if cache else None, "strict": run.strict}
    with tempfile.TemporaryFile() as errors:
        command = [sys.executable, "-m", "chatdesc.engine.processes"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()  # and left open: the worker takes its end for ours
            for line in process.stdout:
                name, used = json.loads(line)
                on_name(name, Account(**used))
        except BrokenPipeError:
            pass
        finally:
            process.stdin.close()
            code = process.wait()
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
    return code, _killed_by(-code) if code < 0 else " / ".join(said) or f"exit code {code}"


def _killed_by(number: int) -> str:
    hint = ", as the system does where memory runs out" if number == signal.SIGKILL else ""
    return f"killed by signal {number}{hint}"


def pending(run: Run, store: Store) -> Iterator[str]:
    """Yield the sequences that this worker claims, each when the scheduler has room for it."""
    claims = Claims(store)
    return (name for name in run.pending(store) if claims.take(name))


def worker(channel: TextIO) -> None:
    """Run as a worker: read a job from standard input; write finished sequences and what was used to ``channel``."""
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = Settings(**job["settings"] | {"encoders": tuple(job["settings"]["encoders"])})
    out = Path(job["out"])
    data = load(**job["data"], cache=FrameCache(job["frames"]) if job["frames"] else None)
    one_arena()
    run = Run.create(data, out, settings, Resources(**job["resources"]), job["strict"])
    store, meter = Store(out), Meter(run.counts())

    def say(row: Row) -> None:
        print(json.dumps([row["sequence"], asdict(meter.since())]), file=channel, flush=True)

    run.annotate(store, say, pending(run, store))


def _private_channel() -> TextIO:
    """The standard output as it was; from here on, what libraries and their children print goes to standard error."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return channel


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    # Open until the process has ended: the parent takes its end for ours, and ends the worker before its last words.
    channel = _private_channel()
    try:
        worker(channel)
    except ChatdescError as error:
        sys.exit(f"chatdesc: {error}")
    except OSError as error:
        print(f"chatdesc: {error}", file=sys.stderr)
        sys.exit(MACHINE)
    except KeyboardInterrupt:
        sys.exit(130)
