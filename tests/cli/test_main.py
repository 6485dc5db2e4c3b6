"""Commands as a user types them: what they print, what they write, how they fail."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatdesc.synthetic import render
from tests.makers.commands import typed as chatdesc

QUICK = ["--tracker", "none", "--alignment-frames", "1", "--rounds", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("cli") / "data"
    render(root, count=3, frames=4, seed=2)
    return root


@pytest.fixture(scope="module")
def run(data) -> Path:
    out = data.parent / "run"
    done = chatdesc("annotate", "lasot", data, "--out", out, *QUICK)
    assert done.returncode == 0, done.stderr
    return out


def test_annotate_ends_with_a_line_that_loads_the_result(data, run):
    from datasets import load_dataset

    done = chatdesc("annotate", "lasot", data, "--out", run, *QUICK)
    assert done.returncode == 0
    assert "3 of 3 sequences are finished already" in done.stdout
    line = done.stdout.strip().splitlines()[-1]
    assert line.startswith("Load it:  datasets.load_dataset(")
    loaded = eval(line.partition("datasets.")[2], {"load_dataset": load_dataset})
    assert loaded.num_rows == 3
    assert loaded[0]["status"] == "ok"


def test_demo_shows_before_and_after(tmp_path):
    done = chatdesc("demo", "--count", 2, "--frames", 3, "--out", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    for word in ("manual text", "IoU", "margin", "alignment", "grounding IoU, round 0", "load_dataset("):
        assert word in done.stdout


def test_markup_in_places_and_texts_is_shown_and_no_command(data, tmp_path):
    out, scores = tmp_path / "run[/]", tmp_path / "scores[/INST]"
    render(tmp_path / "data[red]", count=2, frames=2, seed=4)
    for text in (tmp_path / "data[red]").rglob("nlp.txt"):
        text.write_text("the player [/INST] in [blue]\x1b]0;owned\x07\x1b[2J\u202e")
    done = chatdesc("annotate", "lasot", tmp_path / "data[red]", "--out", out, *QUICK)
    assert done.returncode == 0, done.stderr
    assert f'load_dataset("{out / "dataset"}"' in done.stdout.replace("\n", "")
    shown = chatdesc("show", out, load_names(out)[0])
    assert "[/INST] in [blue]" in shown.stdout
    scored = chatdesc("score", out, "--out", scores)
    refused = chatdesc("show", out, "kite\x1b[2J")
    assert refused.returncode == 2
    for command in (done, shown, scored, refused):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(command.stdout + command.stderr)
    assert (scored.returncode, scored.stderr) == (0, "")
    assert f"written: {scores / 'alignment.csv'}" in scored.stdout


def load_names(run):
    return sorted(json.loads(file.read_text())["sequence"] for file in (run / "rows").glob("*.json"))


def test_dry_run_counts_and_writes_nothing(data, tmp_path):
    done = chatdesc("annotate", "lasot", data, "--out", tmp_path / "run", "--dry-run", "--rounds", 3)
    assert done.returncode == 0, done.stderr
    for line in (
        "sequences to do",
        "frames to decode",
        "describer calls",
        "grounder calls",
        "encoder calls",
        "estimated",
    ):
        assert line in done.stdout
    assert "12" in next(li for li in done.stdout.splitlines() if "describer calls" in li)
    assert not (tmp_path / "run").exists()


def test_score_of_a_run_and_of_a_dataset(data, run, tmp_path):
    done = chatdesc("score", run)
    assert done.returncode == 0, done.stderr
    table = list(csv.DictReader((run / "alignment.csv").open()))
    assert [row["measure"] for row in table] == ["cosine", "margin"]
    assert float(table[0]["refined"]) > 0
    assert (run / "alignment.md").read_text().startswith("| dataset | encoder |")
    assert (run / "text_statistics.md").read_text().splitlines()[2].startswith("| lasot | length | words |")
    assert "names a colour" in done.stdout
    plain = chatdesc("score", "lasot", data, "--alignment-frames", 1, "--out", tmp_path)
    assert plain.returncode == 0, plain.stderr
    again = list(csv.DictReader((tmp_path / "alignment.csv").open()))
    assert float(again[0]["manual"]) == pytest.approx(float(table[0]["manual"]), abs=1e-6)
    assert again[0]["refined"] == ""


def test_write_back_and_read_again(data, run, tmp_path):
    import chatdesc as package

    done = chatdesc("write-back", run, data, "--to", tmp_path / "new", "--with-annotations")
    assert done.returncode == 0, done.stderr
    rows = {p.stem: json.loads(p.read_text()) for p in (run / "rows").glob("*.json")}
    for sequence in package.load("lasot", tmp_path / "new"):
        assert sequence.manual_text == rows[sequence.name]["text"]
    assert "either --to" in chatdesc("write-back", run, data).stderr


class TestWrongInput:
    """Exit code 2 and one message that says what to do; never a traceback."""

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (["annotate", "lasott", "/tmp", "--out", "x"], "lasot"),
            (["annotate", "lasot", "/no/such/folder", "--out", "x"], "/no/such/folder"),
            (["annotate", "lasot", "DATA", "--out", "x", "--grounder", "atributes"], "did you mean attributes"),
            (["annotate", "lasot", "DATA", "--out", "x", "--tracker", "crst"], "csrt"),
            (["annotate", "lasot", "DATA", "--out", "x", "--preset", "offlin"], "offline"),
            (["annotate", "lasot", "DATA", "--out", "x", "--feedback", "last"], "uniform:K"),
            (["annotate", "lasot", "DATA", "--out", "x", "--feedback", "uniform:0"], "uniform:K"),
            (["annotate", "lasot", "DATA", "--out", "x", "--theta", "3"], "--theta"),
            (["annotate", "lasot", "DATA", "--out", "x", "--verifier", "oracel"], "oracle"),
            (["annotate", "lasot", "DATA", "--out", "x", "--split", "validation"], "test"),
            (["annotate", "lasot", "DATA", "--out", "x", "--sequences", "nothing-1"], "nothing-1"),
            (["annotate", "lasot", "DATA", "--out", "x", "--encoder", "ViT-B-33"], "ViT-B-32"),
            (["score", "/no/such/run"], "/no/such/run"),
            (["write-back", "DATA", "DATA", "--to", "x"], "run.json"),
        ],
    )
    def test_message(self, arguments, says, data, tmp_path):
        done = chatdesc(*[data if a == "DATA" else a for a in arguments], cwd=tmp_path)
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert says in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr) < 1000

    def test_another_configuration_is_refused_with_its_keys(self, data, run):
        done = chatdesc("annotate", "lasot", data, "--out", run, *QUICK, "--theta", "0.4")
        assert done.returncode == 2
        assert "settings.theta: was 0.3, now 0.4" in done.stderr
        assert "rounds" not in done.stderr

    def test_a_folder_that_is_no_run(self, data, tmp_path):
        (tmp_path / "holiday.txt").write_text("keep me")
        done = chatdesc("annotate", "lasot", data, "--out", tmp_path, *QUICK)
        assert done.returncode == 2
        assert [p.name for p in tmp_path.iterdir()] == ["holiday.txt"]

    def test_failed_rows_exit_with_one(self, tmp_path):
        render(tmp_path / "data", count=2, frames=3, seed=4)
        next((tmp_path / "data").rglob("00000001.jpg")).write_bytes(b"")
        done = chatdesc("annotate", "lasot", tmp_path / "data", "--out", tmp_path / "run", *QUICK)
        assert done.returncode == 1
        assert "status corrupt_frame" in done.stdout
        assert "00000001.jpg" in done.stdout
        strict = chatdesc("annotate", "lasot", tmp_path / "data", "--out", tmp_path / "strict", *QUICK, "--strict")
        assert strict.returncode == 2
        assert "corrupt_frame" in strict.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_a_disk_that_takes_no_more_is_one_message_and_nothing_finished_is_lost(data, run, tmp_path):
    import resource

    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "chatdesc",
        "annotate",
        "lasot",
        str(data),
        "--out",
        str(out),
        *QUICK,
        "--cache",
        "",
    ]
    limits = (3000, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)  # noqa: E731
    starved = subprocess.run(command, capture_output=True, text=True, preexec_fn=limit, env={**os.environ})
    assert starved.returncode == 3, starved.stderr
    assert "Traceback" not in starved.stderr
    assert starved.stderr.strip().splitlines()[-1].startswith("chatdesc: ")
    assert "then repeat the command" in starved.stderr
    assert subprocess.run(command, capture_output=True, env={**os.environ}).returncode == 0
    for row in (run / "rows").iterdir():
        assert json.loads((out / "rows" / row.name).read_text()) == json.loads(row.read_text())


def test_output_that_nobody_reads_is_no_traceback(run):
    command = f"{sys.executable} -m chatdesc show {run} circle-1 | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr


def test_interrupt_ends_cleanly_and_says_how_to_go_on(tmp_path):
    render(tmp_path / "data", count=12, frames=3, seed=6)
    command = [sys.executable, "-m", "chatdesc", "annotate", "lasot", str(tmp_path / "data"), "--out"]
    out = tmp_path / "run"
    process = subprocess.Popen(
        [*command, str(out), *QUICK, "--sequences-in-flight", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a suite that was started in the background ignores the signal, and so would its children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("rows/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in stdout
    assert "Traceback" not in stderr
    assert not (out / "dataset").exists()
    assert list(out.glob("rows/*.json"))


@pytest.mark.parametrize("command", ["annotate", "export"])
def test_a_place_that_cannot_be_is_wrong_usage_and_no_fault_of_the_machine(data, run, command):
    place = data / "testing_set.txt" / "below"
    commands = {
        "annotate": ("annotate", "lasot", data, "--out", place, *QUICK),
        "export": ("export", run, "--to", place, "--layout", "lasot"),
    }
    done = chatdesc(*commands[command])
    assert done.returncode == 2, done.stderr
    assert "Not a directory; is the name right?" in done.stderr and "Traceback" not in done.stderr


def test_a_list_of_names_in_another_encoding_is_read(data, tmp_path):
    (tmp_path / "names.txt").write_bytes(b"caf\xe9-1\n")
    done = chatdesc("annotate", "lasot", data, "--sequences", tmp_path / "names.txt", "--out", tmp_path / "run", *QUICK)
    assert done.returncode == 2 and "there is no sequence" in done.stderr and "Traceback" not in done.stderr
