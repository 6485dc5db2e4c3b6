"""``--record-evidence``: a finished row has its evidence, on several devices and after a kill; rows stay the same."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from chatdesc.config import Resources, Settings
from chatdesc.engine.run import Run
from chatdesc.loaders import load
from chatdesc.rows.evidence import FOLDER, evidence_of, place_of
from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.makers.commands import call, fails
from tests.makers.forked import killed_after_a_row

OPTIONS = ("--tracker", "kcf", "--ground-every", "2", "--rounds", "1", "--alignment-frames", "1")
RECORD = (*OPTIONS, "--record-evidence")
COUNT = 4


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("recording") / "data"
    render(root, count=COUNT, frames=5, seed=11)
    return root


@pytest.fixture(scope="module")
def recorded(data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("recorded") / "run"
    done = call("annotate", "synthetic", data, "--out", out, *RECORD)
    assert done.exit_code == 0 and "evidence:" not in done.output, done.output
    return out


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_row_has_the_evidence_of_its_key_frames(recorded, data):
    rows = list(Store(recorded).rows(load("synthetic", data).names))
    found = dict(evidence_of(recorded, [row["sequence"] for row in rows]))
    assert len(found) == COUNT
    for row in rows:
        seen, track = found[row["sequence"]], row["tracking"]
        assert [s.frame for s in seen] == track["key_frames"] and len(seen) >= 2
        assert [s.frame for s in seen if s.choice.index is None] == track["none_frames"]
        for s in seen:
            assert s.evidence.truth.tolist() == pytest.approx(row["boxes"][s.frame])
    assert {p.name for p in (recorded / FOLDER).iterdir()} == {place_of(recorded, name).name for name in found}


def test_recording_changes_neither_rows_nor_the_dataset(recorded, data, tmp_path):
    without = tmp_path / "run"
    assert call("annotate", "synthetic", data, "--out", without, *OPTIONS).exit_code == 0
    for part in ("rows", "dataset"):
        assert files(recorded / part) == files(without / part)
    assert (recorded / "run.json").read_bytes() == (without / "run.json").read_bytes()
    assert not (without / FOLDER).exists()
    for run, to in ((recorded, "a"), (without, "b")):
        assert call("export", run, "--to", tmp_path / to, "--layout", "json").exit_code == 0
    assert files(tmp_path / "a") == files(tmp_path / "b") != {}


def test_on_two_devices_the_same_is_recorded(recorded, data, tmp_path):
    out = tmp_path / "run"
    done = call("annotate", "synthetic", data, "--out", out, *RECORD, "--devices", "cpu,cpu")
    assert done.exit_code == 0, done.output
    assert files(out / FOLDER) == files(recorded / FOLDER)


def test_rows_that_were_finished_without_it_are_named_with_a_remedy_that_works(recorded, data, tmp_path):
    out = tmp_path / "run"
    assert call("annotate", "synthetic", data, "--out", out, *OPTIONS, "--limit", "2").exit_code == 0
    again = call("annotate", "synthetic", data, "--out", out, *RECORD)
    names = load("synthetic", data).names[:2]
    assert f"evidence: 2 sequences were finished without --record-evidence: {', '.join(names)}; remove" in again.output
    for name in names:
        Store(out).path(name).unlink()
    last = call("annotate", "synthetic", data, "--out", out, *RECORD)
    assert last.exit_code == 0 and "evidence:" not in last.output
    assert files(out / FOLDER) == files(recorded / FOLDER)


def test_evidence_does_not_outlive_its_row(recorded, data, tmp_path):
    """A row that is made anew without recording may be that of other data."""
    out = tmp_path / "run"
    assert call("annotate", "synthetic", data, "--out", out, *RECORD, "--limit", "2").exit_code == 0
    first, second = load("synthetic", data).names[:2]
    Store(out).path(first).unlink()
    assert call("annotate", "synthetic", data, "--out", out, *OPTIONS, "--limit", "2").exit_code == 0
    assert [name for name, _ in evidence_of(out, [first, second])] == [second]


def test_a_kill_at_any_moment_leaves_no_row_without_its_evidence(recorded, data, tmp_path):
    out, moments, kills = tmp_path / "run", random.Random(7), 0
    command = ("annotate", "synthetic", data, "--out", out, *RECORD, "--sequences-in-flight", "2")
    for _ in range(3):
        kills += killed_after_a_row(out, 0.2 * moments.random(), *command)
        names = Store(out).names()
        assert [name for name, _ in evidence_of(out, names)] == names
    assert kills >= 2, "every run ended before it could be killed"
    (out / FOLDER / f".{os.uname().nodename}-999999999-0.tmp").write_bytes(b"half of a file")
    assert call(*command).exit_code == 0
    assert files(out / FOLDER) == files(recorded / FOLDER)


def test_the_evidence_is_there_before_its_row(data, tmp_path, monkeypatch):
    save, saved = Store.save, []

    def check(store, row):
        assert place_of(store.root, row["sequence"]).is_file() and not store.path(row["sequence"]).exists()
        saved.append(row["sequence"])
        save(store, row)

    monkeypatch.setattr(Store, "save", check)
    assert call("annotate", "synthetic", data, "--out", tmp_path / "run", *RECORD, "--limit", "2").exit_code == 0
    assert len(saved) == 2


def test_a_full_disk_stops_the_run_before_the_row(data, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("chatdesc.rows.evidence.write_atomic", full)
    done = call("annotate", "synthetic", data, "--out", tmp_path / "run", *RECORD, "--limit", "1")
    assert isinstance(done.exception, OSError) and Store(tmp_path / "run").names() == []


def test_without_a_tracker_there_is_nothing_to_record(data, tmp_path):
    given = ("annotate", "synthetic", data, "--out", tmp_path / "run", "--record-evidence", "--tracker", "none")
    assert fails(*given).startswith("--record-evidence: of no use with --tracker none")


def test_a_row_that_failed_has_no_evidence(data, tmp_path):
    shutil.copytree(data, tmp_path / "data")
    name = load("synthetic", data).names[0]
    next((tmp_path / "data").rglob(f"{name}/img/00000004.jpg")).write_bytes(b"no picture")
    out = tmp_path / "run"
    place_of(out, name).parent.mkdir(parents=True)
    place_of(out, name).write_bytes(b"of an earlier row")
    data = load("synthetic", tmp_path / "data", sequences=[name])
    run = Run.create(data, out, Settings(tracker="kcf"), Resources(record_evidence=True))
    (out / "run.json").write_text(json.dumps(run.config()))
    with Store.open(run.out, run.config()) as store:
        run.annotate(store)
        assert store.load(name)["status"] == "corrupt_frame"
        assert not place_of(out, name).exists() and run.without_evidence(store) == []


def test_what_a_killed_run_left_goes_where_nothing_else_is_to_do(recorded, data, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(recorded, out)
    (out / FOLDER / f".{os.uname().nodename}-999999999-0.tmp").write_bytes(b"half of a file")
    assert call("annotate", "synthetic", data, "--out", out, *RECORD).exit_code == 0
    assert files(out / FOLDER) == files(recorded / FOLDER)
