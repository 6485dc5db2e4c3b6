"""The snippets of README and docs, run as they are written."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise

import pytest
from PIL import Image

from tests.docs.conftest import FRAMES, TOKEN, add_runs
from tests.docs.snippets import LANGUAGES, PAGES, ROOT, blocks, command_lines, needs_models, parse
from tests.makers.review_server import Server

COMMANDS = command_lines()
OURS = [line for line in COMMANDS if line.startswith("chatdesc ")]
SERVED = [line for line in OURS if line.startswith("chatdesc review ")]  # until Ctrl-C
OTHERS = [line for line in COMMANDS if not line.startswith("chatdesc ")]
PYTHON = {page.name: [b for b in blocks(page) if b.language == "python"] for page in PAGES}
OUT = re.compile(r"(?:--out |out=\")(runs/[\w-]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_has_a_language_that_these_tests_know(page):
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert page.read_text(encoding="utf-8").count("```") == 2 * len(blocks(page))


def test_the_parser_notices_what_is_wrong():
    for line in ("annotat lasot x", "annotate lasot /x", "annotate lasot /x --out y --no-such-option"):
        with pytest.raises(BaseException, match=r"."):
            parse(f"chatdesc {line}")
    for option in ("--grounder owl:x", "--preset huge"):
        with pytest.raises(BaseException, match=r"owl|huge"):
            parse(f"chatdesc annotate lasot /x --out y {option}")


@pytest.mark.parametrize("line", OURS)
def test_a_command_parses(line):
    parse(line)


@pytest.mark.parametrize("line", SERVED)
def test_a_review_starts_and_ends(line, hub, workspace, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HOME", str(workspace / "home"))
    monkeypatch.chdir(workspace)
    add_runs(workspace, line)
    words = [word.replace("/data/", f"{workspace}/data/") for word in shlex.split(line)[2:]]
    with Server(*words) as server:
        assert server.ask("/").status == 200
        said, code = server.stop()
    assert code == 0, said


@pytest.mark.parametrize("line", [line for line in OURS if line not in SERVED and not needs_models(line)])
def test_a_command_runs(line, ask, workspace):
    if "annotate" not in line:
        add_runs(workspace, line)
    if "learned:verifier" in line:
        (workspace / "base/verifier").rename(workspace / "verifier")
    words = [word.replace("/data/", f"{workspace}/data/") for word in shlex.split(line)[1:]]
    done = ask(workspace, command=words)
    assert done["code"] == 0, (COMMANDS[line], done)


@pytest.mark.parametrize("line", OTHERS)
def test_other_commands_name_what_exists(line):
    """``make`` has the target, ``python`` and ``pip`` have the file."""
    program, *words = shlex.split(line)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    if program == "make":
        assert all(re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE) for word in words)
    elif program == "python":
        assert (ROOT / words[0]).is_file()
    else:
        assert [program, words[0]] == ["pip", "install"]
        assert all((ROOT / after).is_file() for flag, after in pairwise(words) if flag == "-c")


@pytest.mark.parametrize("page", [name for name, found in PYTHON.items() if found])
def test_python_compiles_and_its_names_exist(page):
    for block in PYTHON[page]:
        for node in ast.walk(ast.parse(block.text, filename=block.place)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            elif isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), block.place
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "chatdesc":
                assert hasattr(importlib.import_module("chatdesc"), node.attr), f"{block.place}: {node.attr}"


def runnable(page: str) -> str:
    """The Python of a page as one program; what reads standard input is a program of its own."""
    return "\n".join(block.text for block in PYTHON[page] if "sys.stdin" not in block.text)


@pytest.mark.parametrize("page", [page for page in PYTHON if runnable(page)])
def test_python_runs(page, ask, workspace):
    code = runnable(page)
    add_runs(workspace, OUT.sub("", code))
    done = ask(workspace, python=code.replace("/data/", f"{workspace}/data/"))
    assert done["code"] == 0, done["err"]
    assert done["out"].strip()


def test_the_stub_of_a_tracker_runs(ask, workspace):
    [stub] = [block.text for block in PYTHON["models.md"] if "sys.stdin" in block.text]
    (workspace / "stub.py").write_text(stub)
    command = ["annotate", "lasot", str(workspace / "data/LaSOT"), "--out", "runs/stub", "--rounds", "0"]
    done = ask(workspace, command=[*command, "--tracker", f"external:{sys.executable} {workspace / 'stub.py'}"])
    assert done["code"] == 0, done
    row = json.loads((workspace / "runs/stub/rows/airplane-15.json").read_text(encoding="utf-8"))
    assert row["tracking"]["boxes"] == [row["boxes"][0]] * FRAMES


def test_the_picture_is_drawn_from_a_run(base, tmp_path):
    """The command that README's picture was made with, on the runs of these tests."""
    out = tmp_path / "picture.png"
    script = [
        sys.executable,
        str(ROOT / "docs/tools/before_after.py"),
        str(base / "base/lasot"),
        str(base / "data/LaSOT"),
    ]
    command = [*script, "--sequences", "airplane-1", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    with Image.open(out) as picture, Image.open(ROOT / "docs/pictures/before_after.png") as shown:
        assert picture.height == shown.height  # one panel above the other, here in one column of the three
        assert 2.8 < shown.width / picture.width < 3
