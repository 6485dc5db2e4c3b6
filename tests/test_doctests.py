"""Every example in a docstring is run, or it is not there."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
from pathlib import Path

import pytest

import chatdesc

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = sorted(
    m.name for m in pkgutil.walk_packages(chatdesc.__path__, "chatdesc.") if not m.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert result.failed == 0


def test_examples_are_found():
    examples = [
        t for name in MODULES for t in doctest.DocTestFinder().find(importlib.import_module(name)) if t.examples
    ]
    assert len(examples) > 20


def test_no_example_is_skipped():
    package = Path(chatdesc.__file__).parent
    files = [Path(folder, n) for folder, _, names in os.walk(package, followlinks=True) for n in names]
    skipped = [str(f) for f in files if f.suffix == ".py" and "doctest: +SKIP" in f.read_text(encoding="utf-8")]
    assert not skipped
