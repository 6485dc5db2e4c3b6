"""One run on a Ray cluster: the rows of a local run, also where a worker is killed, and nothing done twice."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import chatdesc
from chatdesc.config import Resources, Settings
from chatdesc.engine.budget import Account, Ledger
from chatdesc.engine.handover import Finished, Handover
from chatdesc.engine.ray_workers import RayEngine, Worker, _own_folder, _results, annotate_with, job_of, task_count
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows import evidence
from chatdesc.rows.schema import empty_row
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.commands import fails
from tests.standins.openai_server import Reply, completion, quick_and_with_key, serving

COUNT = 6
QUICK = {"tracker": "none", "alignment_frames": 1, "rounds": 0, "sequences_in_flight": 2}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("ray") / "data"
    render(root, count=COUNT, frames=3, seed=8)
    return root


@pytest.fixture(scope="module")
def local(data) -> Path:
    return chatdesc.annotate("synthetic", data, data.parent / "local", **QUICK).out


def rows_of(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((out / "rows").iterdir())}


def run_of(data: Path, out: Path, **changes) -> Run:
    settings = {k: v for k, v in QUICK.items() if k != "sequences_in_flight"}
    return Run.create(load("synthetic", data), out, Settings(**settings), Resources(sequences_in_flight=2, **changes))


@pytest.mark.slow
def test_a_cluster_gives_the_dataset_of_this_machine_though_a_worker_is_killed(data, local, tmp_path):
    if find_spec("ray") is None:  # importing it here would start it without its token
        pytest.skip("Ray is not installed: the extra ray")
    psutil = pytest.importorskip("psutil")
    killed: list[int] = []

    def kill_a_worker(done: int, total: int, note: str) -> None:
        if done and not killed:
            found = [p for p in psutil.Process().children(recursive=True) if "MapWorker" in " ".join(p.cmdline())]
            killed.append(found[0].pid)
            found[0].kill()

    engine = RayEngine(workers=(2, 2), cpus=0.5)
    result = chatdesc.annotate("synthetic", data, tmp_path / "run", engine=engine, progress=kill_a_worker, **QUICK)
    assert killed
    assert rows_of(result.out) == rows_of(local)
    parquet = sorted((local / "dataset").rglob("*.parquet"))
    assert parquet
    for file in parquet:
        assert (result.dataset / file.relative_to(local / "dataset")).read_bytes() == file.read_bytes()


def test_a_worker_yields_rows_in_the_order_of_its_task(data, local, tmp_path):
    run = run_of(data, tmp_path / "run")
    names = list(reversed(run.dataset.names))
    found = list(Worker(job_of(run, RayEngine(), names))({"id": [3, 0, 2]}))
    assert [item["number"] for item in found] == [[3], [0], [2]]
    assert [json.loads(item["row"][0])["sequence"] for item in found] == [names[3], names[0], names[2]]
    rows = [json.loads(item["row"][0]) | {"audit": None} for item in found]  # the audit looks at all rows together
    assert rows == [Store(local).load(names[number]) | {"audit": None} for number in (3, 0, 2)]


def test_what_a_worker_used_comes_with_its_rows(data, tmp_path, monkeypatch):
    quick_and_with_key(monkeypatch)
    with serving(lambda body, n: Reply(completion('{"target": "small thing"}'))) as server:
        run = run_of(data, tmp_path / "run", base_url=server.url)
        run = Run.create(run.dataset, run.out, replace(run.settings, describer="openai:kite-vl"), run.resources)
        found = list(Worker(job_of(run, RayEngine(), run.dataset.names))({"id": [0, 1, 2]}))
        used = [Account(**json.loads(item["used"][0])) for item in found]
        assert sum(used, Account()).prompt_tokens == 100 * len(server.chats) == 300

        def rows(*_: object) -> Iterator[dict[str, Any]]:
            return ({name: values[0] for name, values in item.items()} for item in found)

        ledger = Ledger(tmp_path)
        monkeypatch.setattr("chatdesc.engine.ray_workers._blocks", rows)
        assert [one.name for one in _results(RayEngine(), run, run.dataset.names, ledger)] == list(
            run.dataset.names[:3]
        )
        assert ledger.used.prompt_tokens == 300


def test_a_row_that_a_killed_worker_left_is_not_made_again(data, tmp_path):
    run, url = run_of(data, tmp_path / "run"), f"memory://{tmp_path.name}-again"
    names, there = list(run.dataset.names), Handover(url)
    whole = empty_row() | {"sequence": names[1], "text": "left by another", "dataset": "synthetic"}
    there.put(Finished(names[1], whole))
    there.put(Finished(names[2], empty_row() | {"sequence": names[2]}))  # without a text: failed
    rows = [json.loads(item["row"][0]) for item in Worker(job_of(run, RayEngine(store=url), names))({"id": [1, 2]})]
    assert rows[0]["text"] == "left by another"
    assert rows[1]["text"]
    assert there.take(names[2]).row == rows[1]


def test_rows_left_in_the_store_are_taken_up_before_any_worker_is_started(data, local, tmp_path, monkeypatch):
    run, url = run_of(data, tmp_path / "run"), f"memory://{tmp_path.name}-all"
    there = Handover(url)
    there.open(run.config())
    for name in run.dataset.names:
        there.put(Finished(name, Store(local).load(name)))
    monkeypatch.setattr("chatdesc.engine.ray_workers._cluster", lambda engine: pytest.fail("a cluster was started"))
    seen = []
    with Store.open(run.out, run.config()) as store:
        annotate_with(RayEngine(store=url), run, store, lambda row: seen.append(row["sequence"]))
    assert seen == list(run.dataset.names)
    assert rows_of(run.out) == rows_of(local)


def test_the_folder_of_a_killed_worker_is_removed_and_that_of_one_at_work_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, fresh = tmp_path / "chatdesc-worker-killed", tmp_path / "chatdesc-worker-fresh"
    for left in (killed, fresh):
        (left / "rows").mkdir(parents=True)
    os.utime(killed, (0, 0))
    with _own_folder() as mine:
        assert not killed.exists() and fresh.exists()
        os.utime(mine, (0, 0))
        with _own_folder() as other:
            assert mine.exists() and other.parent == mine.parent
    assert list(tmp_path.iterdir()) == [fresh]


@pytest.mark.timeout(60)
def test_a_folder_that_another_user_made_is_left_alone(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    theirs = tmp_path / "chatdesc-worker-theirs"
    theirs.mkdir()
    os.symlink(tmp_path / "mine", theirs / ".lock")
    os.utime(theirs, (0, 0))
    monkeypatch.setattr("os.getuid", lambda: os.stat(tmp_path).st_uid + 1)
    with _own_folder():
        assert theirs.exists() and not (tmp_path / "mine").exists()


def test_where_nothing_can_be_locked_no_folder_is_removed(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with _own_folder() as mine:
        os.utime(mine, (0, 0))
        with _own_folder():
            assert mine.exists()


def test_evidence_comes_with_its_row(data, tmp_path):
    run = run_of(data, tmp_path / "run")
    settings = replace(run.settings, tracker="kcf", ground_every=1)
    run = Run.create(run.dataset, run.out, settings, replace(run.resources, record_evidence=True))
    url, name = f"memory://{tmp_path.name}-seen", run.dataset.names[0]
    found = list(Worker(job_of(run, RayEngine(store=url), [name]))({"id": [0]}))
    assert found[0]["evidence"][0] == Handover(url).take(name, with_evidence=True).evidence
    with Store.open(run.out, run.config()) as store:
        there = Handover(url)
        there.open(run.config())
        only = replace(run, dataset=load("synthetic", data, sequences=[name]))
        annotate_with(RayEngine(store=url), only, store, lambda row: None)
    assert evidence.place_of(run.out, name).read_bytes() == found[0]["evidence"][0]
    assert next(iter(evidence.evidence_of(run.out, [name])))[1]


def test_a_worker_with_other_models_or_without_the_data_says_so(data, tmp_path):
    run = run_of(data, tmp_path / "run")
    job = job_of(run, RayEngine(), run.dataset.names)
    other = job | {"config": job["config"] | {"chatdesc": "0.0.1"}}
    [said] = Worker(other)({"id": [0]})
    assert "chatdesc: was '0.0.1'" in said["error"][0]
    [said] = Worker(job | {"data": job["data"] | {"root": str(data / "nowhere")}})({"id": [0]})
    assert "nowhere" in said["error"][0]


def test_the_first_failed_row_ends_a_strict_run(data, tmp_path, monkeypatch):
    run, url = run_of(data, tmp_path / "run"), f"memory://{tmp_path.name}-strict"
    name = run.dataset.names[0]
    row = empty_row() | {"sequence": name, "status": "grounding_failed", "problems": ["no grounder"]}
    monkeypatch.setattr("chatdesc.engine.ray_workers._cluster", lambda engine: nullcontext())
    monkeypatch.setattr("chatdesc.engine.ray_workers._results", lambda *_: iter([Finished(name, row)]))
    monkeypatch.setattr("chatdesc.engine.ray_workers._installed", lambda: None)
    with Store.open(run.out, run.config()) as store:
        with pytest.raises(ChatdescError, match="no grounder"):
            annotate_with(RayEngine(store=url), replace(run, strict=True), store, lambda row: None)
        with pytest.raises(ChatdescError, match=r"no row came back for .*the same command goes on"):
            annotate_with(RayEngine(), run, store, lambda row: None)


def test_tasks_are_several_per_worker_and_no_larger_than_needed():
    assert task_count(5, workers=8, in_flight=8) == 5
    assert task_count(64, workers=2, in_flight=8) == 8
    assert task_count(3200, workers=2, in_flight=8) == 100


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--engine", "slurm"], "--engine is local or ray"),
        (["--workers", "2"], "are for --engine ray"),
        (["--engine", "ray", "--workers", "8:2"], "the fewest and the most"),
        (["--engine", "ray", "--workers", "x"], "--workers is N or MIN:MAX"),
        (["--engine", "ray", "--worker-gpus", "1.5"], "whole devices"),
        (["--engine", "ray", "--worker-cpus", "0"], "above 0"),
        (["--engine", "ray", "--budget", "hours=1"], "without --engine"),
        (["--engine", "ray", "--devices", "0,1"], "--worker-gpus"),
        (["--engine", "ray", "--store", "nosuch://x"], "nosuch"),
    ],
)
def test_options_that_cannot_be(data, tmp_path, options, said):
    assert said in fails("annotate", "synthetic", data, "--out", tmp_path / "run", "--tracker", "none", *options)


def test_without_ray_the_error_says_what_to_install(data, tmp_path, monkeypatch):
    monkeypatch.setattr("chatdesc.engine.ray_workers.find_spec", lambda name: None)
    with pytest.raises(ChatdescError, match=r"chatdesc\[ray\]"):
        chatdesc.annotate("synthetic", data, tmp_path / "run", engine=RayEngine(), **QUICK)


def test_a_store_of_another_run_and_one_that_cannot_be_written_are_refused(tmp_path):
    there = Handover(f"memory://{tmp_path.name}-other")
    there.open({"settings": {"seed": 0}})
    there.open({"settings": {"seed": 0}})
    with pytest.raises(ChatdescError, match=r"settings\.seed: was 0, now 1"):
        there.open({"settings": {"seed": 1}})
    (tmp_path / "file").write_text("")
    with pytest.raises(ChatdescError, match="--store"):
        Handover(str(tmp_path / "file")).open({})


def test_half_a_row_counts_as_none(tmp_path):
    there = Handover(str(tmp_path))
    there.put(Finished("a/b", empty_row() | {"sequence": "a/b"}, b"seen"))
    assert there.take("a/b", with_evidence=True).evidence == b"seen"
    assert there.present(["c", "a/b"]) == ["a/b"]
    [file] = (tmp_path / "rows").iterdir()
    file.write_bytes(file.read_bytes()[:50])
    assert there.take("a/b") is None
    file.write_text(json.dumps(empty_row() | {"sequence": "c"}))
    assert there.take("a/b") is None
