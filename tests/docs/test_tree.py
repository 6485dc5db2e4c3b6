"""The tree in ARCHITECTURE.md: one line per file, and a file per line."""

from __future__ import annotations

import re

from tests.docs.snippets import ROOT

TEXT = ROOT / "ARCHITECTURE.md"
LINKED = ("loaders", "metrics", "cards")  # in chatdesc/ these are links to the folders at the top


def listed() -> list[str]:
    """The paths of the tree, folders with a slash at the end; two spaces are one level."""
    [tree] = re.findall(
        r"^## The tree\n.*?```text\n(.*?)```", TEXT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    paths, parents = [], []
    for line in tree.splitlines():
        indent, name, meaning = re.fullmatch(r"( *)(\S+)(.*)", line).groups()
        assert meaning.strip(), f"{line}: says nothing about the file"
        del parents[len(indent) // 2 :]
        paths.append("".join(parents) + name)
        if name.endswith("/"):
            parents.append(name)
    return paths


def test_every_line_names_what_exists():
    for path in listed():
        place = ROOT / path
        assert place.is_dir() if path.endswith("/") else place.is_file(), path
    assert len(listed()) == len(set(listed()))


def test_every_file_of_the_package_has_a_line():
    tops = ("chatdesc", *LINKED, "training", "benchmarks", "docs/tools")
    files = {path.relative_to(ROOT).as_posix() for top in tops for path in (ROOT / top).rglob("*.py")}
    inner = {path for path in files if path.endswith("__init__.py") or path.split("/")[1] in LINKED}
    lacking = sorted(files - inner - set(listed()))
    assert not lacking, f"add a line to the tree in ARCHITECTURE.md: {', '.join(lacking)}"
