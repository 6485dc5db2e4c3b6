"""The package as a whole: what a wheel holds, who imports whom, and what a start loads."""

import ast
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


def imports(file, known):
    """Modules of ours that a file imports, wherever in it, for types only or not."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in known else node.module)
    return {name for name in found if name.split(".")[0] == "chatdesc"}


def within(name, *allowed):
    return any(name == a or name.startswith(f"{a}.") for a in allowed)


def forbidden(importer, imported):
    """Whether ARCHITECTURE.md's directions forbid this import."""
    own = [f"chatdesc.{part}" for part in ("loaders", "metrics", "backends") if within(importer, f"chatdesc.{part}")]
    below = {
        "chatdesc.types": [],
        "chatdesc.text": [],
        "chatdesc.region": ["chatdesc.types"],
        "chatdesc.protocols": ["chatdesc.types"],
        "chatdesc.loaders": ["chatdesc.types", "chatdesc.text", "chatdesc.loaders"],
        "chatdesc.metrics": ["chatdesc.types", "chatdesc.metrics"],
        "chatdesc.backends": [
            *("chatdesc.types", "chatdesc.protocols", "chatdesc.region"),
            *("chatdesc.metrics", "chatdesc.backends"),
        ],
    }.get(own[0] if own else importer)
    if below is not None:
        return not within(imported, *below)
    wires = ("chatdesc.cli", "chatdesc.console", "chatdesc.fleet")
    if imported == "chatdesc.cli":
        return importer != "chatdesc.__main__"
    return imported == "chatdesc.run" and importer not in wires


def test_imports_run_one_way():
    assert len(MODULES) > 10
    assert {"chatdesc.loaders", "chatdesc.metrics.overlap"} <= set(MODULES)
    wrong = [
        f"{name} imports {other}"
        for name, file in sorted(MODULES.items())
        for other in sorted(imports(file, MODULES))
        if forbidden(name, other)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("importer", "imported", "refused"),
    [
        ("chatdesc.types", "chatdesc.rows", True),
        ("chatdesc.protocols", "chatdesc.types", False),
        ("chatdesc.protocols", "chatdesc.run", True),
        ("chatdesc.loaders.lasot", "chatdesc.loaders.files", False),
        ("chatdesc.loaders.writeback", "chatdesc.text", False),
        ("chatdesc.text", "chatdesc.types", True),
        ("chatdesc.backends.openai_api", "chatdesc.region", False),
        ("chatdesc.region", "chatdesc.describe", True),
        ("chatdesc.loaders.lasot", "chatdesc.metrics.overlap", True),
        ("chatdesc.metrics.ope", "chatdesc.loaders", True),
        ("chatdesc.backends.attributes", "chatdesc.ground", True),
        ("chatdesc.backends.attributes", "chatdesc.metrics.overlap", False),
        ("chatdesc.report", "chatdesc.run", True),
        ("chatdesc.cli", "chatdesc.run", False),
        ("chatdesc.run", "chatdesc.cli", True),
    ],
)
def test_the_rule_itself(importer, imported, refused):
    assert forbidden(importer, imported) == refused


def test_imports_are_found_wherever_they_are(tmp_path):
    file = tmp_path / "x.py"
    file.write_text("import os\ndef f():\n    from chatdesc import rows, load\n    import chatdesc.metrics.ope as o\n")
    assert imports(file, {"chatdesc.rows"}) == {"chatdesc", "chatdesc.rows", "chatdesc.metrics.ope"}


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
from chatdesc.cli import main
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
    data = (".py", ".txt", ".toml", ".yaml", ".jinja", ".typed")
    files = [Path(d, n) for d, _, names in os.walk(PACKAGE, followlinks=True) for n in names]
    expected = {str(f.relative_to(PACKAGE.parent)) for f in files if f.suffix in data or f.name == "py.typed"}
    for needed in ("metrics/ope.py", "loaders/__init__.py", "cards/dataset_card.md.jinja", "cards/lasot.yaml"):
        assert f"chatdesc/{needed}" in expected
    assert any(name.startswith("chatdesc/prompts/") for name in expected)
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
