"""numba is used where it is there, works and may; what it compiled is kept where that is possible."""

from __future__ import annotations

import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from chatdesc import compiled


@pytest.fixture(autouse=True)
def _asked_anew():
    compiled.can_compile.cache_clear()
    yield
    compiled.can_compile.cache_clear()


@pytest.mark.parametrize(
    "error",
    [
        ImportError("Numba needs NumPy 1.0 or less"),
        OSError("Could not find/load shared object file"),
        AttributeError("module 'coverage' has no attribute 'types'"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_numba_that_cannot_be_imported_is_none(error, monkeypatch):
    real = builtins.__import__

    def failing(name, *arguments, **options):
        if name == "numba":
            raise error
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", failing)
    assert not compiled.can_compile()


def test_numba_can_be_switched_off(monkeypatch):
    numba = pytest.importorskip("numba")
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 0)
    assert compiled.can_compile()
    compiled.can_compile.cache_clear()
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert not compiled.can_compile()


def test_loops_compile_where_no_folder_can_be_written_to(tmp_path):
    pytest.importorskip("numba")
    module = tmp_path / "package" / "loops.py"
    module.parent.mkdir()
    module.write_text(
        "from chatdesc.compiled import compiled\n\n\n@compiled\ndef double(x):\n    return 2 * x\n", encoding="utf-8"
    )
    # a file where the folders would be: not even root can make them
    (module.parent / "__pycache__").write_text("")
    code = f"import sys; sys.path.insert(0, {str(module.parent)!r}); import loops; print(loops.double(21))"
    root = Path(compiled.__file__).parents[1]
    blocked = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache", "PYTHONPATH": str(root), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=blocked, capture_output=True, text=True)
    assert done.stdout == "42\n", done.stderr
