"""The stand-ins do what their names say: a rig whose faults do not happen finds nothing."""

from __future__ import annotations

import errno
import io
import pickle
import random
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest

from chatdesc.atomic import write_atomic
from chatdesc.backends import create
from chatdesc.loaders import load
from chatdesc.synthetic import render
from chatdesc.types import Crop, Embed, FrameRef
from tests.fuzz.command import command, crash_in
from tests.fuzz.outcome import Outcome
from tests.fuzz.scene import difference
from tests.standins import hostile_archives
from tests.standins.failing_files import failing
from tests.standins.full_disk import file_limit
from tests.standins.hostile_models import WEIGHTS
from tests.standins.model_server import model_server
from tests.standins.narrow_cone import NarrowCone


def test_the_narrow_cone_has_the_cosines_of_clip(tmp_path):
    render(tmp_path, count=6, frames=4, seed=1)
    encoder = NarrowCone(create("encoder", "attributes"))
    among, across = [], []
    for sequence in load("lasot", tmp_path):
        target = [Crop(FrameRef(sequence.frames, i), sequence.boxes[i]) for i in range(4)]
        corner = Crop(FrameRef(sequence.frames, 0), np.array([0, 0, 30, 30], np.float32))
        [answer] = encoder.embed([Embed("x", (*target, corner), ("red circle", "blue star", "no such word"))])
        among += (answer.crops @ answer.crops.T)[np.triu_indices(5, 1)].tolist()
        across += (answer.crops @ answer.texts.T).ravel().tolist()
    assert 0.5 < min(among) < 0.95 and 0.19 < min(across) < 0.21 and 0.28 < max(across) < 0.31


def test_the_narrow_cone_keeps_the_order():
    raw = create("encoder", "attributes")
    [plain] = raw.embed([Embed("x", (), ("red circle", "red star", "blue star"))])
    [narrow] = NarrowCone(raw).embed([Embed("x", (), ("red circle", "red star", "blue star"))])
    assert np.array_equal(np.argsort(plain.texts @ plain.texts[0]), np.argsort(narrow.texts @ narrow.texts[0]))


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_a_limit_on_files_fails_a_write(tmp_path):
    write = f"file = open({str(tmp_path / 'a')!r}, 'wb', 0)\nfile.write(bytes(9000)), file.write(b'x')"
    done = subprocess.run([sys.executable, "-c", write], preexec_fn=file_limit(5000), capture_output=True, text=True)
    assert "File too large" in done.stderr and (tmp_path / "a").stat().st_size == 5000


def test_the_call_that_is_named_fails_and_no_other(tmp_path):
    for call in ("replace", "fsync", "open"):
        with failing(call, "ENOSPC", 2, 1, str(tmp_path)) as failed:
            write_atomic(tmp_path / "a", "1")
            with pytest.raises(OSError, match="No space") as caught:
                write_atomic(tmp_path / "a", "2")
            write_atomic(tmp_path / "a", "3")
        assert caught.value.errno == errno.ENOSPC and len(failed) == 1
        assert (tmp_path / "a").read_text() == "3"


def answer(server):
    body = b'{"messages": [{"content": "x"}]}'
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/chat/completions", body, headers)
    try:
        return urllib.request.urlopen(request, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(getattr(error, "reason", error)).__name__


def test_a_model_server_is_ill_when_it_is_told_and_well_again():
    with model_server() as server:
        assert answer(server) == 200
        server.for_some(1, "503")
        assert [answer(server), answer(server)] == [503, 200]
        server.after(1, "429")
        assert [answer(server), answer(server)] == [200, 429]
        server.go_away()
        assert answer(server) == "ConnectionRefusedError"
        server.come_back()
        server.well()
        assert answer(server) == 200


@pytest.mark.parametrize(
    "attack", ["a pickle as pytorch_model.bin", "a zipped pickle named safetensors", "pickled parts"]
)
def test_malicious_weights_would_run_if_they_were_unpickled(tmp_path, attack):
    import torch

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"")
    WEIGHTS[attack](tmp_path / "model", tmp_path / "ran")
    [file] = [path for path in (tmp_path / "model").iterdir() if path.suffix != ".json"]
    if file.read_bytes()[:2] == b"PK":
        torch.load(io.BytesIO(file.read_bytes()), weights_only=False)
    else:
        pickle.loads(file.read_bytes())
    assert (tmp_path / "ran").exists()


def test_a_bomb_is_small_and_says_that_it_is_large(tmp_path):
    import zipfile

    hostile_archives.CRAFTED["text of 2 GB"](tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.getinfo("bus/bus-2/nlp.txt").file_size == 2 << 30
        with archive.open("bus/bus-2/nlp.txt") as member:
            assert member.read(5 << 20) == bytes(5 << 20)
    assert (tmp_path / "a.zip").stat().st_size < 8 << 20


def test_damage_is_the_same_for_a_seed(tmp_path):
    sound = hostile_archives.zipped(tmp_path / "a.zip", hostile_archives.sequence()).read_bytes()
    names = [hostile_archives.damaged(tmp_path / "b.zip", sound, random.Random(seed)) for seed in (1, 1, 2)]
    assert names[0] == names[1] != names[2]
    assert (tmp_path / "b.zip").read_bytes() != sound


def test_what_goes_wrong_is_counted():
    outcome = Outcome()
    outcome.add("fine")
    assert outcome.sound
    outcome.add("short", wrong="a row less", lost=1)
    outcome.add("broken", crash="KeyError: 'x'")
    assert (outcome.tried, outcome.wrong, outcome.tracebacks, outcome.lost) == (3, 1, 1, 1)
    assert outcome.detail == ["short: wrong: a row less; rows lost: 1", "broken: traceback: KeyError: 'x'"]


def test_rows_that_differ_are_named():
    rows = {"a": {"text": "x", "iou": float("nan")}, "b": {"text": "y", "iou": 1.0}}
    assert difference(rows, rows) == ""
    assert (
        difference(rows, {"a": {"text": "z", "iou": float("nan")}, "c": {}})
        == "missing: b; too many: c; differing: a.text"
    )


def test_a_crash_is_no_message(monkeypatch):
    assert command("show", "nowhere", "x").code == 2
    monkeypatch.setattr("chatdesc.api.story", lambda row: 1 / 0)
    monkeypatch.setattr("chatdesc.api.row_of", lambda *_: {})
    done = command("show", "nowhere", "x")
    assert done.code == -1 and done.crash.startswith("ZeroDivisionError: division by zero (test_standins.py")
    assert crash_in('x\nTraceback (most recent call last):\n  File "a"\nKeyError: 1\n') == "KeyError: 1"
    assert crash_in("all is well") == ""
