"""A row that cannot be read back, and names that are no UTF-8: no command leaves a sequence out in silence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from tests.makers.commands import call, fails

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

ANNOTATE = ("--tracker", "none", "--alignment-frames", "1", "--rounds", "0")


@pytest.fixture
def broken(tmp_path):
    """A dataset, a run on its three sequences, and the name of the one whose row was cut short."""
    root, run = tmp_path / "data", tmp_path / "run"
    name = render(root, count=3, frames=2, seed=4)[1]
    assert call("annotate", "lasot", root, "--out", run, *ANNOTATE).exit_code == 0
    path = Store(run).path(name)
    path.write_bytes(path.read_bytes()[:-30])
    return root, run, name


@pytest.mark.parametrize(
    "command",
    [
        ("show", "RUN", "NAME"),
        ("score", "RUN", "--out", "NEW"),
        ("compare", "RUN", "ROOT", "--out", "NEW"),
        ("export", "RUN", "--to", "NEW", "--layout", "lasot"),
        ("export", "RUN", "--to", "NEW", "--layout", "csv"),
        ("write-back", "RUN", "ROOT", "--to", "NEW"),
        ("push", "RUN", "user/name", "--dry-run"),
    ],
)
def test_a_damaged_row_is_named_and_nothing_is_written(broken, tmp_path, command, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # a push must not get that far
    monkeypatch.setenv("HF_TOKEN", "hf_notatoken")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    root, run, name = broken
    places = {"RUN": run, "ROOT": root, "NAME": name, "NEW": tmp_path / "new"}
    assert f"1 row cannot be read back ({name})" in fails(*(places.get(part, part) for part in command))
    assert [path for path in (tmp_path / "new").rglob("*") if path.is_file()] == []


def test_the_same_command_does_a_damaged_row_again(broken):
    root, run, name = broken
    assert call("annotate", "lasot", root, "--out", run, *ANNOTATE).exit_code == 0
    assert Store(run).load(name)["text"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_frame_whose_name_is_no_utf8_has_its_row_in_the_dataset(tmp_path):
    from datasets import load_dataset

    root, run = tmp_path / "data", tmp_path / "run"
    first, second = render(root, count=2, frames=2, seed=4)
    for name in sorted((root / first.rsplit("-", 1)[0] / first / "img").iterdir()):
        os.rename(name, os.fsencode(name.parent) + b"/caf\xe9" + os.fsencode(name.name))
    command = [sys.executable, "-m", "chatdesc", "annotate", "lasot", str(root), "--out", str(run), *ANNOTATE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = load_dataset(str(run / "dataset"), split="test", cache_dir=str(tmp_path / "cache"))
    by_name = {row["sequence"]: row for row in loaded}
    assert set(by_name) == {first, second}
    assert all("\\xe9" in path for path in by_name[first]["frames"]["paths"])
    assert any(problem.startswith("undecodable_name: ") for problem in by_name[first]["problems"])
    assert by_name[second]["problems"] == []


def test_a_text_that_looks_like_a_path_leaves_its_row_out_of_the_dataset_by_name(tmp_path):
    from datasets import load_dataset

    root, run = tmp_path / "data", tmp_path / "run"
    first, second = render(root, count=2, frames=2, seed=4)
    (root / first.rsplit("-", 1)[0] / first / "nlp.txt").write_text("/usr/bin/env")
    done = call("annotate", "lasot", root, "--out", run, *ANNOTATE)
    assert done.exit_code == 1
    assert (
        f"1 row is left out of the dataset ({first}): row {first}: .manual_text holds an absolute path" in done.output
    )
    assert load_dataset(str(run / "dataset"), split="test", cache_dir=str(tmp_path / "cache"))["sequence"] == [second]
    assert Store(run).load(first)["manual_text"] == "/usr/bin/env"
