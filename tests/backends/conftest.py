"""Tiny random models, each built once in a session when a test first asks for it."""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Gives the folder of a model by its kind: see tests/makers/models.py."""
    from tests.makers.models import build

    root = tmp_path_factory.mktemp("tiny-models")
    return cache(lambda kind: build(kind, root / kind))


@pytest.fixture
def hub_cache():
    """Puts a folder into the Hub's cache as a download of ``ORG/NAME`` would; gives its commit."""
    made = []

    def put(model, folder, commit="0123456789abcdef0123456789abcdef01234567"):
        root = Path(os.environ["HF_HOME"], "hub", f"models--{model.replace('/', '--')}")
        made.append(root)
        shutil.copytree(folder, root / "snapshots" / commit)
        (root / "refs").mkdir()
        (root / "refs" / "main").write_text(commit)
        return commit

    yield put
    for root in made:
        shutil.rmtree(root)
