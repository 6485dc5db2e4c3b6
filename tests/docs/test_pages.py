"""The pages as a whole: current, complete, linked, and built without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import yaml

import chatdesc
from chatdesc.cli.main import app
from tests.docs.snippets import PAGES, ROOT

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)\s]+)\)")
OUTSIDE = re.compile(r"""(?:src|href)=["']?(https?:)?//(?!127\.0\.0\.1)""")


@pytest.fixture(scope="module")
def reference():
    spec = spec_from_file_location("reference", DOCS / "tools" / "reference.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_current(reference):
    stale = [path.name for path, text in reference.pages().items() if path.read_text(encoding="utf-8") != text]
    assert not stale, f"run: python docs/tools/reference.py ({', '.join(stale)})"


def test_the_command_reference_has_every_command_and_option(reference):
    import typer

    page = reference.commands_page()
    for name, command in typer.main.get_command(app).commands.items():
        [section] = re.findall(rf"^###? {name}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
        for parameter in command.params:
            if parameter.name != "help":
                shown = parameter.opts[0] if parameter.param_type_name == "option" else parameter.help
                assert shown in section.replace("\\|", "|"), (name, parameter.name)


def test_a_generated_table_says_what_the_code_says(reference):
    assert "| `grounding` | GroundingRecord or null |" in reference.columns_tables()
    assert "| `boxes` | list of box | ground truth, one [x, y, w, h] per frame" in reference.columns_tables()
    assert "| `pytracking` | pytracking (PyTorch) | lasot, lasot_ext |" in reference.protocols_table()
    assert "| `offline` | attributes | attributes | csrt | attributes | none |" in reference.presets_table()


def test_readme_is_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", [*PAGES, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md"))])
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        target, _, anchor = link.partition("#")
        if link.startswith("http"):
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page.name}: {link}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{page.name}: {link}"


def test_the_navigation_names_every_page():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    navigation = yaml.safe_load(text[text.index("nav:") :])
    assert sorted(re.findall(r"[\w-]+\.md", str(navigation))) == sorted(path.name for path in DOCS.glob("*.md"))


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed: pip install -e '.[docs]'")
def test_the_site_builds_and_asks_no_other_host(tmp_path):
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    html = (tmp_path / "site" / "commands" / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*>", html)
    assert loaded and not [tag for tag in loaded if OUTSIDE.search(tag)]
    assert not (tmp_path / "site" / "tools").exists()


def test_messages_and_statuses_of_the_documentation_exist():
    """A message that somebody looks up is a message that the code prints."""
    package = Path(chatdesc.__file__).parent
    files = [Path(folder, name) for folder, _, names in os.walk(package, followlinks=True) for name in names]
    source = "\n".join(file.read_text(encoding="utf-8") for file in files if file.suffix == ".py")
    table = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(messages) >= 5
    assert [message for message in messages if message not in source] == []
    statuses = re.findall(r"`(\w+)`", (DOCS / "rows.md").read_text(encoding="utf-8").partition("## Status")[2])
    stages = {f"{stage}_failed" for stage in ("describe", "grounding")}  # put together from the stage's name
    assert {s for s in statuses if f'"{s}"' not in source} <= stages | {"status", "problems"}


def test_changelog_has_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+|Unreleased)\]?", text, re.MULTILINE)
    assert chatdesc.__version__ in versions
