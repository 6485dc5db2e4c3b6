"""The package as a whole: what a wheel holds, who imports whom, and what a start loads."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import chatdesc

PACKAGE = Path(chatdesc.__file__).parent
CHECKOUT = Path(__file__).resolve().parents[1]
HEAVY = ("torch", "torchvision", "transformers", "cv2", "open_clip", "datasets", "pandas", "polars")

in_checkout = pytest.mark.skipif(
    not (CHECKOUT / "metrics").is_dir(), reason="there is no source tree beside these tests: a wheel is under test"
)


def modules():
    """Module name -> file, for every file of the package (behind links, too)."""
    found = {}
    for folder, _, names in os.walk(PACKAGE, followlinks=True):
        for name in names:
            if name.endswith(".py"):
                file = Path(folder, name)
                parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
                found[".".join(parts).removesuffix(".__init__")] = file
    return found


MODULES = modules()


@in_checkout
@pytest.mark.parametrize("statement", ["import metrics", "from loaders import lasot", "from cards import x"])
def test_bare_imports_are_banned(tmp_path, statement):
    file = tmp_path / "x.py"
    file.write_text(statement + "\n")
    lint = ["-m", "ruff", "check", "--config", str(CHECKOUT / "pyproject.toml"), "--select", "TID251", str(file)]
    done = subprocess.run([sys.executable, *lint], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "TID251" in done.stdout


def loaded_by(code):
    """Heavy modules that are in memory after running some code in a new process."""
    ask = f"\nimport sys; print('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code + ask], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1].split()[1:]


RUN_CLI = """
import sys
from chatdesc.cli.main import main
sys.argv = ["chatdesc", *{arguments!r}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def test_importing_loads_nothing_heavy():
    assert loaded_by("import chatdesc") == []
    assert loaded_by("import torch") == ["torch"]  # the question is asked rightly


@pytest.mark.parametrize("arguments", [["--help"], ["backends"], ["--version"], ["annotate", "--help"]])
def test_commands_that_only_speak_load_nothing_heavy(arguments):
    assert loaded_by(RUN_CLI.format(arguments=arguments)) == []


LIGHT = [n for n in MODULES if n.count(".") < 3 and not n.endswith("__main__")]


def test_no_module_loads_anything_heavy_when_it_is_imported():
    assert loaded_by("\n".join(f"import {name}" for name in sorted(LIGHT))) == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in a wheel that is built from a copy of the tree, without a network."""
    tree = tmp_path_factory.mktemp("wheel") / "tree"
    skip = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "shared", "runs", "demo")
    shutil.copytree(CHECKOUT, tree, symlinks=True, ignore=skip)
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(tree.parent), str(tree)]
    done = subprocess.run([sys.executable, *build], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [file] = tree.parent.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return archive.namelist()


@in_checkout
def test_a_wheel_installs_one_name(wheel):
    tops = {name.split("/")[0] for name in wheel}
    assert sorted(t for t in tops if not t.endswith(".dist-info")) == ["chatdesc"]
    assert len(tops) == 2


@in_checkout
def test_a_wheel_holds_every_file_of_the_package(wheel):
    data = (".py", ".txt", ".toml", ".yaml", ".jinja", ".typed", ".js", ".css", ".html")
    files = [Path(d, n) for d, _, names in os.walk(PACKAGE, followlinks=True) for n in names]
    expected = {str(f.relative_to(PACKAGE.parent)) for f in files if f.suffix in data or f.name == "py.typed"}
    for needed in ("metrics/ope.py", "loaders/__init__.py", "cards/dataset_card.md.jinja", "cards/lasot.yaml"):
        assert f"chatdesc/{needed}" in expected
    assert any(name.startswith("chatdesc/prompts/") for name in expected)
    assert "chatdesc/page/web/main.js" in expected
    assert expected <= set(wheel)


def test_data_files_are_found_where_the_package_is_installed():
    from importlib.resources import files

    assert (files("chatdesc.cards") / "dataset_card.md.jinja").is_file()
    assert (files("chatdesc") / "prompts" / "describe.txt").is_file()
    assert (files("chatdesc") / "py.typed").is_file()


def test_licence_and_citation_name_the_project():
    import yaml

    if not (CHECKOUT / "CITATION.cff").exists():
        pytest.skip("a wheel is under test")
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert citation["version"] == chatdesc.__version__
    assert "Apache License" in (CHECKOUT / "LICENSE").read_text()
