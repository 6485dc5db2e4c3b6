"""Fixtures for all tests. No test writes to a user's caches or leaves the machine."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports huggingface_hub or datasets: they read these once.
_caches = tempfile.TemporaryDirectory(prefix="chatdesc-tests-")
os.environ["HF_HOME"] = _caches.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# A busy machine is no failure.
settings.register_profile("chatdesc", deadline=None)
settings.load_profile("chatdesc")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real material to try things on; it is not part of the project, so tests that need it skip without it."""
    named = os.environ.get("CHATDESC_SHARED_DATA")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared data: set CHATDESC_SHARED_DATA to its folder")
    return folder
