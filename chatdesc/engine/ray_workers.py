"""One run on a Ray cluster: workers hold the models, Ray Data gives them sequences, this process keeps the rows.

A worker that is killed is started again, and its sequences are done again. Rows come back one by one, in the order of
the names that a worker was given: when Ray repeats a worker's task, it skips as many results as it has had.
"""

from __future__ import annotations

import json
import logging
import math
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from chatdesc.atomic import write_atomic
from chatdesc.config import Resources, Settings
from chatdesc.engine.budget import Account, Ledger, Meter
from chatdesc.engine.handover import Finished, Handover
from chatdesc.engine.run import Run, failed, failure
from chatdesc.engine.schedule import in_flight_for
from chatdesc.loaders import load
from chatdesc.names import some
from chatdesc.rows import evidence
from chatdesc.rows.lock import lock
from chatdesc.rows.schema import Row
from chatdesc.rows.store import Store, refuse_difference
from chatdesc.types import ChatdescError, FrameCache

TASKS_PER_WORKER = 4  # at least, so that a slow worker gets fewer
ROUNDS_PER_TASK = 4  # a task is so many times the sequences that are in work at once, at most
TOKEN = "token"
FOLDER, SECONDS_TO_LOCK = "chatdesc-worker-", 60.0  # a new one may not be locked yet
OBJECTS = 256 << 20  # bytes of rows on their way, on this machine


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Run on a Ray cluster.

    Attributes:
        workers: fewest and most workers. Each holds all models of the run; Ray Data starts more while sequences wait.
        cpus, gpus: of each worker; ``gpus`` may be a fraction, so that several workers share a device.
        address: a running cluster; None takes ``$RAY_ADDRESS``, and starts Ray on this machine where that is not set.
        store: a folder or fsspec URL that all workers reach. A finished row is left there at once, so that it outlives
            its worker and this process.

    >>> RayEngine(workers=(2, 8), gpus=0.5).workers
    (2, 8)
    """

    workers: tuple[int, int] = (1, 1)
    cpus: float = 1.0
    gpus: float = 0.0
    address: str | None = None
    store: str | None = None

    def __post_init__(self) -> None:
        least, most = self.workers
        if not 1 <= least <= most:
            raise ChatdescError(f"--workers {least}:{most}: give a number, or the fewest and the most, from 1 on")
        if not (self.cpus > 0 and self.gpus >= 0):
            raise ChatdescError("--worker-cpus must be above 0, and --worker-gpus not below it")
        if self.gpus > 1 and self.gpus != int(self.gpus):
            raise ChatdescError(f"--worker-gpus {self.gpus}: above 1 Ray gives whole devices only")


def annotate_with(
    engine: RayEngine, run: Run, store: Store, on_row: Callable[[Row], None], ledger: Ledger | None = None
) -> None:
    """Annotate what is pending with Ray's workers, after what earlier workers left in the engine's store.

    Args:
        on_row: called with each row after it is saved.
        ledger: counts what workers use; not what one used that was killed before the row came back.

    Raises:
        ChatdescError: Ray is not installed, a worker cannot do its work, rows did not come back, or, with ``strict``,
            the first failed row. Rows that came back are kept; the same command does the rest.
    """
    _installed()
    names = run.pending(store)
    found = _left_before(engine, run, names)
    for finished in found:
        _keep(finished, run, store, on_row)
    there = {finished.name for finished in found}
    names = [name for name in names if name not in there]
    if not names:
        return
    run.release_models()
    with _cluster(engine):
        back = {_keep(finished, run, store, on_row) for finished in _results(engine, run, names, ledger)}
    if missing := [name for name in names if name not in back]:
        raise ChatdescError(f"no row came back for {some(missing)}; the same command goes on")


def _left_before(engine: RayEngine, run: Run, names: Sequence[str]) -> list[Finished]:
    """Rows that workers of an earlier call left in the store, but for those that failed."""
    if engine.store is None:
        return []
    there = Handover(engine.store)
    there.open(run.config())
    found = (there.take(name, run.resources.record_evidence) for name in there.present(names))
    return [finished for finished in found if finished is not None and not failed(finished.row)]


def _keep(finished: Finished, run: Run, store: Store, on_row: Callable[[Row], None]) -> str:
    """Save a row that came back, its evidence first; its name."""
    if finished.evidence is None:
        evidence.keep(run.out, finished.name, None)
    else:
        write_atomic(evidence.place_of(run.out, finished.name), finished.evidence)
    store.save(finished.row)
    if run.strict and failed(finished.row):
        raise failure(finished.row)
    on_row(finished.row)
    return finished.name


def _results(engine: RayEngine, run: Run, names: Sequence[str], ledger: Ledger | None) -> Iterator[Finished]:
    """The rows of the workers, as they come."""
    for found in _blocks(engine, run, names):
        if found["error"]:
            raise ChatdescError(f"a worker cannot do its work: {found['error']}")
        if ledger is not None:
            ledger.add(Account(**json.loads(found["used"])))
        yield Finished(names[found["number"]], json.loads(found["row"]), found["evidence"] or None)


def _blocks(engine: RayEngine, run: Run, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What the workers yield, as Ray Data hands it on."""
    import ray.data

    in_flight = run.resources.sequences_in_flight or in_flight_for(run.models.lanes())
    tasks = task_count(len(names), engine.workers[1], in_flight)
    numbers = ray.data.range(len(names), override_num_blocks=tasks)
    numbers.context.enable_progress_bars = False
    numbers.context.target_max_block_size = 1  # each row comes back as soon as it is there
    pool = ray.data.ActorPoolStrategy(min_size=engine.workers[0], max_size=engine.workers[1])
    rows = numbers.map_batches(
        Worker, batch_size=None, compute=pool, num_cpus=engine.cpus, num_gpus=engine.gpus,
        fn_constructor_args=(job_of(run, engine, names),),
    )  # fmt: skip
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # from here on: Ray Data sets it when it is first used
    try:
        yield from rows.iter_rows()
    except ray.exceptions.RayError as error:
        what = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ChatdescError(f"Ray: {what}; the same command goes on with the rest") from error


def task_count(sequences: int, workers: int, in_flight: int) -> int:
    """In how many tasks sequences are given to workers.

    >>> task_count(1000, workers=8, in_flight=8), task_count(100, workers=8, in_flight=8), task_count(3, 8, 8)
    (32, 32, 3)
    >>> task_count(100_000, workers=2, in_flight=8)
    3125
    """
    wanted = max(workers * TASKS_PER_WORKER, math.ceil(sequences / (in_flight * ROUNDS_PER_TASK)))
    return min(sequences, wanted)


def job_of(run: Run, engine: RayEngine, names: Sequence[str]) -> dict[str, Any]:
    """All that a worker must know, in values that can be sent."""
    cache = run.dataset.cache
    resources = asdict(run.resources) | {"cache": run.resources.cache or ""}  # no run folder is at hand there
    return {
        "data": {"name": run.dataset.dataset} | run.dataset.arguments,
        "frames": cache.max_items if cache else None,
        "settings": asdict(run.settings),
        "resources": resources,
        "config": run.config(),
        "store": engine.store,
        "names": list(names),
    }


class Worker:
    """An actor that holds the models. It is called with numbers of sequences, and yields their rows in that order."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._job = job

    @cached_property
    def run(self) -> Run:
        """The run; its rows have no folder here but while a task is done.

        Raises:
            ChatdescError: the data or the models cannot be had here, or are not those of the run.
        """
        job = self._job
        data = load(**job["data"], cache=FrameCache(job["frames"]) if job["frames"] else None)
        settings = Settings(**job["settings"])
        run = Run.create(data, Path("worker"), settings, Resources(**job["resources"]))
        refuse_difference("the run on this worker", job["config"], run.config())
        return run

    @cached_property
    def meter(self) -> Meter:
        """What this worker uses."""
        return Meter(self.run.counts())

    @cached_property
    def there(self) -> Handover | None:
        """Where finished rows are left at once."""
        return Handover(self._job["store"]) if self._job["store"] else None

    def __call__(self, batch: Mapping[str, Any]) -> Iterator[dict[str, list[Any]]]:
        """The rows of a task; an error that no row can hold is the last thing yielded."""
        numbers = [int(number) for number in batch["id"]]
        try:
            for number, finished in zip(numbers, self.finished(numbers), strict=True):
                yield self._sent(number, json.dumps(finished.row).encode(), finished.evidence or b"")
        except (ChatdescError, OSError) as error:
            yield self._sent(error=str(error))

    def _sent(self, number: int = -1, row: bytes = b"", evidence: bytes = b"", error: str = "") -> dict[str, list[Any]]:
        """A block of one row for Ray Data, with what was used since the last one."""
        used = "{}" if error else json.dumps(asdict(self.meter.since()))
        return {"number": [number], "row": [row], "evidence": [evidence], "error": [error], "used": [used]}

    def finished(self, numbers: Sequence[int]) -> Iterator[Finished]:
        """Rows in the order of ``numbers``; those that an earlier worker left in the store are taken from there."""
        names = [self._job["names"][number] for number in numbers]
        done = {name: found for name in names if (found := self._taken(name)) is not None}
        come: SimpleQueue[Finished | None] = SimpleQueue()
        with ThreadPoolExecutor(1) as pool:
            work = pool.submit(self._annotate, [name for name in names if name not in done], come.put)
            work.add_done_callback(lambda _: come.put(None))
            for name in names:
                while name not in done:
                    if (found := come.get()) is None:
                        raise work.exception() or ChatdescError(f"{name}: no row was made")
                    done[found.name] = found
                yield done.pop(name)

    def _taken(self, name: str) -> Finished | None:
        found = self.there.take(name, self.run.resources.record_evidence) if self.there else None
        return None if found is None or failed(found.row) else found

    def _annotate(self, names: Sequence[str], put: Callable[[Finished], None]) -> None:
        """Make rows, leave each in the store, and hand it on."""
        if not names:
            return
        with _own_folder() as folder:
            run = replace(self.run, out=folder)
            store = Store(run.out)
            store.rows_dir.mkdir()
            run.annotate(store, lambda row: self._hand_on(run, row, put), names)

    def _hand_on(self, run: Run, row: Row, put: Callable[[Finished], None]) -> None:
        place = evidence.place_of(run.out, row["sequence"])
        finished = Finished(row["sequence"], row, place.read_bytes() if place.is_file() else None)
        if self.there:
            self.there.put(finished)
        put(finished)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """A folder for the rows of a task, locked; those of this user's workers that were killed are removed."""
    left = Path(tempfile.gettempdir()).glob(f"{FOLDER}*") if find_spec("fcntl") else ()  # without it nothing is locked
    for folder in left:
        with suppress(OSError, ChatdescError):
            if _may_be_left(folder.lstat()):
                lock(folder).close()
                shutil.rmtree(folder)
    with tempfile.TemporaryDirectory(prefix=FOLDER) as own, lock(Path(own)):
        yield Path(own)


def _may_be_left(about: os.stat_result) -> bool:
    """Whether it is a folder of this user, and not new: in that of another a lock may be a pipe, or a link."""
    return (
        stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and time.time() - about.st_mtime > SECONDS_TO_LOCK
    )


def _installed() -> None:
    if find_spec("ray") is None:
        raise ChatdescError("--engine ray: Ray is not installed; python -m pip install 'chatdesc[ray]'")


@contextmanager
def _cluster(engine: RayEngine) -> Iterator[None]:
    """While connected to a cluster; one that is started here ends here.

    Raises:
        ChatdescError: no cluster answers, or this machine has no such devices.
    """
    address = engine.address or os.environ.get("RAY_ADDRESS")
    if not address:
        _ask_for_token()
    import ray

    if ray.is_initialized():
        yield
        return
    try:
        if address:
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            _start(engine)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ChatdescError(f"Ray: {error}") from error
    try:
        if not address and ray.cluster_resources().get("GPU", 0) < engine.gpus:
            raise ChatdescError(f"--worker-gpus {engine.gpus:g}: Ray finds no such device on this machine")
        yield
    finally:
        ray.shutdown()


def _ask_for_token() -> None:
    """Have Ray ask for a token that only this process and its workers know; Ray reads this when it is loaded.

    Raises:
        ChatdescError: it is loaded already, and neither started nor asked for one.
    """
    if "ray" in sys.modules:
        if not sys.modules["ray"].is_initialized() and os.environ.get("RAY_AUTH_MODE") != TOKEN:
            raise ChatdescError("Ray was imported before, so it would start without a token; call ray.init() first")
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_AUTH_MODE", TOKEN)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def _start(engine: RayEngine) -> None:
    """Start Ray on this machine, without its dashboard.

    One CPU more than the workers take is for Ray Data's own tasks, which would wait for ever without it.
    """
    import ray

    ray.init(
        num_cpus=math.ceil(engine.workers[1] * engine.cpus) + 1, include_dashboard=False, log_to_driver=False,
        logging_level=logging.ERROR, object_store_memory=OBJECTS, _node_ip_address="127.0.0.1",
    )  # fmt: skip
