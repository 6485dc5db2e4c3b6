"""A workspace in which the snippets of the documentation find the files that they name, and a stand-in Hub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from chatdesc.decisions.decision import decision
from chatdesc.decisions.journal import Journal
from chatdesc.synthetic import render
from tests.docs.snippets import ROOT
from tests.makers.datasets import box_lines, got10k, put, trackingnet, zipped
from tests.makers.recorded import recorded_run
from tests.makers.reviews import answered
from tests.standins.hub import Hub, User

TOKEN = "hf_users-own-token"
FRAMES = 4
RUN = re.compile(r"runs/([\w-]+)")
SOURCES = {"lasot": ("lasot", "LaSOT"), "tnl2k": ("tnl2k", "TNL2K"), "otb": ("otb-lang", "OTB_sentences")}

Ask = Callable[..., dict]


def pytest_collection_modifyitems(items):
    if not (ROOT / "docs").is_dir():
        skip = pytest.mark.skip(reason="no documentation beside these tests: a wheel is under test")
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(skip)


def lay_out(data: Path) -> None:
    """Two short synthetic sequences in the layouts of LaSOT, TNL2K, OTB-lang and OTB-100, with results of trackers."""
    render(data.parent / "scenes", count=2, frames=FRAMES, seed=2)
    scenes = sorted(p.parent for p in (data.parent / "scenes").rglob("groundtruth.txt"))
    lasot = data / "LaSOT"
    for scene, name in zip(scenes, ("airplane-1", "airplane-15"), strict=True):
        shutil.copytree(scene, lasot / "airplane" / name)
        (lasot / "airplane" / name / "att.toolkit.txt").write_text(",".join("10000000000000"))
    (lasot / "testing_set.txt").write_text("airplane-1\nairplane-15\n")
    shutil.copytree(lasot / "airplane" / "airplane-1", lasot / "bus" / "bus-2")
    (lasot / "training_set.txt").write_text("bus-2\n")
    for scene, folder in zip(scenes, ("train_subset/Cat_1", "test_subset/Dog_2"), strict=True):
        place = data / "TNL2K" / f"TNL2K_{folder}"
        shutil.copytree(scene / "img", place / "imgs")
        shutil.copy(scene / "groundtruth.txt", place)
        shutil.copy(scene / "nlp.txt", place / "language.txt")
    for top in (data / "OTB_sentences" / "OTB_videos", data / "OTB100"):
        shutil.copytree(scenes[0] / "img", top / "Biker" / "img")
        shutil.copy(scenes[0] / "groundtruth.txt", top / "Biker" / "groundtruth_rect.txt")
    queries = data / "OTB_sentences" / "OTB_query_test"
    queries.mkdir()
    shutil.copy(scenes[0] / "nlp.txt", queries / "Biker.txt")
    shutil.rmtree(data.parent / "scenes")


def add_results(folder: Path) -> None:
    """Ground truth as the results of every tracker that a snippet names."""
    truths = {p.parent.name: p for p in (folder / "data").rglob("groundtruth.txt")}
    truths["Biker"] = folder / "data/OTB100/Biker/groundtruth_rect.txt"
    names = ("results/mine", "results/other", "results/KCF", "archive/a", "archive/b")
    for place in (*names, "KCF", "SRDCF", "JointNLT/a", "JointNLT/b", "OSTrack"):
        (folder / place).mkdir(parents=True)
        for name, truth in truths.items():
            shutil.copy(truth, folder / place / f"{name}.txt")
    (folder / "annos").mkdir()
    shutil.copy(truths["Biker"], folder / "annos/Biker.txt")
    for packed in ("results/other", "SRDCF"):
        with zipfile.ZipFile(folder / f"{packed}.zip", "w") as archive:
            for file in (folder / packed).iterdir():
                archive.write(file, file.name)


def add_submissions(folder: Path) -> None:
    """Test sets with first boxes alone, and results for their servers."""
    trackingnet(folder / "data/TrackingNet", {"TEST/a_0": FRAMES})
    got10k(folder / "data/GOT-10k", {"test/GOT-10k_Test_000001": FRAMES})
    for place in ("trackingnet/a_0", "got10k/GOT-10k_Test_000001"):
        put(folder / "results" / f"{place}.txt", box_lines(FRAMES))
    put(folder / "results/got10k/GOT-10k_Test_000001_time.txt", "0.1\n" * FRAMES)
    zipped(folder / "results/trackingnet", folder / "theirs.zip")


@pytest.fixture(scope="session")
def hub():
    with Hub({TOKEN: User("user")}) as served:
        yield served


@pytest.fixture(scope="session")
def ask(hub, tmp_path_factory) -> Ask:
    """``ask(folder, command=[...])`` or ``ask(folder, python=code)``: what was printed, and the exit code."""
    home = tmp_path_factory.mktemp("home")
    ours = {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0", "HF_TOKEN": TOKEN}
    ours |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    ours |= {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **ours},
    )

    def ask(folder: Path, **what: object) -> dict:
        process.stdin.write(json.dumps({"folder": str(folder), **what}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    process.stdin.close()
    process.wait(timeout=30)


@pytest.fixture(scope="session")
def base(ask, tmp_path_factory) -> Path:
    """Data, results, and one run per dataset under ``base/``; the LaSOT run is compared, and on the stand-in Hub."""
    folder = tmp_path_factory.mktemp("docs")
    lay_out(folder / "data")
    for name in ("mine", "DTVLT"):
        said = dict.fromkeys(("Biker", "airplane-1", "airplane-15", "bus-2"), "a red thing")
        put(folder / f"{name}.json", json.dumps(said))
    add_results(folder)
    add_submissions(folder)
    for kind, (dataset, place) in SOURCES.items():
        command = ["annotate", dataset, str(folder / "data" / place), "--out", f"base/{kind}"]
        split = ["--split", "test"] if kind == "lasot" else []
        done = ask(folder, command=[*command, *split, "--rounds", "1", "--ground-every", "2", "--include-frames"])
        assert done["code"] == 0, done
    recorded_run(folder / "base/lasot-train", count=4)
    answered(json.loads(next((folder / "base/otb/rows").iterdir()).read_text(encoding="utf-8")), folder)
    for command in (
        ["compare", "base/lasot", str(folder / "data/LaSOT")],
        ["push", "base/lasot", "user/lasot-chatdesc", "--private"],
        ["train-verifier", "base/lasot-train", "--out", "base/verifier", "--epochs", "1"],
    ):
        done = ask(folder, command=command)
        assert done["code"] == 0, done
    return folder


@pytest.fixture
def workspace(base, tmp_path) -> Path:
    """A copy of the base for one snippet, which may change everything in it."""
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    return tmp_path


def add_runs(workspace: Path, text: str) -> None:
    """The runs that a snippet reads: each is a copy of the base run of its dataset, or of the one with evidence.

    For ``apply`` and ``agreement`` two reviewers have decided about one row of each.
    """
    for name in set(RUN.findall(text)):
        kind = next(kind for kind in SOURCES if name.startswith(kind))
        kind = "lasot-train" if name.endswith("-train") else kind
        run = workspace / "runs" / name
        shutil.copytree(workspace / "base" / kind, run, dirs_exist_ok=True)
        if re.search("apply|agreement", text):
            of = json.loads(next((run / "rows").iterdir()).read_text(encoding="utf-8"))
            about = {"id": "a", "dataset": of["dataset"], "split": of["split"], "sequence": of["sequence"]}
            for reviewer in ("ada", "bob"):
                made = decision(about | {"verdict": "edit", "text": f"the one that {reviewer} sees"})
                Journal(run / "review", reviewer).add([made])
