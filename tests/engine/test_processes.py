"""Several processes on one run folder: nothing twice, nothing lost, nobody left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from pathlib import Path

import pytest

from chatdesc.config import Settings
from chatdesc.engine.budget import Account, Budget, Ledger, keep
from chatdesc.engine.processes import Claims, _killed_by, annotate_on, pending
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.commands import call

QUICK = Settings(tracker="none", alignment_frames=1, rounds=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fleet") / "data"
    render(root, count=3, frames=2, seed=8)
    return root


def run_of(data: Path, out: Path, settings: Settings = QUICK) -> Run:
    return Run.create(load("synthetic", data), out, settings)


def test_two_processes_do_each_sequence_once(data, tmp_path):
    run = run_of(data, tmp_path / "two")
    seen: list[str] = []
    with Store.open(run.out, run.config()) as store:
        annotate_on(("cpu", "cpu"), run, store, lambda row: seen.append(row["sequence"]))
        together = list(run.rows(store))
    assert sorted(seen) == sorted(run.dataset.names)
    alone = run_of(data, tmp_path / "one")
    with Store.open(alone.out, alone.config()) as store:
        alone.annotate(store)
        assert together == list(alone.rows(store))
    assert not (run.out / "claims").exists()


def test_a_claim_is_given_once(tmp_path):
    claims = [Claims(Store(tmp_path)), Claims(Store(tmp_path))]
    assert [c.take("a/b") for c in claims] == [True, False]
    claims[0].clear()
    assert claims[1].take("a/b")


def test_a_worker_that_fails_is_reported_and_the_rest_is_kept(data, tmp_path, monkeypatch):
    run = run_of(data, tmp_path / "run")
    root = run.dataset.arguments["root"]
    run.dataset.arguments["root"] = str(data / "nowhere")
    with Store.open(run.out, run.config()) as store, pytest.raises(ChatdescError, match="nowhere"):
        annotate_on(("cpu", "cpu"), run, store, lambda row: None)
    run.dataset.arguments["root"] = root
    with Store.open(run.out, run.config()) as store:
        annotate_on(("cpu",), run, store, lambda row: None)
        assert len(list(run.rows(store))) == len(run.dataset.names)


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to see processes")
def test_workers_do_not_outlive_a_killed_parent(data, tmp_path):
    command = [
        sys.executable,
        "-m",
        "chatdesc.cli.main",
        "annotate",
        "synthetic",
        str(data),
        "--out",
        str(tmp_path / "run"),
    ]
    flags = ["--tracker", "none", "--alignment-frames", "1", "--devices", "cpu,cpu"]
    parent = subprocess.Popen([*command, *flags], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    workers: list[int] = []
    while len(workers) < 2 and time.monotonic() < deadline:
        workers = children(parent.pid)
        time.sleep(0.05)
    assert len(workers) == 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    while any(alive(w) for w in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(w) for w in workers)
    done = subprocess.run([*command, *flags], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(p.read_text()) for p in (tmp_path / "run" / "rows").glob("*.json")]
    assert sorted(r["sequence"] for r in rows) == sorted(load("synthetic", data).names)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


NOISY = """
import os, subprocess, sys
from chatdesc.backends.attributes import AttributesDescriber
class Noisy(AttributesDescriber):
    name = "noisy"
    def describe(self, requests):
        print("loading the weights")
        os.write(1, b'"not-1"\\n')
        subprocess.run([sys.executable, "-S", "-c", "print(1)"], check=True)
        return ['{"target": "a thing", "background": []}' for _ in requests]
"""


@pytest.fixture
def noisy(tmp_path, monkeypatch):
    """An installed package with a describer that prints, also past Python and from a child."""
    home = tmp_path / "site"
    (home / "noisy-1.dist-info").mkdir(parents=True)
    (home / "noisy.py").write_text(NOISY)
    (home / "noisy-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: noisy\nVersion: 1\n")
    (home / "noisy-1.dist-info" / "entry_points.txt").write_text("[chatdesc.backends]\ndescriber.noisy = noisy:Noisy\n")
    monkeypatch.syspath_prepend(home)
    paths = [str(home), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))


def test_what_a_model_prints_does_not_disturb_the_run(data, tmp_path, noisy):
    run = run_of(data, tmp_path / "run", replace(QUICK, describer="noisy"))
    seen: list[str] = []
    with Store.open(run.out, run.config()) as store:
        annotate_on(("cpu", "cpu"), run, store, lambda row: seen.append(row["sequence"]))
    assert sorted(seen) == sorted(run.dataset.names)


def test_a_worker_that_the_machine_refuses_something_ends_with_that_message_and_its_exit_code(data, tmp_path):
    out = tmp_path / "run"
    annotate = ("annotate", "synthetic", data, "--out", out, "--tracker", "none", "--alignment-frames", "1")
    assert call(*annotate, "--limit", "1").exit_code == 0
    (out / "claims").write_text("")  # where a folder belongs
    command = [sys.executable, "-m", "chatdesc", *map(str, annotate), "--devices", "cpu,cpu"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    assert re.search(r"a worker ended early.*\ncpu: chatdesc: .*claims", done.stderr)


def test_a_killed_worker_is_a_fault_of_the_machine(data, tmp_path, monkeypatch):
    run = run_of(data, tmp_path / "run")
    monkeypatch.setattr("chatdesc.engine.processes._drive", lambda *_: (-signal.SIGKILL, _killed_by(signal.SIGKILL)))
    with Store.open(run.out, run.config()) as store, pytest.raises(OSError, match=r"killed by signal 9.*memory"):
        annotate_on(("cpu",), run, store, lambda row: None)


def test_no_worker_is_started_for_a_budget_that_is_used_up(data, tmp_path, monkeypatch):
    run = run_of(data, tmp_path / "run")
    monkeypatch.setattr("chatdesc.engine.processes._drive", lambda *_: pytest.fail("a worker was started"))
    with Store.open(run.out, run.config()) as store:
        keep(run.out, Account(requests=2))
        ledger = Ledger(run.out, budget=Budget(requests=2))
        annotate_on(("cpu", "cpu"), run, store, lambda row: None, ledger)
    assert ledger.reached == "requests=2"


@pytest.mark.parametrize(("limit", "begun", "reached"), [(2, 2, "requests=2"), (3, 3, None), (4, 3, None)])
def test_a_budget_that_the_last_sequence_uses_up_stops_nothing(limit, begun, reached, data, tmp_path, monkeypatch):
    run, names = run_of(data, tmp_path / "run"), []

    def drive(device, run, on_name):
        for name in pending(run, Store(run.out)):
            names.append(name)
            on_name(name, Account(requests=1))
        return 0, ""

    monkeypatch.setattr("chatdesc.engine.processes._drive", drive)
    with Store.open(run.out, run.config()) as store:
        ledger = Ledger(run.out, budget=Budget(requests=limit))
        annotate_on(("cpu",), run, store, lambda row: None, ledger)
    assert (len(names), ledger.reached) == (begun, reached)


def test_the_parent_holds_no_model_while_the_workers_work(data, tmp_path, monkeypatch):
    run = run_of(data, tmp_path / "run")
    before = {id(run.models.grounder), id(run.models.describer)}
    loaded = [weakref.ref(run.models.grounder)]
    held: list[object] = []

    def drive(*_: object) -> tuple[int, str]:
        held.extend(ref() for ref in loaded)
        return 0, ""

    monkeypatch.setattr("chatdesc.engine.processes._drive", drive)
    with Store.open(run.out, run.config()) as store:
        annotate_on(("cpu", "cpu"), run, store, lambda row: None)
    assert held == [None, None] and len(before) == 2
    assert run.models.grounder is not None
