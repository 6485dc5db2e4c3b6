"""The benchmarks of the checks, for tests of their bars."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def benchmark_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of benchmarks/ by its name; a wheel has none."""
    if not (REPOSITORY / "benchmarks").is_dir():
        pytest.skip("the benchmarks are not here (they are in the repository only)")
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))
    return importlib.import_module
