"""Fixtures for all tests. No test writes to a user's caches or leaves the machine."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Before anything imports huggingface_hub or datasets: they read these once.
_caches = tempfile.TemporaryDirectory(prefix="chatdesc-tests-")
os.environ["HF_HOME"] = _caches.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# Before anything imports torch: networks this small wait for threads longer than they compute, and two workers of
# pytest-xdist with two threads each take twice the time on two cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests with their asserts rewritten, and the sources that every process of a test imports, are compiled once.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine is no failure.
settings.register_profile("chatdesc", deadline=None)
settings.load_profile("chatdesc")

REPOSITORY = Path(__file__).resolve().parents[1]

# The files that take longest, in that order: a long one at the end leaves the other worker without work.
LONGEST = """
    tiny/test_mutants engine/test_run share/test_hub backends/test_sam_trackers docs/test_snippets training/test_vlm
    backends/test_transformers_vlm evaluation/test_train_verifier share/test_hub_faults backends/test_openai_serve
    engine/test_recording engine/test_processes cli/test_compare backends/test_external_tracker metrics/test_protocols
    checks/test_bars backends/test_verifier_on_hub share/test_export share/test_hub_several cli/test_damaged_runs
""".split()


def pytest_configure(config: pytest.Config) -> None:
    """Of itself pytest-xdist starts with the files that have most tests, so that the slow ones may come last."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
    if "not network" in config.option.markexpr:
        trust_nobody()


def trust_nobody() -> None:
    """No certificates: nothing here speaks TLS, and every HTTP client would read those of this machine, for 30 ms."""
    empty = Path(_caches.name, "certificates")
    empty.mkdir()
    os.environ["SSL_CERT_DIR"] = str(empty)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """As --dist loadfile, but what a folder's tests share, a run and a browser, is made for one worker alone."""
    from xdist.scheduler import LoadFileScheduling

    class ByFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "tests/page" if nodeid.startswith("tests/page/") else super()._split_scope(nodeid)

    return ByFixtures(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    place = {tests / f"{name}.py": k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


def pytest_collection_finish() -> None:
    """What every test would do again is done once."""
    from tests.makers import command_group, garbage

    command_group.read_once()
    garbage.sought_seldom()


@pytest.fixture(scope="module")
def windows_for_proposals() -> Iterator[None]:
    """In a module whose subject is not what is found: a frame's proposals are windows of a grid, which cost nothing.

    The offline backends still measure them. Processes that the tests start search as ever.
    """
    from chatdesc.backends import attributes
    from chatdesc.lru_cache import LruCache
    from tests.makers.windows import windows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attributes, "search", windows)
        patch.setattr(attributes, "_measured", LruCache(256))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real material to try things on; it is not part of the project, so tests that need it skip without it."""
    named = os.environ.get("CHATDESC_SHARED_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data: set CHATDESC_SHARED_DATA to its folder")
    return folder
