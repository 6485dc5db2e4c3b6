"""Run folders damaged in every way that a disk, a copy or a hand may, and every command that reads them.

A command may refuse, with one message; it may not end in a traceback, wait for ever, or do its work on fewer sequences
without a word.
"""

from __future__ import annotations

import json
import os
import shutil

import pytest

from chatdesc.rows.store import Store
from chatdesc.synthetic import render
from chatdesc.types import ChatdescError
from tests.makers.commands import call

pytestmark = pytest.mark.usefixtures("windows_for_proposals")

COUNT = 3
ANNOTATE = (
    "annotate",
    "lasot",
    "ROOT",
    "--out",
    "RUN",
    "--tracker",
    "none",
    "--alignment-frames",
    "1",
    "--rounds",
    "0",
)
COMMANDS = {
    "show": ("show", "RUN", "NAME"),
    "score": ("score", "RUN", "--out", "NEW"),
    "compare": ("compare", "RUN", "ROOT", "--out", "NEW", "--tracker", "kcf"),
    "export lasot": ("export", "RUN", "--to", "NEW", "--layout", "lasot"),
    "export csv": ("export", "RUN", "--to", "NEW", "--layout", "csv"),
    "write-back": ("write-back", "RUN", "ROOT", "--to", "NEW"),
    "push": ("push", "RUN", "user/name", "--dry-run"),
    "annotate": ANNOTATE,
    "plan": (*ANNOTATE, "--dry-run"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A dataset of three sequences, a run on them, and the name of the one whose row is to be damaged."""
    place = tmp_path_factory.mktemp("damaged")
    name = render(place / "data", count=COUNT, frames=2, seed=4)[1]
    done = call(*(str({"ROOT": place / "data", "RUN": place / "run"}.get(part, part)) for part in ANNOTATE))
    assert done.exit_code == 0, done.output
    return place, name


def written(data):
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())


def changed(**columns):
    return lambda path: path.write_text(json.dumps(json.loads(path.read_text()) | columns))


def without(column):
    return lambda path: path.write_text(
        json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != column})
    )


def replaced(make):
    def damage(path):
        path.unlink()
        make(path)

    return damage


def copied_over(path):
    other = next(p for p in sorted(path.parent.iterdir()) if p != path)
    shutil.copy(other, path)


ROWS = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "cut to nothing": written(b""),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "one byte": lambda path: path.write_bytes(b"\xff" + path.read_bytes()[1:]),
    "garbage": written(bytes(range(256)) * 4),
    "not utf-8": lambda path: path.write_bytes(path.read_bytes().replace(b'"', b"\xff", 1)),
    "deep": written(b"[" * 100_000),
    "digits": written(b"9" * 10_000),
    "a list": written([1]),
    "null": written(None),
    "no sequence": without("sequence"),
    "sequence is a number": changed(sequence=5),
    "another sequence": copied_over,
    "only the name": lambda path: path.write_text(json.dumps({"sequence": json.loads(path.read_text())["sequence"]})),
    "no text": without("text"),
    "no split": without("split"),
    "text is a number": changed(text=5),
    "split is a list": changed(split=[]),
    "boxes are words": changed(boxes=["x"]),
    "boxes are one word": changed(boxes="x"),
    "rounds are null": changed(rounds=None),
    "rounds are words": changed(rounds=["x"]),
    "grounding is a list": changed(grounding=[1]),
    "alignment is words": changed(alignment=["x"]),
    "problems are null": changed(problems=None),
    "provenance is a word": changed(provenance="x"),
    "frames are a word": changed(frames="x"),
    "a folder": replaced(lambda path: path.mkdir()),
    "a dangling link": replaced(lambda path: path.symlink_to("nowhere")),
    "a link to itself": replaced(lambda path: path.symlink_to(path.name)),
    "a pipe": replaced(os.mkfifo),
}  # fmt: skip
FOLDERS = {
    "no run.json": lambda run: (run / "run.json").unlink(),
    "empty run.json": lambda run: (run / "run.json").write_text(""),
    "run.json is a list": lambda run: (run / "run.json").write_text("[1]"),
    "run.json is cut": lambda run: (run / "run.json").write_text((run / "run.json").read_text()[:-40]),
    "run.json is not utf-8": lambda run: (run / "run.json").write_bytes(b'{"dataset": "\xff"}'),
    "run.json is deep": lambda run: (run / "run.json").write_text("[" * 100_000),
    "run.json names no dataset": lambda run: changed(dataset=None)(run / "run.json"),
    "settings are a list": lambda run: changed(settings=[1])(run / "run.json"),
    "settings are empty": lambda run: changed(settings={})(run / "run.json"),
    "run.json is a folder": lambda run: replaced(lambda path: path.mkdir())(run / "run.json"),
    "no rows": lambda run: shutil.rmtree(run / "rows"),
    "rows are a file": lambda run: (shutil.rmtree(run / "rows"), (run / "rows").write_text("")),
    "a foreign file among the rows": lambda run: (run / "rows" / "notes.json").write_text("{}"),
    "no dataset": lambda run: shutil.rmtree(run / "dataset"),
    "the dataset is a file": lambda run: (shutil.rmtree(run / "dataset"), (run / "dataset").write_text("")),
    "the cache is garbage": lambda run: (run / "requests.sqlite").write_bytes(b"\xff" * 100),
    "the lock is a folder": lambda run: replaced(lambda path: path.mkdir())(run / ".lock"),
}
EVERY = os.environ.get("CHATDESC_FUZZ") == "1"  # all pairs of damage and command, which takes minutes


def pairs(damages):
    """Damages and commands; unless all are wanted, each damage meets one or two commands and each command many."""
    every = [(damage, command) for damage in damages for command in COMMANDS]
    return every if EVERY else every[::7]  # nine commands: seven is no divisor, so they take turns


def tried(whole, tmp_path, damage, command, monkeypatch):
    """Damage a copy of the run, call a command, and return what it did and where."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "hf_notatoken")
    place, name = whole
    shutil.copytree(place / "run", tmp_path / "run")
    damage(tmp_path / "run", Store(tmp_path / "run").path(name))
    places = {"RUN": tmp_path / "run", "ROOT": place / "data", "NAME": name, "NEW": tmp_path / "new"}
    return call(*(places.get(part, part) for part in COMMANDS[command]))


def refused_or_whole(done, command, tmp_path):
    """No traceback; and whoever says that all is well has done all."""
    assert isinstance(done.exception, ChatdescError | OSError | SystemExit | None), done.exception
    if done.exit_code == 0:
        assert sequences(command, tmp_path, done.output) == COUNT, done.output


def sequences(command, tmp_path, output):
    """How many sequences a command that ended well has worked on."""
    if command == "export csv":
        return len((tmp_path / "new" / "texts.csv").read_text().splitlines()) - 1
    if command in ("export lasot", "write-back"):
        return len(list((tmp_path / "new").rglob("nlp.txt")))
    if command == "annotate":
        return len(list(Store(tmp_path / "run").rows(Store(tmp_path / "run").names())))
    return COUNT


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("damage", "command"), pairs(ROWS))
def test_a_damaged_row(whole, tmp_path, damage, command, monkeypatch):
    done = tried(whole, tmp_path, lambda run, path: ROWS[damage](path), command, monkeypatch)
    refused_or_whole(done, command, tmp_path)
    if command == "annotate":
        assert done.exit_code == (1 if damage == "a folder" else 0), done.exception
    elif command != "plan":
        assert done.exit_code != 0
        assert not any(path.is_file() for path in (tmp_path / "new").rglob("*"))


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("damage", "command"), pairs(FOLDERS))
def test_a_damaged_folder(whole, tmp_path, damage, command, monkeypatch):
    done = tried(whole, tmp_path, lambda run, path: FOLDERS[damage](run), command, monkeypatch)
    refused_or_whole(done, command, tmp_path)
